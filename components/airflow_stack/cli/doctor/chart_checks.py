"""Whether a stack's chart can be had: from a Helm repository, an OCI registry, or this machine."""

import re
from pathlib import Path
from typing import Any

import httpx2
import yaml

from airflow_stack.chart.local_chart import local_version
from airflow_stack.cli.doctor.model import Status, UnwellError
from airflow_stack.settings.models import Chart

_NAME = "airflow"
_SECONDS = 20
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_SET = "correct airflow:chart.version"
_CHART_YAML = (
    yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
)  # an index of a hundred versions takes the other a second


def find_chart(chart: Chart, transport: httpx2.BaseTransport | None = None) -> str:
    """Where the chart is, in words; `transport` plays the network in a test.

    Raises:
        UnwellError: it cannot be had.
    """
    try:
        if chart.path:
            return f"version {_local(Path(chart.path).expanduser())} in {chart.path}"
        with httpx2.Client(timeout=_SECONDS, follow_redirects=True, transport=transport) as client:
            look = _registry if chart.repository.startswith("oci://") else _repository
            look(client, chart)
    except httpx2.HTTPError as error:
        raise UnwellError(
            f"{chart.repository} does not answer: {error or type(error).__name__}",
            "correct airflow:chart.repository, open the way to it, or name a local chart in airflow:chart.path",
        ) from None
    return f"version {chart.version} is in {chart.repository}"


def _local(path: Path) -> str:
    try:
        return local_version(path)
    except (OSError, ValueError) as error:
        way_out = "correct airflow:chart.path: a folder or a .tgz with a Chart.yaml"
        raise UnwellError(f"{path} is no chart: {error}", way_out) from None


def _repository(client: httpx2.Client, chart: Chart) -> None:
    index = f"{chart.repository.rstrip('/')}/index.yaml"
    answer = client.get(index)
    if not answer.is_success:
        raise UnwellError(f"{index} answers {answer.status_code}", "correct airflow:chart.repository")
    try:
        found: list[dict[str, Any]] = yaml.load(answer.text, _CHART_YAML)["entries"].get(_NAME, [])  # noqa: S506  both are safe
        versions = [str(each["version"]) for each in found]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise UnwellError(f"{index} is no index of a Helm repository", "correct airflow:chart.repository") from None
    _judge(chart, versions)


def _registry(client: httpx2.Client, chart: Chart) -> None:
    host, _, path = chart.repository.removeprefix("oci://").strip("/").partition("/")
    base = f"https://{host}/v2/{f'{path}/' if path else ''}{_NAME}"
    answer = _asked(client, f"{base}/manifests/{chart.version}")
    if answer.status_code in (401, 403):
        message = f"{host} asks for a login, and whether the chart is there is not known"
        raise UnwellError(message, f"`helm registry login {host}` wherever `pulumi up` runs", Status.WARN)
    if answer.status_code == 404:
        tags = _asked(client, f"{base}/tags/list")
        _judge(chart, tags.json().get("tags") or [] if tags.is_success else [])
    elif not answer.is_success:
        raise UnwellError(f"{host} answers {answer.status_code}", "correct airflow:chart.repository")


def _asked(client: httpx2.Client, url: str) -> httpx2.Response:
    """The answer; of a registry that wants a token even from strangers, with that (distribution.github.io, "Token Authentication")."""
    headers = {"Accept": _MANIFEST}
    answer = client.get(url, headers=headers)
    parts = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("www-authenticate", "")))
    if answer.status_code == 401 and "realm" in parts:
        token = client.get(parts.pop("realm"), params=parts)
        if token.is_success:
            known = token.json()
            headers["Authorization"] = f"Bearer {known.get('token') or known.get('access_token')}"
            answer = client.get(url, headers=headers)
    return answer


def _judge(chart: Chart, versions: list[str]) -> None:
    if not versions:
        raise UnwellError(f"{chart.repository} has no chart {_NAME!r}", "correct airflow:chart.repository")
    if chart.version not in versions:
        ours = [version for version in versions if version.startswith("1.")] or versions
        raise UnwellError(
            f"{chart.repository} has no version {chart.version} of it", f"{_SET}; there are {', '.join(ours[:5])}"
        )
