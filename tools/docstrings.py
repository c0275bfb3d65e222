"""What the code says of itself: the docstring of each class and field, and which of them tells of which model.

Python keeps no docstring of a field, so they are read from the source.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import get_args

from pydantic import BaseModel

from airflow_stack import arguments
from airflow_stack.settings.models import Settings


@dataclass(frozen=True)
class Field:
    """A field of a class: its annotation as it is written, and its docstring."""

    annotation: str
    text: str


@dataclass(frozen=True)
class Described:
    """A class: its docstring and its fields, those of its bases first."""

    text: str
    fields: dict[str, Field]


@cache
def described(*modules: ModuleType) -> dict[str, Described]:
    """Every class of the modules, by name; a base has to come before what is derived from it."""
    found: dict[str, Described] = {}
    for node in (node for module in modules for node in ast.parse(inspect.getsource(module)).body):
        if isinstance(node, ast.ClassDef):
            fields: dict[str, Field] = {}
            for base in map(ast.unparse, node.bases):
                fields |= found[base].fields if base in found else {}
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    fields[ast.unparse(field.target)] = Field(
                        ast.unparse(field.annotation), ast.literal_eval(text.value)
                    )
            found[node.name] = Described(ast.get_docstring(node) or "", fields)
    return found


def documentation() -> dict[str, dict[str, str]]:
    """Docstring of every field in `arguments.py`, by class and field."""
    return {
        name: {key: field.text for key, field in found.fields.items()} for name, found in described(arguments).items()
    }


def arguments_of(model: type[BaseModel]) -> str:
    """Name of the TypedDict that documents a model."""
    names = {"Settings": "AirflowArgs", "CloudNativePgDatabase": "CloudNativePGDatabaseArgs"}
    name = names.get(model.__name__, f"{model.__name__}Args")
    return name if name in described(arguments) else "ImageArgs"


def nested(annotation: object) -> type[BaseModel] | None:
    """The model inside an annotation such as `Ingress | None` or `dict[str, SecretKey]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := nested(inner))), None)


def models(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model of the settings, by the path of the setting; `<name>` stands for a name of the user's own."""
    yield path, model
    for name, field in model.model_fields.items():
        if inner := nested(field.annotation):
            step = f"{field.alias or name}.<name>" if str(field.annotation).startswith("dict") else field.alias or name
            yield from models(inner, f"{path}.{step}".lstrip("."))
