"""YAML by libyaml where PyYAML has it, which is ten times as fast. Numbers are read as Helm and Pulumi do (gopkg.in/yaml.v3, resolve.go)."""

import re
from typing import Any

import yaml

_BASE_60_AND_DATES = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")


class LOADER(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # one of two classes
    """Reads `22:30` and `2026-01-31` as text, which YAML 1.1 takes for a number of base 60 and a date."""


LOADER.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _BASE_60_AND_DATES]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
LOADER.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)
LOADER.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[0-1_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    list("-+0123456789"),
)


def load(text: str) -> Any:  # noqa: ANN401  YAML of any type
    """The document in a text.

    Raises:
        yaml.YAMLError: it is not YAML, or has several documents.
    """
    return yaml.load(text, LOADER)  # noqa: S506  both loaders are safe


def load_all(text: str) -> list[Any]:
    """The documents in a text.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    return list(yaml.load_all(text, LOADER))
