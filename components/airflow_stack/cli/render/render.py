"""Manifests as YAML."""

import re
from collections.abc import Iterable
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Quotes `y` and `n`: texts for PyYAML, but booleans for Kubernetes' YAML reader."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


def as_yaml(manifests: Iterable[dict[str, Any]]) -> str:
    """One YAML document for each manifest."""
    return str(yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, width=1000))
