"""Reads values files and stack files of the user, and prints single values of them."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli import fast_yaml
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError

from .community_chart import is_community
from .model import ChartValues, plain_data

_MAX_BYTES = 2**20
_COMMUNITY_PATHS = {"fernetKey": "airflow.fernetKey", "data.metadataConnection.pass": "externalDatabase.password"}


def read_values(file: Path) -> dict[str, Any]:
    """The values in a file.

    Raises:
        UserError: it is not a values file.
    """
    if file.stat().st_size > _MAX_BYTES:
        raise UserError(f"{file} is larger than 1 MiB, the most that Helm stores")
    try:
        documents = fast_yaml.load_all(file.read_text()) or [{}]
    except (yaml.YAMLError, ValueError, RecursionError):  # whose message may show a secret
        raise UserError(f"{file} is not YAML") from None
    if len(documents) > 1:
        raise UserError(f"{file} has {len(documents)} documents, separated by ---; name a file with one")
    values = plain_data(documents[0] or {}, str(file))
    if not isinstance(values, dict):
        raise UserError(f"{file} is not a values file: its top level is not an object")
    return values


def read_settings(file: Path) -> dict[str, Any]:
    """The settings in a stack file, without secrets.

    Raises:
        UserError: it is not a stack file.
    """
    config = ChartValues(read_values(file)).take_object("config")
    own = {key.removeprefix("airflow:"): value for key, value in config.items() if key.startswith("airflow:")}
    return {key: value for key, value in own.items() if key not in SECRETS}


def print_value(values: object, path: str) -> None:
    """Print one value to standard output, without a line break. The path may lead into texts that contain YAML.

    Raises:
        UserError: there is no such value, or standard output is a terminal.
    """
    if sys.stdout.isatty():
        raise UserError("--value prints a secret: pipe it, as in `... | pulumi config set --secret ...`")
    if isinstance(values, dict) and is_community(values):
        path = _COMMUNITY_PATHS.get(path, path)
    for step in path.split("."):
        with suppress(yaml.YAMLError, ValueError, RecursionError):
            values = fast_yaml.load(values) if isinstance(values, str) else values
        values = values.get(step) if isinstance(values, dict) else None
    if not isinstance(values, str | int) or isinstance(values, bool):
        raise UserError(f"--value {path}: the file has no such text")
    sys.stdout.write(str(values))
