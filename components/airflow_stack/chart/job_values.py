"""Chart values that the program's own Jobs share with the release's pods. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_stack.settings.models import Settings

from . import pod_security
from .managed import MISSING, value_at
from .pod_rules import is_template, read_yaml

Values = Mapping[str, Any]

_SECTIONS = ("database", "fab", "secrets")
"""Sections that `airflow db migrate` and `airflow users` read. Of `core` they read the auth manager alone, which the Jobs have from elsewhere:
with the whole section, a change such as that of parallelism would run the migration again."""


@dataclass(frozen=True)
class JobValues:
    """What a Job has in common with the pods of the release."""

    security_context: Values
    """Security context of the pod."""
    container_security_context: Values
    """Security context of the container."""
    pull_policy: str
    """Pull policy of the image; empty: the cluster's default."""
    variables: tuple[Values, ...]
    """Variables of the container, besides those of the settings."""
    variable_sources: tuple[Values, ...]
    """ConfigMaps and Secrets whose keys are variables."""


def job_values(settings: Settings, merged: Values) -> JobValues:
    """The values for a stack's Jobs.

    Args:
        settings: Settings of the stack.
        merged: Its chart values.
    """
    context, container = (_given(merged, f"securityContexts.{each}") for each in ("pod", "containers"))
    policy = value_at(merged, "images.airflow.pullPolicy")
    return JobValues(
        security_context=pod_security.airflow_pod() if context is None else context,
        container_security_context=pod_security.CONTAINER if container is None else container,
        pull_policy="" if policy in (MISSING, None) else str(policy),
        variables=(*_options(settings), *_listed(settings.values.get("extraEnv"))),
        variable_sources=tuple(_listed(settings.values.get("extraEnvFrom"))),
    )


def job_warnings(settings: Settings) -> Iterator[str]:
    """Warnings about the stack's own chart values that reach the release, and cannot reach the program's Jobs."""
    values = settings.values
    for key, setting in (("extraEnv", "airflow:environment"), ("extraEnvFrom", "airflow:environmentFrom")):
        if is_template(values.get(key)):
            yield f"airflow:values.{key} is a template, and does not reach the program's Jobs; use {setting}"
    for path, value in _database_options(values):
        if is_template(value):
            yield f"airflow:values.config.{path} is a template, and does not reach the program's Jobs; give the value itself"


def _given(merged: Values, path: str) -> Values | None:
    """A security context without each null, which removes a value; None: there is none."""
    found = value_at(merged, path)
    return {key: value for key, value in found.items() if value is not None} if isinstance(found, Mapping) else None


def _options(settings: Settings) -> Iterator[Values]:
    """Options of airflow.cfg as variables: a Job has no airflow.cfg, whose `%%` is one `%` of a variable."""
    taken = settings.environment.keys() | settings.environment_from.keys()
    for path, value in _database_options(settings.values):
        section, _, option = path.partition(".")
        name = f"AIRFLOW__{section}__{option}".upper()
        if value is not None and not is_template(value) and name not in taken:
            yield {"name": name, "value": str(value).replace("%%", "%")}


def _database_options(values: Values) -> Iterator[tuple[str, Any]]:
    for section in _SECTIONS:
        options = value_at(values, f"config.{section}")
        if isinstance(options, Mapping):
            yield from ((f"{section}.{option}", value) for option, value in sorted(options.items()))


def _listed(text: object) -> Iterator[Values]:
    if isinstance(text, str) and not is_template(text):
        found = read_yaml(text)
        yield from (each for each in (found if isinstance(found, list) else []) if isinstance(each, Mapping))
