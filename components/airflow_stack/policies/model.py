"""What a rule is, and the plain resources that it judges. Knows neither Pulumi nor any single rule.

Resources come from three places alike: the engine by way of the policy pack, `airflow-stack check`, and tests.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

RELEASE = "kubernetes:helm.sh/v3:Release"


class Level(StrEnum):
    """What happens to a stack that breaks a rule; the words are Pulumi's."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


class Environment(StrEnum):
    """What a stack is for."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class Unknown:
    """Stands for a value that a preview cannot know yet."""


UNKNOWN = Unknown()


class NotYetKnownError(Exception):
    """A rule needs a value that is known only once the stack is deployed; the deployment asks the rule again."""


@dataclass(frozen=True)
class Resource:
    """A resource as the program wants it."""

    type: str
    name: str
    props: Mapping[str, Any]
    protect: bool = False
    urn: str = ""
    """Names the types of the components that it belongs to."""

    def at(self, path: str, default: object = None) -> Any:  # noqa: ANN401  any property of any resource
        """As the function of this name."""
        return at(self.props, path, default)

    @property
    def is_airflow(self) -> bool:
        """Whether this is the Helm release of Airflow, by the name of its chart or its own."""
        chart = str(self.at("chart", "")).rsplit("/", 1)[-1]
        return self.type == RELEASE and (chart.startswith("airflow") or self.at("name") == "airflow")


@dataclass(frozen=True)
class Violation:
    """One place where a resource breaks a rule; never holds a secret."""

    key: str
    reason: str
    way_out: str
    value: object = None

    def __str__(self) -> str:
        """Key and value, why, and the way out."""
        shown = "" if self.value is None else f" = {_hide_passwords(str(self.value))!r}"
        return f"{self.key}{shown}: {self.reason}\nfix: {self.way_out}"


Check = Callable[[Resource], Iterator[Violation]]


@dataclass(frozen=True)
class Rule:
    """Something that every stack must hold to, or every stack of one environment."""

    name: str
    description: str
    source: str
    """The public thread or document that the rule comes from."""
    check: Check
    only: Environment | None = None
    level: Level = Level.MANDATORY

    def violations(self, resource: Resource, environment: Environment) -> list[Violation]:
        """Where the resource breaks the rule.

        Raises:
            NotYetKnownError: that depends on a value which a preview cannot know.
        """
        return list(self.check(resource)) if self.only in (None, environment) else []


def at(props: Mapping[str, Any], path: str, default: object = None) -> Any:  # noqa: ANN401  as above
    """The property at a dotted path; `default` where it is missing, null, or no text, list or map as the default is one.

    What has another type than it must is for the chart and Kubernetes to refuse.
    """
    value: Any = props
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
        if value is UNKNOWN:
            raise NotYetKnownError(path)
    kind = type(default) if isinstance(default, str | list | dict) else object
    return default if value is None or not isinstance(value, kind) else value


def truth(value: object) -> bool:
    """A boolean as charts and `airflow.cfg` write it."""
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
