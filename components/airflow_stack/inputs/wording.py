"""Problems as text: for a stack file, a Python program, and a served component."""

import re
from collections.abc import Callable, Iterable, Sequence

import pulumi

from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError
from airflow_stack.names import PROJECT
from airflow_stack.settings.problem import REQUIRED, Problem, Remove, Set, SetSecret, Step

from .paths import in_python

# A fresh checkout has no repository in its stack files, and `make up` completes them.
_HINTS = {("dags.repository", REQUIRED): "; without it only `make up` works, and serves this project's own dags/"}


class SettingsError(
    UserError, pulumi.RunError, ValueError
):  # of a RunError Pulumi prints the message without a traceback
    """Wrong settings of a stack; `problems` holds all of them."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(_report(f"stack {stack!r}", "setting", map(in_stack_file, problems)))


class ArgumentsError(SettingsError):
    """Wrong arguments of one `Airflow` in a program; `problems` holds all of them."""

    def __init__(self, name: str, problems: Sequence[Problem], spelled: Callable[[str], str] = in_python) -> None:
        self.problems = list(problems)
        texts = (in_program(problem, spelled) for problem in problems)
        Exception.__init__(self, _report(f"Airflow {name!r}", "argument", texts))


def in_stack_file(problem: Problem) -> str:
    """Key and value, reason, allowed values and fix: a line each. Fixes are Pulumi commands."""

    hint = _HINTS.get((problem.path, problem.reason), "")
    return _lines(problem, f"{PROJECT}:{problem.path}", hint, fix_in_stack_file(problem))


def fix_in_stack_file(problem: Problem) -> str:
    """The Pulumi commands that correct a stack, on one line."""

    def command(step: Step) -> str:
        match step:
            case Set(path, value):
                return f"pulumi config set {_key(path)} {value}"
            case Remove(path):
                return f"pulumi config rm {_key(path)}"
            case SetSecret(key):
                return SECRETS[key].command
        return step

    return _fix(problem, command)


def _key(path: str) -> str:
    """The setting, for `pulumi config`."""
    numbered = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", path)  # items of a list
    return f"--path '{PROJECT}:{numbered}'" if "." in path else f"{PROJECT}:{path}"


def in_program(problem: Problem, spelled: Callable[[str], str] = in_python) -> str:
    """The same for an argument of `Airflow`, its name as the program's language spells it."""

    def change(step: Step) -> str:
        match step:
            case Set(path, "<value>"):
                return f"correct {spelled(path)}" if path == problem.path else f"set {spelled(path)}"
            case Set(path, value):
                return f"set {spelled(path)} to {value}"
            case Remove(path):
                return f"leave out {spelled(path)}"
            case SetSecret(key):
                return f"pass the secret {spelled(key)}"
        return step

    parent, dot, last = problem.path.rpartition(".")
    key = f"{spelled(parent)}{dot}{last}" if problem.is_unknown else spelled(problem.path)
    return _lines(problem, key, "", _fix(problem, change))


def _fix(problem: Problem, worded: Callable[[Step], str]) -> str:
    return ", or ".join(filter(None, [", then ".join(map(worded, problem.fix)), problem.otherwise]))


def _lines(problem: Problem, key: str, hint: str, fix: str) -> str:
    lines = [f"  {key}" + (f" = {problem.value}" if problem.value is not None else ""), f"    {problem.reason}{hint}"]
    more = {"allowed": problem.allowed, "fix": fix}
    return "\n".join([*lines, *(f"    {what}: {text}" for what, text in more.items() if text)])


def _report(subject: str, kind: str, texts: Iterable[str]) -> str:
    found = list(texts)
    count = f"1 {kind}" if len(found) == 1 else f"{len(found)} {kind}s"
    return f"{subject} has {count} to correct\n\n" + "\n\n".join(found) + "\n"
