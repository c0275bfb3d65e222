"""Manifests as YAML."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

_FIRST = ("kind", "apiVersion", "metadata")


class _Dumper(yaml.SafeDumper):
    """Quotes `y` and `n`: texts for PyYAML, but booleans for Kubernetes' YAML reader. Texts of several lines are blocks."""

    def analyze_scalar(self, scalar: str) -> Any:  # noqa: ANN401  not typed
        """Allow blocks with blanks at the end of a line too, such as `key = ` in airflow.cfg."""
        analysis = super().analyze_scalar(scalar)
        if analysis.multiline and all(line.replace("\t", "").isprintable() for line in scalar.split("\n")):
            analysis.allow_block = True
        return analysis


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text.rstrip("\n") else None)


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))
_Dumper.add_representer(str, _text)


def as_yaml(manifests: Iterable[dict[str, Any]]) -> str:
    """One YAML document for each manifest: its kind first, whole numbers without a fraction."""
    return str(yaml.dump_all(map(_in_order, manifests), Dumper=_Dumper, sort_keys=False, width=1000))


def _in_order(manifest: Mapping[str, Any]) -> dict[str, Any]:
    ordered = {key: manifest[key] for key in _FIRST if key in manifest}
    return {key: _whole(value) for key, value in {**ordered, **manifest}.items()}


def _whole(value: Any) -> Any:  # noqa: ANN401  any value of a manifest
    """The value with whole numbers as integers: the engine's protocol knows only fractions."""
    match value:
        case Mapping():
            return {key: _whole(inner) for key, inner in value.items()}
        case list():
            return [_whole(inner) for inner in value]
        case float() if value.is_integer():
            return int(value)
    return value
