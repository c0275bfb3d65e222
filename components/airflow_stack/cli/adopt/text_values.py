"""Single texts in values: also below texts that contain YAML, in lists by name, and in Base64. Pure."""

from contextlib import suppress
from typing import Any

import yaml

from airflow_stack.cli import fast_yaml
from airflow_stack.secret_forms import decoded

from .model import Values


def text_at(values: Values, path: str) -> str | None:
    """The text or number at a path; None if there is none.

    A step into a list is the `name` of its item, whose `value` counts. `extraSecrets.<name>.data` is in Base64, as the data of a Secret.
    """
    found: Any = values
    steps = path.split(".")
    while steps and found is not None:
        if isinstance(found, str):
            found = _loaded(found)
        if isinstance(found, list):
            found = next(
                (each.get("value") for each in found if isinstance(each, dict) and each.get("name") == steps[0]), None
            )
            steps = steps[1:]
        elif isinstance(found, dict):
            # Names of Secrets and keys of their data may contain dots.
            fitting = [n for n in range(len(steps), 0, -1) if ".".join(steps[:n]) in found]
            found, steps = (found[".".join(steps[: fitting[0]])], steps[fitting[0] :]) if fitting else (None, [])
        else:
            return None
    if not isinstance(found, str | int | float) or isinstance(found, bool):
        return None
    if path.startswith("extraSecrets.") and is_encoded(values, path):
        try:
            return decoded(str(found))
        except ValueError:
            return None
    return str(found)


def is_encoded(values: Values, path: str) -> bool:
    """Whether the text at a path below `extraSecrets` is in Base64: it is in `data`, not in `stringData`."""
    secrets = values.get("extraSecrets")
    names = secrets.keys() if isinstance(secrets, dict) else ()
    return any(path.startswith(f"extraSecrets.{name}.data.") for name in names)


def _loaded(text: str) -> Any:  # noqa: ANN401  any YAML
    with suppress(yaml.YAMLError, ValueError, TypeError, RecursionError):
        return fast_yaml.load(text)
    return None
