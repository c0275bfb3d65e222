"""Places in chart values and manifests: every map, also in YAML texts, and every environment variable."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import yaml

from .model import UNKNOWN, Resource, at
from .workload_rules import containers

Path = tuple[str, ...]
_MAX_TEXT = 200_000


class Variable(NamedTuple):
    """An environment variable of a container."""

    path: str
    """Place in the resource."""
    name: str
    value: str | None
    """None: it comes from a Secret or another source."""


def maps(
    value: object, path: Path = (), seen: dict[int, object] | None = None
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every map below a value, with its path; also those in texts that are YAML. Shared maps are visited once."""
    seen = {} if seen is None else seen
    if isinstance(value, str):
        value = parsed(value)
    if isinstance(value, Mapping | list):
        if id(value) in seen:
            return
        seen[id(value)] = value  # kept, so that no other object gets its id
    if isinstance(value, Mapping):
        yield path, value
        for key, inner in value.items():
            yield from maps(inner, (*path, str(key)), seen)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from maps(inner, (*path, str(index)), seen)


@lru_cache(maxsize=256)
def parsed(text: str) -> object:
    """The map or list in a YAML text of several lines; None for any other text."""
    if "\n" in text.strip() and ":" in text and len(text) < _MAX_TEXT:
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            found = yaml.safe_load(text)
            return found if isinstance(found, dict | list) else None
    return None


def variables(resource: Resource) -> Iterator[Variable]:
    """Every environment variable of a pod, or of the containers that an Airflow release creates."""
    for place, container in containers(resource):
        yield from _listed(at(container, "env", []), f"{place}.env")
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    for path, inner in maps(values, ("values",)):
        for key in ("env", "extraEnv"):
            found = inner.get(key)
            yield from _listed(parsed(f"\n{found}\n\n") if isinstance(found, str) else found, ".".join((*path, key)))
    for index, each in enumerate(at(values, "secret", [])):
        if isinstance(each, Mapping) and isinstance(name := each.get("envName"), str):
            yield Variable(f"values.secret.{index}", name, None)


def _listed(found: object, path: str) -> Iterator[Variable]:
    for each in found if isinstance(found, list) else []:
        if isinstance(each, Mapping) and isinstance(name := each.get("name"), str):
            value = each.get("value")
            known = value is not None and value is not UNKNOWN and "valueFrom" not in each
            yield Variable(f"{path}.{name.strip()}", name.strip(), str(value) if known else None)


def option(resource: Resource, section: str, name: str) -> list[tuple[str, str | None]]:
    """Places and values of an option of airflow.cfg, in the chart's values and in the environment, which wins.

    A value is None if it comes from elsewhere, such as a Secret.
    """
    found: list[tuple[str, str | None]] = []
    if resource.is_airflow:
        config = resource.at(f"values.config.{section}", {})
        found += (
            (f"values.config.{section}.{key}", str(value))
            for key, value in config.items()
            if key.lower() == name and value is not None and value is not UNKNOWN
        )
    variable = f"AIRFLOW__{section.upper()}__{name.upper()}"
    found += ((each.path, each.value) for each in variables(resource) if each.name == variable)
    return found


def without_comments(text: str) -> str:
    """A text without lines that are comments of Python, YAML or a shell."""
    return "\n".join(line for line in text.splitlines() if not re.match(r"\s*#", line))
