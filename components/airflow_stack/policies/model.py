"""Types of rules and of the plain resources that they check. Independent of Pulumi and of the single rules.

Resources come from the engine (through the policy pack), from `airflow-stack check`, and from tests.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_stack.choices import Tier

RELEASE = "kubernetes:helm.sh/v3:Release"


class Level(StrEnum):
    """Consequence of a violation; the values are Pulumi's."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


class Unknown:
    """Type of `UNKNOWN`, the placeholder of a value that a preview cannot know."""


UNKNOWN = Unknown()


class NotYetKnownError(Exception):
    """A rule needs a value that is unknown until deployment. The deployment runs the rule again."""


@dataclass(frozen=True)
class Resource:
    """Desired state of a resource."""

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False
    urn: str = ""
    """Contains the types of the parent components."""

    def at(self, path: str, default: object = None) -> Any:  # noqa: ANN401  any property of any resource
        """Call the function of the same name."""
        return at(self.props, path, default)

    @property
    def is_airflow(self) -> bool:
        """Whether this is Airflow's Helm release, by its name or its chart's name."""
        chart = str(self.at("chart", "")).rsplit("/", 1)[-1]
        return self.type == RELEASE and (chart.startswith("airflow") or self.at("name") == "airflow")


@dataclass(frozen=True)
class Violation:
    """One violation of a rule by a resource. Never contains a secret."""

    key: str
    reason: str
    way_out: str
    value: object = None

    def __str__(self) -> str:
        """Key, value, reason and fix."""
        shown = "" if self.value is None else f" = {_hide_passwords(str(self.value))!r}"
        return f"{self.key}{shown}: {self.reason}\nfix: {self.way_out}"


Check = Callable[[Resource], Iterator[Violation]]


@dataclass(frozen=True)
class Rule:
    """A requirement for every stack, or for every stack of one tier."""

    name: str
    description: str
    source: str
    """Public issue or document behind the rule."""
    check: Check
    only: Tier | None = None
    level: Level = Level.MANDATORY

    def violations(self, resource: Resource, tier: Tier) -> list[Violation]:
        """Violations of the rule by a resource.

        Raises:
            NotYetKnownError: the result depends on a value that a preview cannot know.
        """
        return list(self.check(resource)) if self.only in (None, tier) else []


def at(props: Mapping[str, Any], path: str, default: object = None) -> Any:  # noqa: ANN401  as above
    """The property at a dotted path. `default` if it is missing or null, or not of the type of a text, list or map given as default.

    The chart and Kubernetes refuse values of a wrong type.
    """
    value: Any = props
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
        if value is UNKNOWN:
            raise NotYetKnownError(path)
    kind = type(default) if isinstance(default, str | list | dict) else object
    return default if value is None or not isinstance(value, kind) else value


def truth(value: object) -> bool:
    """A boolean in the notation of charts and `airflow.cfg`."""
    return value.strip().lower() in ("true", "t", "yes", "1") if isinstance(value, str) else bool(value)


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text below a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, str(index)))


def _hide_passwords(text: str) -> str:
    return re.sub(r"://[^/@\s]+@", "://[hidden]@", text)
