"""What a program gives to `Airflow`: checked as a stack file is, and told in the words of a program.

What may be known late is in `late.py`; here is what happens to all of it before anything is registered.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.arguments import AirflowArgs
from airflow_stack.inputs.deferred import Late, checked, set_aside
from airflow_stack.inputs.validation import PROJECT, SECRETS, Problem, SettingsError, load
from airflow_stack.settings.models import Settings

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")  # a Job's name has 23 characters more, and 63 at most


class ArgumentsError(SettingsError):
    """An Airflow of a program whose arguments are wrong."""

    def __init__(self, name: str, problems: list[Problem], spelt: Callable[[str], str] = to_snake) -> None:
        super().__init__(name, [_in_a_program(problem, spelt) for problem in problems], of="Airflow", each="argument")


def validated(name: str, args: AirflowArgs) -> tuple[AirflowArgs, Settings, Late]:
    """The arguments that were given, as settings, and those that are known late.

    Raises:
        ArgumentsError: one or more are wrong.
    """
    if not _NAME.fullmatch(name):
        reason = "is the beginning of the names that Pulumi makes up for Jobs, and no name of an object"
        allowed = "lowercase letters, digits and -, a letter first, at most 40 characters"
        raise ArgumentsError(name, [Problem("name", reason, "give the component another name", repr(name), allowed)])
    given = {key: value for key, value in args.items() if value is not None}
    if misspelt := [key for key in given if key != to_snake(key)]:
        raise ArgumentsError(
            name, [Problem(key, f"is not an argument; did you mean {to_snake(key)!r}?", "") for key in misspelt]
        )
    for key in map(to_snake, SECRETS):
        if isinstance(secret := given.get(key), pulumi.Output | Awaitable):
            given[key] = pulumi.Output.from_input(secret).apply(partial(_present, name, key))

    def read(config: dict[str, Any]) -> Settings:
        try:
            return load(name, config, SECRETS.keys() & config.keys(), by_name=True)
        except SettingsError as error:
            raise ArgumentsError(name, error.problems) from None

    plain, late = set_aside({to_camel(key): value for key, value in given.items()})
    return cast(AirflowArgs, given), read(plain), checked(name, plain, late, read)


def _present(name: str, key: str, secret: str | None) -> str:
    if not secret:
        raise pulumi.RunError(f"Airflow {name!r}: {key}, an output of another resource or stack, has no value")
    return secret


def _in_a_program(problem: Problem, spelt: Callable[[str], str]) -> Problem:
    """The problem with the argument's name, as the program spells it, and without the command for a stack file."""
    key = problem.key
    if key.startswith(f"{PROJECT}:"):
        first, dot, rest = key.removeprefix(f"{PROJECT}:").partition(".")
        key = f"{spelt(first)}{dot}{rest}"
    way_out = "" if "pulumi config" in problem.way_out else problem.way_out
    return replace(problem, key=key, way_out=way_out)
