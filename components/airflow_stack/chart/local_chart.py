"""A chart on this machine, packed or a folder: its version and the schema of its values."""

import json
import tarfile
import zlib
from pathlib import Path
from typing import Any

from airflow_stack.settings.models import Chart

UNREADABLE = (OSError, ValueError)
"""Errors of a path that is not a chart."""


def chart_version(chart: Chart) -> str:
    """The version of a stack's chart; of a local one from its `Chart.yaml`.

    Raises:
        OSError: the local chart is missing or cannot be read.
        ValueError: it is not a chart, or has no version.
    """
    return local_version(Path(chart.path).expanduser()) if chart.path else chart.version


def local_version(chart: Path) -> str:
    """The version in a chart's `Chart.yaml`.

    Raises:
        OSError: the chart is missing or cannot be read.
        ValueError: it is not a chart, or has no version.
    """
    import yaml  # only a stack with a local chart pays for its import

    try:
        return str(yaml.safe_load(_file(chart, "Chart.yaml"))["version"])
    except (yaml.YAMLError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(f"its Chart.yaml has no version ({error})") from None


def values_schema(chart: Path) -> dict[str, Any]:
    """A chart's `values.schema.json`, with its open top level closed.

    Raises:
        OSError: the chart is missing or cannot be read.
        ValueError: it is not a chart with a schema.
    """
    schema = json.loads(_file(chart, "values.schema.json"))
    if not isinstance(schema, dict):
        raise ValueError("its values.schema.json is no object")  # noqa: TRY004  callers catch what is wrong with a file
    return {**schema, "additionalProperties": False}


def _file(chart: Path, name: str) -> bytes:
    if chart.is_dir():
        return (chart / name).read_bytes()
    if chart.exists() and not chart.is_file():
        raise ValueError("it is neither a packed chart nor a folder")
    try:
        with tarfile.open(chart) as packed:
            for member in packed:
                if (
                    member.name.count("/") == 1
                    and member.name.endswith(f"/{name}")
                    and (file := packed.extractfile(member))
                ):
                    return file.read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        cause = str(error).partition(":\n")[0]  # tarfile appends a line for each compression that it tried
        raise ValueError(cause) from None
    raise ValueError(f"it has no {name}")
