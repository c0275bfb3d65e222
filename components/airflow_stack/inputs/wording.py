"""Problems as text: for a stack file, a Python program, and a served component."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence

import pulumi

from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError
from airflow_stack.names import PROJECT
from airflow_stack.settings.problem import Problem, Remove, Set, SetSecret, Step

from .paths import in_python


class SettingsError(
    UserError, pulumi.RunError, ValueError
):  # of a RunError Pulumi prints the message without a traceback
    """Wrong settings of a stack; `problems` holds all of them."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.problems, self.stack = list(problems), stack
        super().__init__(
            _report(f"stack {stack!r}", "setting", (in_stack_file(problem, stack) for problem in problems))
        )

    def as_data(self) -> list[dict[str, object]]:
        """The problems for programs."""
        return [_as_data(problem, fix_in_stack_file(problem, self.stack)) for problem in self.problems]


class ArgumentsError(SettingsError):
    """Wrong arguments of one `Airflow` in a program; `problems` holds all of them."""

    def __init__(self, name: str, problems: Sequence[Problem], spelled: Callable[[str], str] = in_python) -> None:
        self.problems = list(problems)
        texts = (in_program(problem, spelled) for problem in problems)
        Exception.__init__(self, _report(f"Airflow {name!r}", "argument", texts))


def _as_data(problem: Problem, fix: str) -> dict[str, object]:
    texts = {
        "path": problem.path,
        "value": problem.value,
        "allowed": problem.allowed,
        "fix": fix,
        "or": problem.otherwise,
    }
    return {"message": f"{problem.path} {problem.reason}", **{key: text for key, text in texts.items() if text}}


class TableError(SettingsError):
    """Wrong entries of a table of many Airflows; `problems` holds all of them, with paths in the table.

    Args:
        file: Name of the table's file.
        problems: The problems, each with its line; 0: none.
    """

    def __init__(self, file: str, problems: Sequence[tuple[Problem, int]]) -> None:
        self.problems = [problem for problem, _ in problems]
        self._lines = [line for _, line in problems]
        texts = []
        for problem, line in problems:
            key, *others = in_program(problem, str).splitlines()
            texts.append("\n".join([f"{key} (line {line})" if line else key, *others]))
        Exception.__init__(self, _report(file, "entry", texts))

    def as_data(self) -> list[dict[str, object]]:
        """The problems for programs, each with its line in the table."""
        return [
            {**_as_data(problem, fix_in_program(problem, str)), "line": line}
            for problem, line in zip(self.problems, self._lines, strict=True)
        ]


def in_stack_file(problem: Problem, stack: str = "") -> str:
    """Key and value, reason, allowed values and fix: a line each. Fixes are Pulumi commands."""
    return _lines(problem, f"{PROJECT}:{problem.path}", fix_in_stack_file(problem, stack))


def fix_in_stack_file(problem: Problem, stack: str = "") -> str:
    """The shell commands that correct a stack, on one line. Without `stack` they correct the selected one."""
    of_stack = f" --stack {shlex.quote(stack)}" if stack else ""

    def command(step: Step) -> str:
        match step:
            case Set(path, value):
                return f"pulumi config set {_key(path)} {shlex.quote(value)}{of_stack}"
            case Remove(path, is_key):
                return f"pulumi config rm {shlex.quote(f'{PROJECT}:{path}') if is_key else _key(path)}{of_stack}"
            case SetSecret(key):
                return SECRETS[key].command_for(stack)
        return step

    return _fix(problem, command, " && " if not any(isinstance(step, str) for step in problem.fix) else ", then ")


def _key(path: str) -> str:
    """The setting, for `pulumi config`: with `--path` it changes the leaf alone."""
    numbered = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path)  # items of a list
    quoted = numbered.replace("'", "'\\''")  # `shlex.quote` would quote only some of them
    return f"--path '{PROJECT}:{quoted}'" if "." in path else f"{PROJECT}:{path}"


def in_program(problem: Problem, spelled: Callable[[str], str] = in_python) -> str:
    """The same for an argument of `Airflow`, its name as the program's language spells it."""
    parent, dot, last = problem.path.rpartition(".")
    key = f"{spelled(parent)}{dot}{last}" if problem.is_unknown else spelled(problem.path)
    return _lines(problem, key, fix_in_program(problem, spelled))


def fix_in_program(problem: Problem, spelled: Callable[[str], str] = in_python) -> str:
    """The changes that correct an argument, on one line."""

    def change(step: Step) -> str:
        match step:
            case Set(path, value) if value.startswith("<"):
                return f"correct {spelled(path)}" if path == problem.path else f"set {spelled(path)}"
            case Set(path, value):
                return f"set {spelled(path)} to {value}"
            case Remove(path):
                return f"leave out {spelled(path)}"
            case SetSecret(key):
                return f"pass the secret {spelled(key)}"
        return step

    return _fix(problem, change, ", then ")


def _fix(problem: Problem, worded: Callable[[Step], str], then: str) -> str:
    return then.join(map(worded, problem.fix))


def _lines(problem: Problem, key: str, fix: str) -> str:
    lines = [f"  {key}" + (f" = {problem.value}" if problem.value is not None else ""), f"    {problem.reason}"]
    more = {"allowed": problem.allowed, "fix": fix, "or" if fix else "fix": problem.otherwise}
    return "\n".join([*lines, *(f"    {what}: {text}" for what, text in more.items() if text)])


def _report(subject: str, kind: str, texts: Iterable[str]) -> str:
    found = list(texts)
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    count = f"1 {kind}" if len(found) == 1 else f"{len(found)} {plural}"
    return f"{subject} has {count} to correct\n\n" + "\n\n".join(found) + "\n"
