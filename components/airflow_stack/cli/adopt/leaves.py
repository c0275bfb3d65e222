"""Every value of a file ends in a setting, in `airflow:values`, in a note or in a blocker. Pure.

Rules take values out and say where they end. What none of them names is found here by comparison, so that no rule can lose a value.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_stack.secret_forms import Path, secret_places, shown_place

from .model import Adoption, Values


def leaf_paths(value: object, path: str = "") -> Iterator[str]:
    """Paths of every value that says something: `a.b[0].c`. A list of texts or numbers is one value; null and empty values are none."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaf_paths(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, inner in enumerate(value):
            yield from leaf_paths(inner, f"{path}[{number}]")
    elif value not in (None, "", []):
        yield path


def is_below(path: str, prefixes: Iterable[str]) -> bool:
    """Whether a path is one of these, or below one."""
    return any(path == prefix or path.startswith((f"{prefix}.", f"{prefix}[")) for prefix in prefixes)


def leftovers(given: Mapping[str, Any], adoption: Adoption) -> list[str]:
    """Values of a file that ended nowhere.

    Args:
        given: The values of the file.
        adoption: What became of them; its `airflow:values` hold the same paths as the file.
    """
    kept = {path.partition("[")[0] for path in leaf_paths(adoption.settings.get("values", {}))}
    return [
        path
        for path in leaf_paths(given)
        if not is_below(path, adoption.reached) and path.partition("[")[0] not in kept
    ]


def without_secrets(values: Values) -> tuple[Values, dict[str, str]]:
    """The values without possible secrets, and the places of these for messages, by the paths that are left out.

    Of a list with `name` and `value` the item is left out, of another list all of it: its items belong together.
    """
    removed: dict[str, str] = {}
    kept = copy.deepcopy(values)
    for place in secret_places(values):
        cut = _removal(values, place)
        removed.setdefault(_joined(cut), shown_place(values, place))
        _remove(kept, cut)
    return _compact(kept), removed


def _removal(values: object, place: Path) -> Path:
    """The beginning of a path that can be left out."""
    for number, step in enumerate(place):
        if isinstance(values, list):
            item = values[int(step)]
            named = isinstance(item, Mapping) and "name" in item and "value" in item
            return place[: number + 1] if named else place[:number]
        values = values[step] if isinstance(values, Mapping) else None
    return place


_REMOVED = object()


def _remove(values: Any, path: Path) -> None:  # noqa: ANN401  any chart values
    *parents, last = path
    for step in parents:
        values = values[int(step)] if isinstance(values, list) else values.get(step)
        if values is None or values is _REMOVED:
            return
    if isinstance(values, list):
        values[int(last)] = _REMOVED
    else:
        values.pop(last, None)


def _compact(value: Any) -> Any:  # noqa: ANN401  as above
    if isinstance(value, list):
        return [_compact(each) for each in value if each is not _REMOVED]
    if isinstance(value, dict):
        return {key: inner for key, each in value.items() if (inner := _compact(each)) != [] or each == []}
    return value


def _joined(path: Path) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path).lstrip(".")
