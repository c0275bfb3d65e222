"""Reads the settings of a stack from its file, without the engine. Encrypted values are not decrypted."""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from pydantic.alias_generators import to_camel

from airflow_stack.cli import given_yaml
from airflow_stack.cli.stack_names import short_name, stack_names
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import load
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Settings

_TOP_LEVEL = {"config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt"}  # workspace.ProjectStack


def read(root: Path, stack: str, *, of: str = PROJECT) -> tuple[dict[str, object], Collection[str]]:
    """Configuration of a stack, and its keys with encrypted values.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack, with or without its organization.
        of: Namespace of the configuration: of this program, or of a provider such as `kubernetes`.

    Raises:
        UserError: there is no such stack, or its file is not a stack file.
    """
    name = short_name(stack)
    file = root / f"Pulumi.{name}.yaml"
    if not file.exists():
        raise UserError(
            f"stack {name!r} has no {file.name} in {root}\n    fix: name one of {', '.join(stack_names(root)) or 'none'}"
        )
    content = given_yaml.document(file)
    if not isinstance(content, dict | None):
        raise UserError(f"{file.name} is not a stack file\n    fix: put its settings under the key config")
    if unknown := sorted(map(str, (content or {}).keys() - _TOP_LEVEL)):
        hint = _nearest(unknown[0], _TOP_LEVEL)
        raise UserError(
            f"{file.name}: {unknown[0]!r} is not a key of a stack file{hint}\n"
            f"    allowed: {', '.join(sorted(_TOP_LEVEL))}\n    fix: put settings under the key config"
        )
    config = (content or {}).get("config") or {}
    if not isinstance(config, dict):
        raise UserError(
            f"{file.name} is not a stack file\n    fix: write config as an object, such as `airflow:size: small`"
        )
    if misspelt := list(_misspelt(config)):
        raise UserError(
            f"{file.name} has keys that no program reads\n\n"
            + "\n".join(f"  {line}" for line in misspelt)
            + "\n    fix: rename them"
        )
    own = {key.removeprefix(f"{of}:"): value for key, value in config.items() if key.startswith(f"{of}:")}
    return own, {key for key, value in own.items() if _encrypted(value)}


def _misspelt(config: Mapping[object, object]) -> Iterator[str]:
    """Keys without a namespace, which Pulumi refuses, and with one that is nearly this program's."""
    for key in config:
        namespace, colon, rest = str(key).partition(":")
        if not colon or not isinstance(key, str):
            setting = rest or namespace.removeprefix(f"{PROJECT}.")
            known = get_close_matches(setting, [*map(to_camel, Settings.model_fields), *SECRETS], n=1)
            yield f"{key!r} has no namespace; " + (
                f"did you mean {PROJECT}:{known[0]}?" if known else f"write {PROJECT}:{key}"
            )
        elif namespace != PROJECT and get_close_matches(namespace.lower(), [PROJECT], cutoff=0.75):
            yield f"{key!r} is of no known namespace; did you mean {PROJECT}:{rest}?"


def _nearest(key: str, known: Collection[str]) -> str:
    found = get_close_matches(key, known, n=1)
    return f"; did you mean {found[0]!r}?" if found else ""


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
