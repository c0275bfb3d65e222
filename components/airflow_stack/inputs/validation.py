"""Configuration to `Settings`: the only validation, of stack files, programs and the served component alike.

Reports every problem at once. Takes plain mappings, and never shows a secret.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from typing import Any, cast

import pulumi
from pydantic import TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel, to_snake
from pydantic_core import ErrorDetails, PydanticSerializationError

from airflow_stack.arguments import AirflowArgs
from airflow_stack.chart.check import check_values
from airflow_stack.credentials import SECRETS
from airflow_stack.settings.dags import Dags
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import HIDDEN, REQUIRED, Problem, Remove, Set, SetSecret, Step

from . import secrets
from .paths import canonical, joined, keys_below, value_at
from .setting_rules import BETWEEN, WITHIN
from .version_check import refused_chart
from .wording import SettingsError

_WITHOUT_DAGS = Dags(repository="https://no.invalid/dags")
# pydantic's types of errors
_REASONS = {
    "missing": REQUIRED,
    "string_type": "must be text; put it in quotes",
    "string_unicode": "must be text without half characters",
    **dict.fromkeys(("model_type", "dict_type"), "must be an object with a key for each part"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    "tuple_type": "must be a list",
    "invalid_key": "has a key that is not text; put it in quotes",
}


def load(
    stack: str,
    config: Mapping[str, object],
    secret_keys: Collection[str],
    *,
    by_name: bool = False,
    secrets_required: bool = True,
) -> Settings:
    """Read the configuration of one Airflow.

    Args:
        stack: Name of the stack, for the messages.
        config: Values by key without the `airflow:` prefix; objects as mappings or as Pulumi's JSON. Values of secrets may be of any type; a key
            that is plain text is checked.
        secret_keys: Keys that are encrypted in the stack.
        by_name: Whether nested names are snake_case, as in a program, rather than camelCase, as in a stack file.
        secrets_required: Whether a missing secret is an error.

    Raises:
        SettingsError: one or more settings are wrong; it names all of them.
    """
    parsed = {key: value if key in secret_keys else _parsed(value) for key, value in config.items()}
    given = {key: value for key, value in parsed.items() if value not in ("", None, {})}
    problems = [*secrets.plain_text_secrets(given, secret_keys), *_unknown_keys(given, secret_keys)]
    read: dict[str, Any] = {}
    right: set[str] = set()
    for name, field in Settings.model_fields.items():
        key = to_camel(name)
        if key in secret_keys:
            continue
        asked = key in given or field.is_required()
        found = list(_read(read, name, given.get(key, {}), by_name=by_name)) if asked else []
        problems += found
        right |= set() if found else {name}
    # With a stand-in for wrong DAGs: what does not depend on them is checked too.
    settings = Settings.model_construct(**{"dags": _WITHOUT_DAGS, **read})
    settings = secrets.with_authentication(settings, given.keys())
    if right >= secrets.NEEDED:
        problems += secrets.unused_secrets(settings, given.keys())
        problems += secrets.missing_secrets(settings, given.keys()) if secrets_required else ()
        problems += secrets.unusable_secrets(
            settings, {key: given[key] for key in SECRETS if key in given and key in secret_keys}
        )
    for rule, needed in BETWEEN.items():
        problems += rule(settings) if right >= needed else ()
    of_values = list(check_values(settings))
    problems += of_values
    if not any(found.path == "chart.path" for found in of_values):
        problems += refused_chart(settings.chart)
    if problems:
        raise SettingsError(stack, problems)
    return settings


def arguments(settings: Settings, secret_values: Mapping[str, pulumi.Input[str]]) -> AirflowArgs:
    """The settings of a stack and its secrets as arguments of `Airflow`."""
    given = {to_snake(key): secret for key, secret in secret_values.items()}
    return cast(AirflowArgs, {**settings.model_dump(exclude_none=True, exclude_defaults=True), **given})


def missing_secrets(config: Mapping[str, object]) -> list[str]:
    """The secrets that a stack needs and lacks; empty for a stack with other problems."""
    try:
        settings = load("", config, SECRETS.keys() & config.keys(), secrets_required=False)
    except SettingsError:
        return []
    return [key for key in secrets.required_secrets(settings) if config.get(key) in (None, "")]


def _read(read: dict[str, Any], name: str, value: object, *, by_name: bool) -> Iterator[Problem]:
    """Validate one setting and what must hold within it; add it to `read`, or yield its problems."""
    key = to_camel(name)
    try:
        adapter = _adapter(name)
        checked = adapter.validate_python(value, by_alias=not by_name, by_name=by_name)
        adapter.dump_json(checked, fallback=lambda _: None)
    except ValidationError as error:
        yield from (_explained([key, *map(str, each["loc"])], each, by_name=by_name) for each in error.errors())
        return
    except PydanticSerializationError:
        yield Problem(key, "cannot be sent to the engine: too deep, or half a character", ("correct it",), value=value)
        return
    if outputs := list(_outputs(key, checked)):
        yield from map(_output_problem, outputs)
        return
    alone = Settings.model_construct(**{"dags": _WITHOUT_DAGS, name: checked})
    for rule in WITHIN.get(name, ()):
        if found := list(rule(alone)):
            yield from (_with_value(problem, {key: value}) for problem in found)
            return
    read[name] = checked


def _with_value(problem: Problem, given: Mapping[str, object]) -> Problem:
    value = value_at(given, problem.path)
    return problem if problem.value is not None or value is None else replace(problem, value=value)


def _unknown_keys(given: Mapping[str, object], secret_keys: Collection[str]) -> Iterator[Problem]:
    known = [*map(to_camel, Settings.model_fields), *SECRETS]
    for key in sorted(given.keys() - set(known)):
        yield _unknown(key, HIDDEN if key in secret_keys else given[key], known)


def _unknown(path: str, value: object, known: Collection[str]) -> Problem:
    if (first := path.split(".")[0]) in known and "." in path:
        reason = f"is one key with a dot in it, not a part of {first!r}"
        return Problem(path, reason, (Remove(path, is_key=True), Set(path)), value=value)
    parent, _, key = path.rpartition(".")
    nearest = get_close_matches(key, known, n=1, cutoff=0.5)
    if get_close_matches(key, SECRETS, n=1, cutoff=0.7):
        value = HIDDEN  # a misspelt secret is one all the same
    steps: list[Step] = [Remove(path)]
    if nearest:
        right = f"{parent}.{nearest[0]}".lstrip(".")
        steps.append(SetSecret(right) if right in SECRETS else Set(right, _to_paste(path, right, value)))
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    return Problem(
        path, f"is not a setting{hint}", tuple(steps), allowed=", ".join(sorted(known)), value=value, is_unknown=True
    )


def _to_paste(given: str, right: str, value: object) -> str:
    """The value of a misspelt key for a command; a placeholder unless it is short, on one line and no secret under either name."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    is_plain = isinstance(value, str | int) and text.isprintable()
    is_plain &= all(Problem(path, "", value=value).value == repr(text) for path in (given, right))
    return text if is_plain else "<value>"


def _explained(steps: list[str], error: ErrorDetails, *, by_name: bool) -> Problem:
    """A problem of one error of pydantic."""
    path = canonical([step for step in steps if step != "[key]"])
    value = "null" if error["input"] is None else error["input"]
    if isinstance(value, pulumi.Output):
        return _output_problem(path)
    match error["type"]:
        case "missing":
            return Problem(path, REQUIRED, (Set(path),))
        case "extra_forbidden":
            parent = canonical(steps[:-1])
            return _unknown(parent + joined(["", steps[-1]]), value, keys_below(parent, by_name=by_name))
        case "enum" | "literal_error":
            allowed = str(error["ctx"]["expected"]).replace("'", "")
            options = re.split(r", | or ", allowed)
            nearest = get_close_matches(str(value), options, n=1, cutoff=0.4) or ["<value>"]
            return Problem(
                path, "is not one of the allowed values", (Set(path, nearest[0]),), allowed=allowed, value=value
            )
        case "value_error":
            fix: Step = Remove(path) if "[key]" in steps else Set(path)
            return Problem(path, str(error["ctx"]["error"]), (fix,), value=value)
        case "greater_than_equal" | "less_than_equal" as kind:
            limit = next(iter(error["ctx"].values()))
            return Problem(path, error["msg"].replace("Input should", "must"), (Set(path, str(limit)),), value=value)
        case "model_type" | "dict_type" | "tuple_type" as kind:  # a value for all of it would replace what is in it
            form = "a list" if kind == "tuple_type" else "an object with a key for each part"
            return Problem(path, _REASONS[kind], (f"write it as {form}",), value=value)
        case kind:
            reason = _REASONS.get(kind) or error["msg"].replace("Input should", "must")
            return Problem(path, reason, (Set(path),), value=value)


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(Settings.model_fields[name].rebuild_annotation())


def _outputs(path: str, value: object) -> Iterator[str]:
    """Paths of outputs in a value of any form, such as chart values."""
    if isinstance(value, pulumi.Output):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _outputs(f"{path}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _outputs(f"{path}.{index}", inner)


def _output_problem(path: str) -> Problem:
    reason = "is an output or a secret, and decides which resources exist: it must be known before they do"
    return Problem(path, reason, ("give a plain value, such as one of the program's configuration",))


def _parsed(value: object) -> object:
    """The object in Pulumi's JSON; a text that is no object stays as it is."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value
