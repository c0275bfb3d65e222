"""Reads values files and stack files of the user, and prints single values of them."""

import codecs
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli import fast_yaml, given_yaml
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError

from .file_kind import Chart, FoundValues, recognize
from .manifest_values import refuse_text
from .model import ChartValues, plain_data
from .text_values import text_at

_MAX_BYTES = 2**20
_COMMUNITY_PATHS = {"fernetKey": "airflow.fernetKey", "data.metadataConnection.pass": "externalDatabase.password"}


def find_values(file: Path) -> FoundValues:
    """The values of a chart in a file: a values file, or an object that deploys a chart.

    Raises:
        UserError: it has no values that `adopt` can read.
    """
    return recognize([plain_data(each, file.name) for each in _documents(file)], file.name)


def _documents(file: Path) -> list[Any]:
    if file.stat().st_size > _MAX_BYTES:
        raise UserError(f"{file} is larger than 1 MiB, the most that Helm stores")
    text = _text(file)
    try:
        documents = fast_yaml.load_all(text)
        if any(isinstance(each, str) for each in documents):
            refuse_text(text, str(file))
        _refuse_repeated(text, file)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):  # whose message may show a secret
        refuse_text(text, str(file))
    return documents


def _refuse_repeated(text: str, file: Path) -> None:
    """Helm takes the last of two equal keys, and loses the first without a word."""
    for root in yaml.compose_all(text, fast_yaml.LOADER):
        for line, problem in given_yaml.repeated_keys(root) if root else ():
            raise UserError(f"{file}, line {line}: {problem}")


def _text(file: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark (YAML 1.2.2, 5.2). PowerShell 5 writes UTF-16.

    Raises:
        UserError: it has another encoding, or is no text.
    """
    content = file.read_bytes()
    marks = (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    )
    encoding = next((name for mark, name in marks if content.startswith(mark)), "utf-8-sig")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        if b"\0" in content:
            raise UserError(f"{file} is no text, or encrypted as a whole; decrypt it first") from None
        raise UserError(
            f"{file} is not in UTF-8: line {line} seems to be in Latin-1 (ISO 8859-1, Windows-1252); convert it with "
            f"`iconv --from-code latin1 --to-code utf-8 {shlex.quote(str(file))}`"
        ) from None


def read_settings(file: Path) -> dict[str, Any]:
    """The settings in a stack file, without secrets.

    Raises:
        UserError: it is not a stack file.
    """
    documents = _documents(file)
    content = plain_data(documents[0] if documents else {}, str(file))
    if len(documents) > 1 or not isinstance(content, dict):
        raise UserError(f"{file} is not a stack file")
    config = ChartValues(content).take_object("config")
    own = {key.removeprefix("airflow:"): value for key, value in config.items() if key.startswith("airflow:")}
    return {key: value for key, value in own.items() if key not in SECRETS}


def print_value(found: FoundValues, path: str) -> None:
    """Print one value to standard output, without a line break.

    Raises:
        UserError: there is no such value, or standard output is a terminal.
    """
    if sys.stdout.isatty():
        raise UserError("--value prints a secret: pipe it, as in `... | pulumi config set --secret ...`")
    value = text_at(found.values, path)
    if found.chart is Chart.COMMUNITY:
        variable = path.removeprefix("env.")
        other = [f"airflow.config.{variable}", f"airflow.extraEnv.{variable}"] if path.startswith("env.") else []
        other += [_COMMUNITY_PATHS.get(path, path)]
        value = next((text for each in other if (text := text_at(found.values, each)) is not None), None)
    if value is None:
        raise UserError(f"--value {path}: the file has no such text")
    sys.stdout.write(value)
