"""Paths of settings, such as `dags.githubApp.clientId`: camelCase in stack files and problems, snake_case in Python programs."""

from collections.abc import Mapping, Sequence
from typing import Any, get_origin

from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.settings.fields import Model, nested_model
from airflow_stack.settings.models import Settings


def canonical(steps: Sequence[str]) -> str:
    """The path in camelCase. Keys that users choose, and unknown ones, stay as they are."""
    return ".".join(to_camel(step) if known else step for step, known in _walk(steps))


def in_python(path: str) -> str:
    """The path as a Python program spells it. Keys that users choose, and unknown ones, stay as they are."""
    return ".".join(to_snake(step) if known else step for step, known in _walk(path.split(".")))


def keys_below(path: str) -> list[str]:
    """The settings directly below a path, in camelCase; empty where users choose the keys."""
    model = _models_along(path.split("."))[-1]
    return [to_camel(name) for name in model.model_fields] if model else []


def value_at(config: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401  a setting of any type
    """The value that was given at a path, its keys in camelCase or snake_case; None without one."""
    found: Any = config
    for step in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step, found.get(to_snake(step)))
    return found


def _walk(steps: Sequence[str]) -> list[tuple[str, bool]]:
    """Each step, and whether it is a field of a model."""
    along = zip(steps, _models_along(steps), strict=False)
    return [(step, model is not None and to_snake(step) in model.model_fields) for step, model in along]


def _models_along(steps: Sequence[str]) -> list[type[Model] | None]:
    """The model that each step is a field of, and the model below the last; None below an unknown key and where users choose the keys."""
    along: list[type[Model] | None] = [Settings]
    values: type[Model] | None = None  # of the mapping whose key comes next
    for step in steps:
        model = along[-1]
        field = model.model_fields.get(to_snake(step)) if model else None
        inner = nested_model(field.annotation) if field else values
        is_mapping = field is not None and get_origin(field.annotation) is dict
        values = inner if is_mapping else None
        along.append(None if is_mapping else inner)
    return along
