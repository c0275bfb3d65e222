"""Docstrings of classes and their fields. Python keeps none of a field, so they are read from the source."""

import ast
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from airflow_stack.credentials import SECRETS
from airflow_stack.settings.fields import Model, models
from airflow_stack.settings.models import Settings


@dataclass(frozen=True)
class Field:
    """Field of a class: annotation in the source, and docstring."""

    annotation: str
    text: str


@dataclass(frozen=True)
class Described:
    """Class: docstring and fields. Inherited fields come first."""

    text: str
    fields: dict[str, Field]
    own: frozenset[str]
    """The fields that the class documents itself."""


@cache
def described(*modules: ModuleType) -> dict[str, Described]:
    """Classes of the modules, by name. Base classes must come first."""
    found: dict[str, Described] = {}
    for node in (node for module in modules for node in ast.parse(inspect.getsource(module)).body):
        if isinstance(node, ast.ClassDef):
            inherited: dict[str, Field] = {}
            for base in map(ast.unparse, node.bases):
                inherited |= found[base].fields if base in found else {}
            own: dict[str, Field] = {}
            for field, text in zip(node.body, node.body[1:], strict=False):
                if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                    own[ast.unparse(field.target)] = Field(ast.unparse(field.annotation), ast.literal_eval(text.value))
            found[node.name] = Described(ast.get_docstring(node) or "", {**inherited, **own}, frozenset(own))
    return found


def described_model(model: type[Model]) -> Described:
    """A model's docstring and those of its fields, inherited ones included."""
    return described(sys.modules[model.__module__])[model.__name__]


def documentation() -> dict[str, dict[str, str]]:
    """Docstring of each argument, by TypedDict and name."""
    found = {
        arguments_name(model): {key: field.text for key, field in described_model(model).fields.items()}
        for _, model in models(Settings)
    }
    found["AirflowArgs"] |= {each.name: each.given for each in SECRETS.values()}
    return found


def arguments_name(model: type[Model]) -> str:
    """Name of a model's TypedDict. A model that only gives its base other defaults shares the one of the base."""
    if model is Settings:
        return "AirflowArgs"
    own = next(each for each in model.__mro__ if issubclass(each, Model) and described_model(each).own)
    return f"{own.__name__}Args"
