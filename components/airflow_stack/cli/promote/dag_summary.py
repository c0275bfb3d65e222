"""Reads ids and schedules of DAGs from a file's text, without running it.

What is not a literal, nor the name of one in the same file, is "computed": two versions of it differ when its text does.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from warnings import catch_warnings

_NONE = "none"


@dataclass(frozen=True)
class Dag:
    """A DAG as its file declares it."""

    id: str
    schedule: str


class UnreadableError(ValueError):
    """A file that is not Python; the message says where."""


def dags_of(text: str) -> list[Dag]:
    """Every DAG that a file declares, by `DAG(...)` or `@dag`, in their order.

    Raises:
        UnreadableError: the file is not Python.
    """
    try:
        with catch_warnings(action="ignore"):  # an odd escape in a string is not ours to report
            tree = ast.parse(text)
        constants = _constants(tree)
        found = sorted((*_decorated(tree), *_called(tree)), key=lambda each: each[0])
        return [Dag(_said(name, constants), _schedule(call, constants)) for _, name, call in found]
    except SyntaxError as error:
        raise UnreadableError(f"is not Python: line {error.lineno}, {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"is not Python that can be read: {str(error) or 'too deep'}") from None


Found = tuple[int, ast.expr, ast.Call | None]


def _decorated(tree: ast.Module) -> Iterator[Found]:
    """`@dag` and `@dag(...)`; without a name, the function's is the DAG's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                if _name(call.func if call else decorator) == "dag":
                    yield node.lineno, (call and _argument(call, "dag_id")) or ast.Constant(node.name), call


def _called(tree: ast.Module) -> Iterator[Found]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "DAG" and (name := _argument(node, "dag_id")):
            yield node.lineno, name, node


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """A keyword argument; `dag_id` is the first positional one of both forms, too."""
    given = next((each.value for each in call.keywords if each.arg == name), None)
    return given or (call.args[0] if name == "dag_id" and call.args else None)


def _schedule(call: ast.Call | None, constants: dict[str, ast.expr]) -> str:
    if call is None:
        return _NONE
    if given := _argument(call, "schedule"):
        return _said(given, constants)
    return "computed (**)" if any(each.arg is None for each in call.keywords) else _NONE


def _said(value: ast.expr, constants: dict[str, ast.expr]) -> str:
    """A literal as it is, anything else as its text."""
    shown = constants.get(value.id, value) if isinstance(value, ast.Name) else value
    if isinstance(shown, ast.Constant):
        return _NONE if shown.value is None else str(shown.value)
    return f"computed ({ast.unparse(value)})"


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Names that the file gives a literal at its top, and nothing else anywhere."""
    stored = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as value) if stored[name] == 1:
                found[name] = value
    return found
