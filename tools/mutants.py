"""`make mutants`: mutation testing. Small faults in a sample of places, and which of them the unit tests notice.

Not mutmut 3: it mutates undecorated functions alone, and settings, limits and the tables of credentials are class bodies and constants. Not cosmic-ray:
a new pytest for each mutant takes longer than the tests. Here pytest and the libraries are imported once, and every mutant is tried in a fork.
"""

import ast
import contextlib
import copy
import importlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import pytest
import typer

ROOT = Path(__file__).parents[1]
PACKAGE = "components/airflow_stack"
ROOMS = {
    "settings": ["settings"],
    "inputs": ["inputs"],
    "chart": ["chart"],
    "credentials": ["credentials.py", "names.py", "parts/generated_credentials.py"],
    "diff": ["cli/diff"],
    "adopt": ["cli/adopt"],
}
SECONDS = 600  # for the tests of one mutant, on a busy machine
OPTIONS = "-x -q -p no:cacheprovider -p no:xdist --no-header -rfE --tb=no --snapshot-warn-unused".split()

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.BitAnd: ast.BitOr,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: `after` instead of `before`, at one place of one file."""

    room: str
    file: str
    line: int
    operator: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        """Place, operator and fault, on three lines."""
        return f"{self.file}:{self.line} ({self.operator})\n  - {self.before}\n  + {self.after}"


UNCHANGED = Mutant("", f"{PACKAGE}/names.py", 0, "", "", "", (ROOT / PACKAGE / "names.py").read_text())


def changed(node: ast.AST, **fields: object) -> str:
    """Source of an expression with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return f"({ast.unparse(other)})"


def faults(node: ast.AST) -> Iterator[tuple[str, ast.expr | ast.stmt, str]]:
    """The faults of one node: operator, the node to replace, its replacement."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            yield "comparison", node, changed(node, ops=[SWAPPED[type(op)]()])
        case ast.BoolOp(op=op):
            yield "and/or", node, changed(node, op=SWAPPED[type(op)]())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "removed not", node, f"({ast.unparse(operand)})"
        case ast.BinOp(op=ast.BitOr(), left=left, right=right) if not is_none(right):
            yield "lost operand", node, f"({ast.unparse(left)})"
        case ast.BinOp(op=op, left=left) if type(op) in SWAPPED and not is_text(left):
            yield "arithmetic", node, changed(node, op=SWAPPED[type(op)]())
        case ast.Constant(value=bool() as value):
            yield "constant", node, str(not value)
        case ast.Constant(value=int() as value):
            yield "constant", node, str(value + 1)
        case ast.Constant(value=str() as value) if not re.search(r"\s", value):  # words with spaces are messages
            yield "string", node, repr(f"{value}-mutant")
        case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[key, _], keywords=[]):
            yield "default", node, changed(node, args=[key])
        case ast.Call(func=ast.Name(id="Field"), keywords=[_, *_] as keywords):
            yield "lost limit", node, changed(node, keywords=keywords[:-1])
        case ast.Dict(keys=[_, *_] as keys, values=values):
            for number in range(len(keys)):
                kept = keys[:number] + keys[number + 1 :], values[:number] + values[number + 1 :]
                yield "lost entry", node, changed(node, keys=kept[0], values=kept[1])
        case ast.Return(value=ast.expr() as value) if not is_none(value):
            yield "return value", node, "return None"
        case (
            ast.Expr(value=ast.Call() | ast.Yield() | ast.YieldFrom()) | ast.Raise() | ast.AugAssign() | ast.Continue()
        ):
            yield "removed statement", node, "pass"
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            yield "removed statement", node, "pass"
    for test in node.ifs if isinstance(node, ast.comprehension) else [getattr(node, "test", None)]:
        if isinstance(test, ast.Name | ast.Call | ast.Attribute | ast.NamedExpr):
            yield "condition", test, f"(not ({ast.unparse(test)}))"


def is_none(node: ast.AST) -> bool:
    """Whether an expression is `None`: of a type such as `Path | None`, or of a `return` that returns nothing."""
    return isinstance(node, ast.Constant) and node.value is None


def is_text(node: ast.AST) -> bool:
    """Whether an operand is a text or a list, so that only `+` has a meaning."""
    return isinstance(node, ast.JoinedStr | ast.List | ast.Constant) and not isinstance(getattr(node, "value", ""), int)


def places(node: ast.AST) -> Iterator[ast.AST]:
    """Every node except docstrings, annotations without a limit, and f-strings, whose positions Python 3.11 gets wrong."""
    yield node
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            has_limits = isinstance(child, ast.AST) and any(isinstance(inner, ast.Call) for inner in ast.walk(child))
            if isinstance(child, ast.AST) and (has_limits or name not in ("annotation", "returns")):
                yield from places(child)


def mutants_of(room: str, path: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for place in places(ast.parse(source)):
        for operator, node, text in faults(place):
            ends = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
            start, end = (starts[line - 1] + column for line, column in ends)
            before = " ".join(source[start:end].decode().split())
            other = (source[:start] + text.encode() + source[end:]).decode()
            yield Mutant(room, str(path.relative_to(ROOT)), node.lineno, operator, before, text, other)


@cache
def by_operator(room: str) -> dict[str, list[Mutant]]:
    """Every mutant of a room, by operator."""
    mutants: dict[str, list[Mutant]] = defaultdict(list)
    for path in (ROOT / PACKAGE / part for part in ROOMS[room]):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for mutant in mutants_of(room, file):
                mutants[mutant.operator].append(mutant)
    return mutants


def sample(number: int, seed: int) -> list[Mutant]:
    """As many mutants of each room, and within a room of each operator as far as there are any."""
    chosen = []
    for position, room in enumerate(ROOMS):
        choice = random.Random(f"{seed} {room}")  # noqa: S311 a repeatable sample
        operators = {operator: mutants.copy() for operator, mutants in by_operator(room).items()}
        for found in operators.values():
            choice.shuffle(found)
        wanted = number // len(ROOMS) + (position < number % len(ROOMS))
        while wanted and operators:
            for operator in choice.sample(sorted(operators), len(operators))[:wanted]:
                mutant = operators[operator].pop()
                with contextlib.suppress(SyntaxError):
                    ast.parse(mutant.source)
                    chosen.append(mutant)
                    wanted -= 1
                if not operators[operator]:
                    del operators[operator]
    random.Random(seed).shuffle(chosen)  # noqa: S311 a part of the run is a sample too
    return chosen


def test_files(mutant: Mutant, is_near: bool) -> list[str]:
    """The test files that name the module or its folder, rooms before whole programs; or all the others."""
    module = mutant.file.removeprefix("components/").removesuffix(".py").replace("/", ".")
    folder = module.rpartition(".")[0]
    names = {module, folder if folder.count(".") else module, f"test_{mutant.file.split('/')[-2]}", f"/{mutant.room}/"}
    tests = [(str(path.relative_to(ROOT)), path.read_text()) for path in (ROOT / "tests/unit").rglob("test_*.py")]
    found = [path for path, text in tests if is_near == any(name in path + text for name in names)]
    return sorted(found, key=lambda path: (path.count("/") == 2, path))


def start_worker(folders: str) -> None:
    """A process that tries mutants, in a copy of its own: the package is read from there."""
    folder = f"{folders}/{os.getpid()}"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", ".state", ".*_cache", "__pycache__"))
    os.chdir(folder)
    Path(".venv").symlink_to(ROOT / ".venv")
    subprocess.run("git init --quiet && git add --all", shell=True, check=True)  # noqa: S602 some tests list the files
    sys.dont_write_bytecode = True  # two mutants of one second and one length would share it
    os.environ |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": f"{folder}/components"}
    sys.path[:] = [step for step in sys.path if not step.startswith(str(ROOT)) or ".venv" in step]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(str(ROOT)) and ".venv" not in file and name not in ("__main__", "__mp_main__"):
            del sys.modules[name]
    importlib.invalidate_caches()


def attempt(mutant: Mutant, is_near: bool) -> tuple[Mutant, str, float]:
    """The first test that fails with a mutant, empty when none does, and the seconds it took."""
    began, path = time.monotonic(), Path(mutant.file)
    original = path.read_text()
    path.write_text(mutant.source)
    try:
        with tempfile.TemporaryFile("w+") as output:
            if (child := os.fork()) == 0:
                os.setsid()
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                files = test_files(mutant, is_near)
                os._exit(int(pytest.main([*OPTIONS, *files])) if files else 0)
            while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() - began < SECONDS:
                time.sleep(0.05)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)  # what a test left running, too
            if ended == (0, 0):
                os.waitpid(child, 0)
                return mutant, "timeout", time.monotonic() - began
            output.seek(0)
            failed = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output.read(), re.MULTILINE)
    finally:
        path.write_text(original)
    killer = failed[0] if failed else "the interpreter" if os.waitstatus_to_exitcode(ended[1]) else ""
    return mutant, killer, time.monotonic() - began


def main(
    number: Annotated[int, typer.Option(help="Mutants to try.")] = 300,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 1,
    jobs: Annotated[int, typer.Option(help="Mutants tried at the same time.")] = os.cpu_count() or 1,
    only: Annotated[str, typer.Option(help="Regular expression for `file:line`.")] = "",
    show: Annotated[bool, typer.Option(help="List the sample, and try nothing.")] = False,
) -> None:
    """Try a sample of mutants, and print the survivors and the score of each room."""
    chosen = [mutant for mutant in sample(number, seed) if re.search(only, f"{mutant.file}:{mutant.line}")]
    if show:
        print(*chosen, sep="\n")
        return
    with contextlib.redirect_stdout(io.StringIO()) as output:
        if pytest.main([*OPTIONS, "--collect-only", str(ROOT / "tests/unit")]):
            sys.exit(output.getvalue())
    survivors = [UNCHANGED, *chosen]
    with tempfile.TemporaryDirectory() as folders, get_context("fork").Pool(jobs, start_worker, [folders]) as pool:
        for is_near in (True, False):
            results = pool.imap_unordered(partial(attempt, is_near=is_near), survivors)
            survivors = []
            for mutant, killer, seconds in results:
                if killer and mutant == UNCHANGED:
                    sys.exit(f"Without a mutant, this fails: {killer}")
                print(f"{seconds:.0f} s, {killer or 'survived'}: {mutant}", flush=True)
                if not killer:
                    survivors.append(mutant)
    print("\nSurvivors:", *(mutant for mutant in survivors if mutant != UNCHANGED), sep="\n")
    alive = Counter(mutant.room for mutant in survivors)
    for room, tried in Counter(mutant.room for mutant in chosen).items():
        print(f"{room}: {tried - alive[room]} of {tried} killed")


if __name__ == "__main__":
    typer.run(main)
