"""Reads the settings of a stack from its file, without the engine. Encrypted values are not decrypted."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import load
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Settings


def read(root: Path, stack: str, *, of: str = PROJECT) -> tuple[dict[str, object], Collection[str]]:
    """Configuration of a stack, and its keys with encrypted values.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack, with or without its organization.
        of: Namespace of the configuration: of this program, or of a provider such as `kubernetes`.

    Raises:
        UserError: there is no such stack, or its file is not a stack file.
    """
    name = stack.rsplit("/", 1)[-1]
    file = root / f"Pulumi.{name}.yaml"
    if not file.is_file():
        stacks = sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml"))
        raise UserError(
            f"stack {name!r} has no {file.name} in {root}\n    fix: name one of {', '.join(stacks) or 'none'}"
        )
    try:
        content: Any = yaml.safe_load(file.read_text()) or {}
        config: dict[str, Any] = content.get("config") or {}
        own = {key.removeprefix(f"{of}:"): value for key, value in config.items() if key.startswith(f"{of}:")}
        return own, {key for key, value in own.items() if _encrypted(value)}
    except AttributeError:
        raise UserError(f"{file.name} is not a stack file\n    fix: put its settings under the key config") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{file.name} is not a stack file: {error}\n    fix: correct the YAML") from None


def settings(root: Path, stack: str, *, chart: Path | None = None, secrets_required: bool = False) -> Settings:
    """Settings of a stack.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack.
        chart: Local chart instead of the stack's own.
        secrets_required: Whether a secret that is missing from the file is an error.

    Raises:
        SettingsError: settings are wrong; the message names all of them.
        UserError: there is no such stack, or its file is not a stack file.
    """
    config, encrypted = read(root, stack)
    if chart:
        own = config.get("chart")
        config["chart"] = {**(own if isinstance(own, dict) else {}), "path": str(chart)}
    return load(stack, config, encrypted, secrets_required=secrets_required)


def _encrypted(value: object) -> bool:
    if isinstance(value, Mapping):
        return value.keys() == {"secure"} or any(_encrypted(inner) for inner in value.values())
    return isinstance(value, list) and any(_encrypted(inner) for inner in value)
