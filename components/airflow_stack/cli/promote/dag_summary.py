"""Ids and schedules of DAGs, read from a file's text without running it.

A value that is neither a literal nor the name of one in the same file is "computed". Two versions of it differ if their text differs.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from warnings import catch_warnings

_NONE = "none"


@dataclass(frozen=True)
class DeclaredDag:
    """A DAG as its file declares it."""

    id: str
    schedule: str


class NotPythonError(ValueError):
    """A file that is not Python; the message names the line."""


def declared_dags(text: str) -> list[DeclaredDag]:
    """Every DAG that a file declares, by `DAG(...)` or `@dag`, in order.

    Raises:
        NotPythonError: the file is not Python.
    """
    try:
        with catch_warnings(action="ignore"):  # such as an invalid escape in a string
            tree = ast.parse(text)
        constants = _constants(tree)
        found = sorted((*_decorated(tree), *_called(tree)), key=lambda each: each[0])
        return [DeclaredDag(_shown(name, constants), _schedule(call, constants)) for _, name, call in found]
    except SyntaxError as error:
        raise NotPythonError(f"is not Python: line {error.lineno}, {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPythonError(f"is not readable as Python: {str(error) or 'nested too deep'}") from None


_Declaration = tuple[int, ast.expr, ast.Call | None]
"""Line, id, and the call with the arguments."""


def _decorated(tree: ast.Module) -> Iterator[_Declaration]:
    """`@dag` and `@dag(...)`. Without `dag_id` the function's name is the id."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                call = decorator if isinstance(decorator, ast.Call) else None
                if _name(call.func if call else decorator) == "dag":
                    yield node.lineno, (call and _argument(call, "dag_id")) or ast.Constant(node.name), call


def _called(tree: ast.Module) -> Iterator[_Declaration]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "DAG" and (name := _argument(node, "dag_id")):
            yield node.lineno, name, node


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _argument(call: ast.Call, name: str) -> ast.expr | None:
    """A keyword argument. `dag_id` may also be the first positional one."""
    keyword = next((each.value for each in call.keywords if each.arg == name), None)
    return keyword or (call.args[0] if name == "dag_id" and call.args else None)


def _schedule(call: ast.Call | None, constants: dict[str, ast.expr]) -> str:
    if call is None:
        return _NONE
    if schedule := _argument(call, "schedule"):
        return _shown(schedule, constants)
    return "computed (**)" if any(each.arg is None for each in call.keywords) else _NONE


def _shown(value: ast.expr, constants: dict[str, ast.expr]) -> str:
    """A literal as it is, any other value by its text."""
    literal = constants.get(value.id, value) if isinstance(value, ast.Name) else value
    if isinstance(literal, ast.Constant):
        return _NONE if literal.value is None else str(literal.value)
    return f"computed ({ast.unparse(value)})"


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Names with one assignment, of a literal at the top of the file."""
    assigned = Counter(
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    found: dict[str, ast.expr] = {}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as value) if assigned[name] == 1:
                found[name] = value
    return found
