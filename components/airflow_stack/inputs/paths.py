"""Paths of settings, such as `dags.githubApp.clientId`: camelCase in stack files and problems, snake_case in Python programs."""

import json
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.settings.models import Settings


def canonical(steps: Sequence[str]) -> str:
    """The path in camelCase. Keys that users choose, and unknown ones, stay as they are; those with a dot are in brackets, as in `labels["a.b"]`."""
    return joined([to_camel(step) if known else step for step, known in _walk(steps)])


def joined(steps: Sequence[str]) -> str:
    """The path of keys, in the form that `pulumi config set --path` reads."""
    first, *others = (f"[{json.dumps(step)}]" if "." in step else f".{step}" for step in steps)
    return first.removeprefix(".") + "".join(others)


def in_python(path: str) -> str:
    """The path as a Python program spells it. Keys that users choose, and unknown ones, stay as they are."""
    return ".".join(to_snake(step) if known else step for step, known in _walk(path.split(".")))


def keys_below(path: str, *, by_name: bool = False) -> list[str]:
    """The settings directly below a path, in camelCase or as a program spells them; empty where users choose the keys."""
    model = _models_along(path.split("."))[-1]
    return [name if by_name else to_camel(name) for name in model.model_fields] if model else []


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


def _models_along(steps: Sequence[str]) -> list[type[BaseModel] | None]:
    """The model that each step is a field of, and the model below the last; None below an unknown key, in a list, and where users choose the keys."""
    place: object = Settings
    along: list[type[BaseModel] | None] = []
    for step in steps:
        place = _plain(place)
        along.append(place if isinstance(place, type) and issubclass(place, BaseModel) else None)
        place = _below(place, step)
    place = _plain(place)
    return [*along, place if isinstance(place, type) and issubclass(place, BaseModel) else None]


def _below(place: object, step: str) -> object:
    """Annotation of a key of a model or mapping, or of an item of a list."""
    if isinstance(place, type) and issubclass(place, BaseModel):
        field = place.model_fields.get(step) or place.model_fields.get(to_snake(step))
        return field.annotation if field else None
    inner = get_args(place)
    return inner[1] if get_origin(place) is dict else inner[0] if get_origin(place) is tuple else None


def _plain(annotation: object) -> object:
    """The annotation without None and metadata."""
    while get_origin(annotation) in (Union, UnionType, Annotated):
        annotation = get_args(annotation)[0]
    return annotation
