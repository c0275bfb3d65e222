"""Schema of the served component, and the compatibility of its changes.

The SDK's analyzer reads types, enums and docstrings of `Airflow` and `AirflowArgs`. This module adds secrets and defaults, and removes the
suffix `Args`, which each SDK adds to the names.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, cast

from pulumi.provider.experimental.component import ComponentProvider
from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from airflow_stack.airflow import Airflow
from airflow_stack.credentials import SECRETS
from airflow_stack.names import PROJECT
from airflow_stack.provider import PACKAGE, TOKEN

_SECRET_OUTPUTS = ("adminPassword",)
_META = {
    "displayName": "Apache Airflow",
    "description": "Apache Airflow on Kubernetes from git",
    "keywords": ["airflow", "kubernetes", "category/infrastructure", "kind/component"],
    "license": "Apache-2.0",
    "config": {},
}
_ANY = "pulumi.json#/Any"


def component_schema(
    documentation: Mapping[str, Mapping[str, str]], models: Mapping[str, type[BaseModel]]
) -> dict[str, Any]:
    """Pulumi package schema of `Airflow`.

    Args:
        documentation: Docstring of each argument, by TypedDict and name.
        models: Model of each TypedDict, with the defaults.
    """
    inferred = ComponentProvider([Airflow], PACKAGE, version=version()).schema
    text = re.sub(rf"({PACKAGE}:index:\w+?)Args\b", r"\1", inferred or "")
    shown = _as_the_engine_shows(json.loads(re.sub(rf"`{PROJECT}:(\w+)`", r"`\1`", text)))
    schema = {**cast(dict[str, Any], shown), **_META}
    airflow = schema["resources"][TOKEN]
    for typed_dict, described in documentation.items():
        own = schema["types"].get(f"{PACKAGE}:index:{typed_dict.removesuffix('Args')}", {}).get("properties")
        properties = airflow["inputProperties"] if typed_dict == "AirflowArgs" else own or {}
        for name, description in described.items():
            if to_camel(name) in properties:
                default = _default(models.get(typed_dict), name)
                text = re.sub(rf"`{PROJECT}:(\w+)`", r"`\1`", description)  # the analyzer skips inherited fields
                properties[to_camel(name)]["description"] = text + default
    for key in SECRETS:
        airflow["inputProperties"][key]["secret"] = True
    for key in _SECRET_OUTPUTS:
        airflow["properties"][key]["secret"] = True
    return schema


def version() -> str:
    """Version of the package: the project's."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def _as_the_engine_shows(node: object) -> object:
    """Part of the schema without the fields that `pulumi package get-schema` drops. So its output equals the committed file."""
    if isinstance(node, list):
        return [_as_the_engine_shows(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    shown: dict[str, Any] = {k: _as_the_engine_shows(value) for k, value in node.items() if value not in (None, [])}
    for elements in ("items", "additionalProperties"):
        shown.get(elements, {}).pop("description", None)
    return shown


def _default(model: type[BaseModel] | None, name: str) -> str:
    default = model.model_fields[name].get_default() if model and name in model.model_fields else None
    value = default.value if isinstance(default, Enum) else default
    return f" Default: `{json.dumps(value).strip(chr(34))}`." if isinstance(value, str | int) and value != "" else ""


@dataclass(frozen=True)
class Change:
    """A difference between two schemas, for users of the component."""

    what: str
    breaking: bool

    def __str__(self) -> str:
        """Compatibility and description."""
        return f"{'breaking' if self.breaking else 'compatible'}: {self.what}"


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """Differences between two schemas, breaking ones first."""
    return sorted(_changes(old, new), key=lambda change: (not change.breaking, change.what))


def _changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    if old["name"] != new["name"]:
        yield Change(f"the package {old['name']} is called {new['name']}", breaking=True)
    for kind in ("resources", "types"):
        yield from _came_and_went(kind.removesuffix("s"), old[kind], new[kind])
    for token in old["resources"].keys() & new["resources"].keys():
        was, now = old["resources"][token], new["resources"][token]
        yield from _properties(f"input of {token}", _inputs(was), _inputs(now), (old, new), given=True)
        yield from _properties(f"output of {token}", was, now, (old, new), given=False)
    for token in old["types"].keys() & new["types"].keys():
        was, now = old["types"][token], new["types"][token]
        yield from _properties(f"property of {token}", was, now, (old, new), given=True)
        yield from _came_and_went(f"value of {token}", _values(was), _values(now))
    rest = [key for key in old.keys() | new.keys() if key not in ("resources", "types", "name")]
    yield from (Change(f"{key} of the package", False) for key in rest if old.get(key) != new.get(key))


def _inputs(resource: dict[str, Any]) -> dict[str, Any]:
    return {"properties": resource["inputProperties"], "required": resource["requiredInputs"]}


def _values(type_: dict[str, Any]) -> dict[str, Any]:
    return {value["value"]: value for value in type_.get("enum", [])}


def _came_and_went(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    yield from (Change(f"{kind} {key} is gone", breaking=True) for key in old.keys() - new.keys())
    yield from (Change(f"{kind} {key} is new", breaking=False) for key in new.keys() - old.keys())
    for key in old.keys() & new.keys():
        if old[key].get("description") != new[key].get("description"):
            yield Change(f"{kind} {key} is described in other words", breaking=False)


def _properties(
    kind: str, was: dict[str, Any], now: dict[str, Any], schemas: tuple[Any, Any], *, given: bool
) -> Iterator[Change]:
    """Differences in properties.

    Args:
        kind: Kind of the properties.
        was: Old type.
        now: New type.
        schemas: Old and new schema.
        given: Whether users set the properties: then the new type must accept all values of the old one. For outputs it is the reverse.
    """
    old, new = was.get("properties", {}), now.get("properties", {})
    yield from _came_and_went(kind, old, new)
    required, before = set(now.get("required", ())), set(was.get("required", ()))
    yield from (Change(f"{kind} {key} is required now", given) for key in sorted(required - before))
    yield from (Change(f"{kind} {key} is optional now", not given) for key in sorted(before - required) if key in new)
    for key in old.keys() & new.keys():
        if _type(old[key]) != _type(new[key]):
            fits = _takes(new[key], old[key], schemas[0]) if given else _takes(old[key], new[key], schemas[1])
            yield Change(f"{kind} {key} was {_type(old[key])} and is {_type(new[key])}", breaking=not fits)
        if old[key].get("secret") != new[key].get("secret"):
            hidden = "a secret" if new[key].get("secret") else "no secret"
            yield Change(f"{kind} {key} is {hidden} now", breaking=not new[key].get("secret"))


def _type(prop: Mapping[str, Any]) -> str:
    name = str(prop.get("$ref") or prop["type"]).rpartition("/")[2]
    inner = prop.get("items") or prop.get("additionalProperties")
    return ("plain " if prop.get("plain") else "") + name + (f" of {_type(inner)}" if inner else "")


def _takes(wide: Mapping[str, Any], narrow: Mapping[str, Any], schema: dict[str, Any]) -> bool:
    """Whether type `wide` accepts all values of `narrow`, a type in `schema`."""
    if wide.get("plain") and not narrow.get("plain"):
        return False
    if wide.get("$ref") == _ANY:
        return True
    kind = schema["types"].get(str(narrow.get("$ref")).rpartition("/")[2], narrow).get("type")
    for inner in ("items", "additionalProperties"):
        if inner in wide or inner in narrow:
            return inner in wide and inner in narrow and _takes(wide[inner], narrow[inner], schema)
    if wide.get("type") and wide.get("type") != "object":
        return kind == wide["type"] or (kind, wide["type"]) == ("integer", "number")
    return wide.get("$ref") == narrow.get("$ref")
