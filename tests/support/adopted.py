"""Where a value of a values file ends when it is adopted."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from airflow_stack.cli.adopt import render
from airflow_stack.cli.adopt.model import Adoption, Values
from airflow_stack.errors import UserError

Convert = Callable[[Values], Adoption]
MARK = "adopted-leaf"
CANARY = "canary-5e0c"
SECRETS: tuple[object, ...] = (
    f"postgresql://u:{CANARY}@h/d",
    f"x --password {CANARY}",
    f"password: {CANARY}\na: b",
    {"name": "PASSWORD", "value": CANARY},
    {"password": CANARY},
    [{"name": "API_TOKEN", "value": CANARY}],
)
"""Shapes of a secret."""


def placed(values: Mapping[str, Any], steps: tuple[str, ...], value: object) -> Values:
    """The values with another value at a path."""
    changed = copy.deepcopy(dict(values))
    place = changed
    for step in steps[:-1]:
        inner = place.get(step)
        place[step] = inner if isinstance(inner, dict) else {}
        place = place[step]
    place[steps[-1]] = value
    return changed


def lost(convert: Convert, base: Values, changes: Iterable[tuple[tuple[str, ...], object]]) -> set[str]:
    """Paths of the values that, put into a file, change nothing: no setting, no secret, and no line or error names one or an object with it."""
    before = convert(copy.deepcopy(base))
    return {
        ".".join(steps)
        for steps, value in changes
        if (values := placed(base, steps, value)) != base and _is_lost(convert, values, before, ".".join(steps))
    }


def shown_secrets(convert: Convert, base: Values, changes: Iterable[tuple[tuple[str, ...], object]]) -> set[str]:
    """Paths of the values that are written or printed although they have a secret."""
    return {".".join(steps) for steps, value in changes if CANARY in _texts(convert, placed(base, steps, value))}


def _texts(convert: Convert, values: Values) -> str:
    try:
        adoption = convert(values)
    except UserError as error:
        return str(error)
    lines = [*adoption.notes, *adoption.blockers, *render.settings_problems(adoption)]
    return f"{adoption.settings}{adoption.secrets}{lines}"


def _is_lost(convert: Convert, values: Values, before: Adoption, path: str) -> bool:
    try:
        after = convert(values)
    except UserError as error:
        return path not in str(error)
    if after.settings != before.settings or after.secrets != before.secrets or path in after.secrets.values():
        return False
    return not any(path in line or MARK in line or _names(line, path) for line in {*after.notes, *after.blockers})


def _names(line: str, path: str) -> bool:
    places = line.partition(": ")[0].split(", ")
    return any(f"{path}.".startswith(f"{place}.") or f"{path}[".startswith(f"{place}[") for place in places)


def leaves(value: object, steps: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that is no object with content, with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*steps, str(key)))
    else:
        yield steps, value


def others(value: object, schema: object = None) -> list[object]:
    """Other values of the same type; of null and empty ones of the types in the chart's schema."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 7]
    if isinstance(value, float):
        return [value + 0.5]
    if isinstance(value, str) and value:
        return [MARK]
    if isinstance(value, list) and value:
        return [[*value, value[0]]]
    types = schema.get("type", []) if isinstance(schema, Mapping) else []
    types = [types] if isinstance(types, str) else types
    by_type: dict[str, object] = {"boolean": True, "integer": 7, "number": 7, "string": MARK, "object": {MARK: MARK}}
    if "array" in types or value == []:
        items = schema.get("items") if isinstance(schema, Mapping) else None
        is_object = isinstance(items, Mapping) and items.get("type") == "object"
        by_type["array"] = [{"name": MARK}] if is_object or "$ref" in (items or ()) else [MARK]
        types = [*types, "array"]
    if value == {}:
        types = [*types, "object"]
    return [by_type[each] for each in dict.fromkeys(types) if each in by_type] or [MARK]


def schema_at(schema: Mapping[str, Any], steps: tuple[str, ...]) -> Mapping[str, Any]:
    """The part of a chart's schema for a path; empty if it says nothing."""
    found: Any = schema
    for step in steps:
        found = (found.get("properties") or {}).get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
