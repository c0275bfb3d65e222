"""Check of the versions that a stack's settings name; `versions.py` judges them."""

from collections.abc import Iterator

from airflow_stack.chart.check import unreadable_chart
from airflow_stack.chart.local_chart import UNREADABLE, chart_version
from airflow_stack.choices import DagDelivery
from airflow_stack.settings.models import Chart, Settings
from airflow_stack.settings.problem import Problem, Set
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
    """Warnings about versions that were not tested together, or have a known vulnerability; none for the defaults."""
    yield from warnings(list(_named(settings)))


def refused_chart(chart: Chart) -> Iterator[Problem]:
    """The problem of a chart whose version this program cannot deploy, or that cannot be read."""
    tested = " or ".join(dict.fromkeys(row.chart for row in TESTED))
    allowed = f"chart {OLDEST_CHART} or newer, before {CHART_LIMIT}; tested is {tested}"
    try:
        version = chart_version(chart)
    except UNREADABLE as error:
        yield unreadable_chart(str(chart.path), error)
        return
    declared = chart.version if "version" in chart.model_fields_set else CHART_VERSION
    if not (reason := chart_refusal(version)):
        if reason := chart_refusal(declared):  # what `up` deploys without the local chart of `--chart`
            yield Problem(
                "chart.version", reason, (Set("chart.version", CHART_VERSION),), allowed=allowed, value=declared
            )
        return
    if chart.path:
        pull = f"helm pull airflow --repo {Chart().repository} --version {CHART_VERSION}"
        steps = (pull, Set("chart.path", "<the packed chart>"))
        yield Problem("chart.path", f"{version!r} {reason}", steps, allowed=allowed, value=chart.path)
    else:
        steps_ = (Set("chart.version", CHART_VERSION),)
        yield Problem("chart.version", reason, steps_, allowed=allowed, value=version)


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
    if chart.path and "version" in chart.model_fields_set and chart.version != chart_version(chart):
        yield Named("chart", "airflow:chart.version", chart.version, chart.version)
    if settings.dags.delivery is DagDelivery.GIT_SYNC:
        yield Named("git_sync", "airflow:images.gitSync.tag", images.git_sync.tag, images.git_sync.tag)
    if settings.makes_database and not settings.database.cloud_native_pg:
        yield Named("postgres", "airflow:images.postgres.tag", images.postgres.tag, images.postgres.tag)


def _airflow(settings: Settings) -> str:
    """Airflow's version, and that it is a pre-release where the tag says so."""
    image = settings.images.airflow
    tag, version = order(image.tag), order(image.airflow_version)
    return image.tag if tag[:3] == version[:3] and tag < version else image.airflow_version
