"""Provider that serves `Airflow` to every language of Pulumi, with camelCase inputs.

`make generate` writes the schema, `schema.json`, from annotations and docstrings. `inputs.validation.load` validates the inputs like a stack file
(docs/decisions/0008-served-component.md). Errors never name a property through gRPC: the engine would print its value, secret or not (seen with 3.250).
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.errors import InputPropertiesError
from pulumi.provider import ConstructResult, Provider

from airflow_stack.airflow import Airflow
from airflow_stack.arguments import AirflowArgs
from airflow_stack.credentials import SECRETS
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.inputs.deferred import set_aside, with_outputs
from airflow_stack.inputs.validation import arguments, load
from airflow_stack.inputs.wording import ArgumentsError, SettingsError
from airflow_stack.names import PROJECT

PACKAGE = PROJECT
"""First part of every type token. URNs contain it, so it never changes."""
TOKEN = f"{PACKAGE}:index:Airflow"
SCHEMA = Path(__file__).with_name("schema.json")


class AirflowProvider(Provider):
    """Provider of `Airflow`."""

    def __init__(self) -> None:
        schema = SCHEMA.read_text()
        super().__init__(json.loads(schema)["version"], schema)

    def construct(
        self, name: str, resource_type: str, inputs: pulumi.Inputs, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Create one Airflow.

        Raises:
            InputPropertiesError: one or more inputs are wrong.
        """
        if resource_type != TOKEN:
            raise ValueError(f"{resource_type} is not served; {TOKEN} is")
        given, deferred = set_aside({key: _with_integers(value) for key, value in inputs.items()})
        secrets: dict[str, pulumi.Input[str]] = {
            key: pulumi.Output.secret(given[key]).apply(partial(_usable, name, key))
            for key in SECRETS
            if given.get(key)
        }
        try:
            settings = load(name, given, SECRETS.keys() & given.keys())
            args = with_outputs(cast(dict[str, Any], arguments(settings, secrets)), deferred)
            airflow = Airflow(name, cast(AirflowArgs, args), options)
        except ArgumentsError as error:
            raise InputPropertiesError(str(error), []) from None
        except SettingsError as error:
            raise InputPropertiesError(str(ArgumentsError(name, error.problems, spelled=str)), []) from None
        return ConstructResult(airflow.urn, airflow.outputs())


def _usable(name: str, key: str, secret: str) -> str:
    """Return the secret if it is usable. Any other exception than an input error would look like a bug of the provider."""
    try:
        if secret:
            SECRETS[key].usable(secret)
    except UnusableKeyError as error:
        raise InputPropertiesError(f"Airflow {name!r}: {key} {error}", []) from None
    return secret


def _with_integers(value: object) -> object:
    """Turn whole floats into integers: every number arrives as a float, and `4.0` is no quantity."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _with_integers(inner) for key, inner in value.items()}
    return [_with_integers(inner) for inner in value] if isinstance(value, list) else value
