"""Arguments of `Airflow` in a program, to settings: validated like a stack file, before anything is registered."""

import re
from collections.abc import Awaitable
from functools import partial
from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.arguments import AirflowArgs
from airflow_stack.credentials import SECRETS
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set

from .deferred import Deferred, checked, set_aside
from .validation import load
from .wording import ArgumentsError, SettingsError

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")  # a Job's name has 23 characters more, and 63 at most


def validated(name: str, args: AirflowArgs) -> tuple[AirflowArgs, Settings, Deferred]:
    """The arguments without those that are None, their settings, and the outputs among them.

    Raises:
        ArgumentsError: one or more arguments are wrong.
    """
    if not _NAME.fullmatch(name):
        reason = "is the prefix of the Jobs' names, and no valid name of an object"
        allowed = "lowercase letters, digits and -, a letter first, at most 40 characters"
        raise ArgumentsError(
            name, [Problem("name", reason, ("give the component another name",), allowed=allowed, value=name)]
        )
    given = {key: value for key, value in args.items() if value is not None}
    if misspelled := [key for key in given if key != to_snake(key)]:
        steps = {key: (Remove(key), Set(to_snake(key))) for key in misspelled}
        reason = "is not an argument; did you mean {!r}?"
        raise ArgumentsError(name, [Problem(k, reason.format(to_snake(k)), steps[k]) for k in misspelled], str)
    for key in map(to_snake, SECRETS):
        if isinstance(secret := given.get(key), pulumi.Output | Awaitable):
            given[key] = pulumi.Output.from_input(secret).apply(partial(_present, name, key))

    def read(config: dict[str, Any]) -> Settings:
        try:
            return load(name, config, SECRETS.keys() & config.keys(), by_name=True)
        except SettingsError as error:
            raise ArgumentsError(name, error.problems) from None

    plain, deferred = set_aside({to_camel(key): value for key, value in given.items()})
    return cast(AirflowArgs, given), read(plain), checked(name, plain, deferred, read)


def _present(name: str, key: str, secret: str | None) -> str:
    if not secret:
        raise pulumi.RunError(f"Airflow {name!r}: {key}, an output of another resource or stack, has no value")
    return secret
