"""Arguments that may be outputs of other resources or stacks, known only while the engine runs.

Settings are plain values, checked before anything is registered. For the few that decide no resource a stand-in is checked with the others, and the
value itself, in the same words, as soon as it is known: in a first preview that may be never. Paths are the same in snake_case and camelCase.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial, reduce
from typing import Any

import pulumi

from airflow_stack.inputs.validation import SettingsError
from airflow_stack.settings.models import Settings

_STAND_INS = {
    "namespace": "known-later",
    "database.external.host": "known-later",
    "database.external.port": 5432,
    "database.external.name": "known-later",
    "database.external.user": "known-later",
}

Late = dict[str, pulumi.Output[Any]]
"""What is known late, by the path of the setting."""


def set_aside(args: Mapping[str, Any]) -> tuple[dict[str, Any], Late]:
    """The arguments with a stand-in for each output that may be one, and those outputs."""
    plain, late = dict(args), Late()
    for path, stand_in in _STAND_INS.items():
        *parents, last = path.split(".")
        place = plain
        for step in parents:
            inner = place.get(step)
            place[step] = dict(inner) if isinstance(inner, Mapping) else inner
            place = place[step] if isinstance(inner, Mapping) else {}
        if isinstance(value := place.get(last), pulumi.Output | Awaitable):
            place[last], late[path] = stand_in, pulumi.Output.from_input(value)
    return plain, late


def put_back(args: dict[str, Any], late: Mapping[str, object]) -> dict[str, Any]:
    """The arguments with what was set aside, each in its place."""
    for path, value in late.items():
        *parents, last = path.split(".")
        place = args
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value
    return args


def checked(name: str, plain: dict[str, Any], late: Late, read: Callable[[dict[str, Any]], Settings]) -> Late:
    """What is known late, each as the settings would take it; `read` makes them of the arguments of Airflow `name`."""

    def check(path: str, known: object) -> object:
        which = f"Airflow {name!r}: {path}, an output of another resource or stack,"
        if known is None:  # which in a setting would mean its default
            raise pulumi.RunError(f"{which} has no value")
        try:
            settings = read(put_back(plain, {path: known}))
        except SettingsError as error:
            # Without the value, which may be a secret of another stack.
            reasons = "; ".join(problem.reason for problem in error.problems)
            raise pulumi.RunError(f"{which} {reasons}") from None
        return reduce(getattr, path.split("."), settings)

    return {path: value.apply(partial(check, path)) for path, value in late.items()}
