"""The versions that a stack's settings name, read out of them for `versions.py` to judge; of a local chart from its `Chart.yaml`."""

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from airflow_stack.chart.check import ValueProblem
from airflow_stack.choices import DagDelivery
from airflow_stack.settings.models import Chart, Settings
from airflow_stack.versions import (
    CHART_LIMIT,
    CHART_VERSION,
    OLDEST_CHART,
    TESTED,
    Named,
    chart_refusal,
    order,
    warnings,
)


def version_warnings(settings: Settings) -> Iterator[str]:
    """What is to be said of versions that were not tested together, or have a known hole; nothing of the defaults."""
    yield from warnings(list(_named(settings)))


def refused_chart(chart: Chart) -> Iterator[ValueProblem]:
    """The problem of a chart that this program cannot deploy, by its version."""
    allowed = f"chart {OLDEST_CHART} or newer, before {CHART_LIMIT}; tested is {' or '.join(dict.fromkeys(row.chart for row in TESTED))}"
    try:
        version = chart_version(chart)
    except (OSError, ValueError) as unreadable:
        reason = f"is not a chart that can be read: {unreadable}"
        yield ValueProblem("chart.path", chart.path, reason, "give a packed chart or the folder of one")
        return
    if not (reason_ := chart_refusal(version)):
        return
    if chart.path:
        way_out = f"helm pull airflow --repo {Chart().repository} --version {CHART_VERSION}, and name what comes"
        yield ValueProblem("chart.path", chart.path, f"{version!r} {reason_}", way_out, allowed)
    else:
        way_out = f"pulumi config set --path 'airflow:chart.version' {CHART_VERSION}"
        yield ValueProblem("chart.version", version, reason_, way_out, allowed)


def local_chart_version(chart: Path) -> str:
    """The version in the `Chart.yaml` of a chart, packed or a folder.

    Raises:
        OSError: the chart is not there or cannot be read.
        ValueError: it is not a chart, or says no version.
    """
    import yaml  # only a stack with a local chart pays for its import

    try:
        text = (chart / "Chart.yaml").read_bytes() if chart.is_dir() else _packed(chart)
        return str(yaml.safe_load(text)["version"])
    except (tarfile.TarError, EOFError, zlib.error, yaml.YAMLError, RecursionError, KeyError, TypeError) as error:
        raise ValueError(f"its Chart.yaml says no version ({error})") from None


def _packed(chart: Path) -> bytes:
    with tarfile.open(chart) as packed:
        for member in packed:
            if member.name.count("/") == 1 and member.name.endswith("/Chart.yaml"):
                file = packed.extractfile(member)
                return file.read() if file else b""
    return b""


def chart_version(chart: Chart) -> str:
    """The version of the chart that a stack names; of a local one from its `Chart.yaml`, as `local_chart_version`."""
    return local_chart_version(Path(chart.path).expanduser()) if chart.path else chart.version


def _named(settings: Settings) -> Iterator[Named]:
    images, chart = settings.images, settings.chart
    key = "version" if images.airflow.version else "tag"
    yield Named("airflow", f"airflow:images.airflow.{key}", getattr(images.airflow, key), _airflow(settings))
    yield Named(
        "chart",
        f"airflow:chart.{'path' if chart.path else 'version'}",
        chart.path or chart.version,
        chart_version(chart),
    )
    if settings.dags.delivery is DagDelivery.GIT_SYNC:
        yield Named("git_sync", "airflow:images.gitSync.tag", images.git_sync.tag, images.git_sync.tag)
    if settings.makes_database and not settings.database.cloud_native_pg:
        yield Named("postgres", "airflow:images.postgres.tag", images.postgres.tag, images.postgres.tag)


def _airflow(settings: Settings) -> str:
    """Airflow's version, and that it is a pre-release where the tag says so."""
    image = settings.images.airflow
    tag, version = order(image.tag), order(image.airflow_version)
    return image.tag if tag[:3] == version[:3] and tag < version else image.airflow_version
