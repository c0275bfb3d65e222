"""Merges the stack's own chart values into the program's. Pure."""

from collections.abc import Mapping
from typing import Any

from .managed import MISSING, WEAKER, value_at

Values = dict[str, Any]


def merge(*layers: Mapping[str, Any]) -> Values:
    """Merge maps; of anything else the last layer wins. Helm's rule for several values files."""
    merged: Values = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def at(path: str, value: object) -> Values:
    """Values with one value at a path."""
    first, _, rest = path.partition(".")
    return {first: at(rest, value) if rest else value}


def without_empty(values: Mapping[str, Any]) -> Values:
    """Leave out empty maps and lists, at any depth: they are the chart's defaults."""
    kept = {key: without_empty(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in kept.items() if not (isinstance(value, dict | list) and not value)}


def with_own(ours: Values, theirs: Mapping[str, Any]) -> Values:
    """The program's values with those of the stack.

    Args:
        ours: The program's values.
        theirs: The stack's: maps are merged, a list of objects is appended, and anything else replaces ours. A None removes a value, as in Helm.
            A value in a weaker form than ours (`WEAKER`) changes ours.
    """
    return _with_lists(ours, with_stronger_forms(ours, theirs))


def with_stronger_forms(ours: Values, theirs: Mapping[str, Any]) -> Values:
    """The stack's values, with each that the chart would ignore beside ours in the form that it reads."""
    found = dict(theirs)
    for weaker, stronger in WEAKER.items():
        if (value := value_at(theirs, weaker)) is not MISSING:
            for path in stronger:
                own = value_at(ours, path)
                if own is not MISSING and isinstance(own, Mapping) is isinstance(value, Mapping):
                    found = _without(merge(at(path, value), found), weaker)
    return found


def _without(values: Mapping[str, Any], path: str) -> Values:
    first, _, rest = path.partition(".")
    if rest:
        below = values.get(first)
        return {**values, first: _without(below, rest)} if isinstance(below, Mapping) else dict(values)
    return {key: value for key, value in values.items() if key != first}


def _with_lists(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Values:
    merged = dict(ours)
    for key, value in theirs.items():
        own = ours.get(key)
        if isinstance(own, Mapping) and isinstance(value, Mapping):
            merged[key] = _with_lists(own, value)
        elif isinstance(value, list) and isinstance(own, list) and all(isinstance(each, Mapping) for each in own):
            # Theirs first: messages about a variable count in the stack's own list.
            merged[key] = [*value, *_kept(own, value)] if key == "env" else [*own, *value]
        else:
            merged[key] = value
    return merged


def _kept(own: list[Any], theirs: list[Any]) -> list[Any]:
    """Our variables that theirs do not replace: the API refuses a name that is given twice."""
    names = [each.get("name") for each in theirs if isinstance(each, Mapping)]
    return [each for each in own if each.get("name") not in names]
