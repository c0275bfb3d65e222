"""Arguments that may be outputs of other resources or stacks: their values are known while the engine runs.

Settings are plain values, validated before anything is registered. Settings marked with `MayBeOutput` decide which resources exist of nothing: a stand-in
is validated with the others, and the value itself once it is known. In a first preview that may be never.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import cache, partial, reduce
from typing import Any

import pulumi
from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.settings.fields import MayBeOutput, models
from airflow_stack.settings.models import Settings

from .wording import SettingsError

Deferred = dict[str, pulumi.Output[Any]]
"""Outputs by the path of the setting, in camelCase."""


@cache
def stand_ins() -> Mapping[str, str | int]:
    """The stand-in of every setting that may be an output, by its path in camelCase."""
    return dict(_stand_ins())


def _stand_ins() -> Iterator[tuple[str, str | int]]:
    for path, model in models(Settings):
        for name, field in model.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, MayBeOutput):
                    yield f"{path}.{to_camel(name)}".lstrip("."), mark.stand_in


def set_aside(args: Mapping[str, Any]) -> tuple[dict[str, Any], Deferred]:
    """The arguments with a stand-in for each output that may be one, and those outputs. Keys are camelCase or snake_case."""
    plain, deferred = dict(args), Deferred()
    for path, stand_in in stand_ins().items():
        *parents, last = path.split(".")
        place = plain
        for step in parents:
            key = _key(place, step)
            inner = place.get(key)
            place[key] = dict(inner) if isinstance(inner, Mapping) else inner
            place = place[key] if isinstance(inner, Mapping) else {}
        if isinstance(value := place.get(_key(place, last)), pulumi.Output | Awaitable):
            place[_key(place, last)], deferred[path] = stand_in, pulumi.Output.from_input(value)
    return plain, deferred


def with_outputs(args: dict[str, Any], deferred: Mapping[str, object]) -> dict[str, Any]:
    """The arguments with each deferred value in its place."""
    for path, value in deferred.items():
        *parents, last = path.split(".")
        place = args
        for step in parents:
            place = place.setdefault(_key(place, step), {})
        place[_key(place, last)] = value
    return args


def checked(
    name: str, plain: dict[str, Any], deferred: Deferred, read: Callable[[dict[str, Any]], Settings]
) -> Deferred:
    """The deferred values, each validated once it is known; `read` makes settings of the arguments of Airflow `name`."""

    def check(path: str, known: object) -> object:
        subject = f"Airflow {name!r}: {path}, an output of another resource or stack,"
        if known is None:  # which in a setting would mean its default
            raise pulumi.RunError(f"{subject} has no value")
        try:
            settings = read(with_outputs(plain, {path: known}))
        except SettingsError as error:
            # Without the value, which may be a secret of another stack.
            reasons = "; ".join(problem.reason for problem in error.problems)
            raise pulumi.RunError(f"{subject} {reasons}") from None
        return reduce(getattr, map(to_snake, path.split(".")), settings)

    return {path: value.apply(partial(check, path)) for path, value in deferred.items()}


def _key(place: Mapping[str, object], step: str) -> str:
    return step if step in place else to_snake(step)
