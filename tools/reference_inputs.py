"""Inputs of `Airflow` in the reference: a section per object with a table, the allowed values and examples.

Names, types and texts come from the component's schema, defaults and limits from the models, examples from `docs/reference-examples.yaml`.
Secrets have a table of their own, because commands set them and no file contains them.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from airflow_stack.chart import sizes
from airflow_stack.choices import Executor, Size
from airflow_stack.credentials import SECRETS
from airflow_stack.provider import PACKAGE, TOKEN
from airflow_stack.settings.fields import models
from airflow_stack.settings.models import Components, Settings
from tools.docstrings import arguments_name
from tools.markdown import anchor, code, fenced, link, table

EXAMPLES = Path(__file__).parents[1] / "docs" / "reference-examples.yaml"
_ANY = "pulumi.json#/Any"
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """Settings of a stack file as an example of a section."""

    section: str
    caption: str
    text: str


@cache
def examples() -> Sequence[Example]:
    """Examples of all sections."""
    found = re.findall(r"^--- # (\S+): (.*)\n((?:(?!---).*\n)+)", EXAMPLES.read_text(), re.MULTILINE)
    return [Example(*parts) for parts in found]


def inputs(schema: Schema) -> Iterator[str]:
    """Sections of the objects, each below its parent."""
    drawn: set[type[BaseModel]] = set()
    for path, model in models(Settings):
        if model not in drawn:
            drawn.add(model)
            name, type_ = headings()[path], object_type(schema, arguments_name(model))
            yield f"{_marks(path)} `{name}`\n" if path else f"## {name}\n"
            yield f"{type_['description']}\n" if path else ""
            yield table(("input", "type", "default", "description"), _rows(path, model, type_, schema))
            yield from _closed_values(type_["properties"], schema)
            yield "" if path else _presets()
            for example in examples():
                if anchor(example.section) == anchor(name):
                    yield f"{example.caption}:\n\n{fenced(example.text, 'yaml')}"


@cache
def headings() -> Mapping[str, str]:
    """Heading of each object, by path. Objects of the same model share one heading with the model's name."""
    paths = {model: [path for path, other in models(Settings) if other is model] for _, model in models(Settings)}
    return {
        path: (path if [path] == paths[model] else _shared(paths[model], model)) or "Inputs"
        for path, model in models(Settings)
    }


def _shared(paths: list[str], model: type[BaseModel]) -> str:
    parents = [path.rpartition(".")[0].replace(".", "/") for path in paths]
    return f"{os.path.commonpath(parents).replace('/', '.')}.<{model.__name__.lower()}>".lstrip(".")


def object_type(schema: Schema, typed_dict: str) -> Schema:
    """Schema type of a TypedDict. For `AirflowArgs`, the inputs of the component."""
    if typed_dict == "AirflowArgs":
        airflow = schema["resources"][TOKEN]
        return {**airflow, "properties": airflow["inputProperties"], "required": airflow["requiredInputs"]}
    return dict(schema["types"][f"{PACKAGE}:index:{typed_dict.removesuffix('Args')}"])


def type_of(prop: Schema, schema: Schema) -> str:
    """Readable type of a property."""
    if inner := prop.get("items"):
        return f"list of {type_of(inner, schema)}"
    if inner := prop.get("additionalProperties"):
        return f"map of {type_of(inner, schema)}"
    if "$ref" not in prop:
        return str(prop["type"])
    values = _values(prop, schema)
    return ", ".join(code(value["value"]) for value in values) or ("any" if prop["$ref"] == _ANY else "object")


def _marks(path: str) -> str:
    return "#" * (2 + sum(not step.startswith("<") for step in path.split(".")))


def _rows(path: str, model: type[BaseModel], type_: Schema, schema: Schema) -> Iterator[tuple[str, ...]]:
    known = model.model_json_schema()["properties"]
    for name, prop in type_["properties"].items():
        if not path and name in SECRETS:  # in a table of their own; settings below have the same names
            continue
        below = [f"{path}.{name}{step}".lstrip(".") for step in ("", ".<name>")]
        section = next((headings()[inner] for inner in below if inner in headings()), None)
        default = _default(known[name])
        yield (
            link(code(name), section) if section else code(name),
            type_of(prop, schema) + _limits(known[name]) + ("" if prop.get("plain") else " or output"),
            "**required**" if name in type_.get("required", ()) else code(default),
            prop["description"].removesuffix(f" Default: {code(default)}."),
        )


def _default(known: Schema) -> str:
    default = known.get("default")
    if default is None or isinstance(default, dict | list):
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _limits(known: Schema) -> str:
    least, most = (known.get("anyOf", [known])[0].get(limit) for limit in ("minimum", "maximum"))
    if least is None:
        return ""
    return f", {least} or more" if most is None else f", {least} to {most}"


def _values(prop: Schema, schema: Schema) -> list[Schema]:
    values: list[Schema] = schema["types"].get(str(prop.get("$ref")).rpartition("/")[2], {}).get("enum", [])
    return values


def _closed_values(properties: Schema, schema: Schema) -> Iterator[str]:
    for name, prop in properties.items():
        values = [value for value in _values(prop, schema) if "description" in value]
        if values:
            yield table((code(name), "description"), [(code(value["value"]), value["description"]) for value in values])


def _presets() -> str:
    rows = []
    for size in Size:
        preset = sizes.preset(size, Executor.KUBERNETES)
        pods = (getattr(preset, component) for component in Components.model_fields)
        rows.append((code(size), *(f"{pod.replicas} / {pod.cpu} / {pod.memory}" for pod in pods)))
    head = (code("size"), *(link(to_camel(component), "components") for component in Components.model_fields))
    return (
        "Each size as replicas / CPU / memory, with the KubernetesExecutor. The LocalExecutor's scheduler and the CeleryExecutor's workers "
        "run the tasks, and have more memory for them.\n\n" + table(head, rows)
    )
