"""YAML by libyaml where PyYAML has it, which is ten times as fast."""

from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
