"""Whether a stack's chart is available: from a Helm repository, an OCI registry, or this machine."""

import re
from pathlib import Path
from typing import Any

import httpx2
import yaml

from airflow_stack.chart.local_chart import local_version
from airflow_stack.cli import fast_yaml
from airflow_stack.settings.models import Chart

from .model import CheckError, Status

_NAME = "airflow"
_SECONDS = 20
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CORRECT_REPOSITORY = "correct airflow:chart.repository"


def find_chart(chart: Chart, transport: httpx2.BaseTransport | None = None) -> str:
    """Version and place of the chart. `transport` replaces the network in a test.

    Raises:
        CheckError: the chart is not available.
    """
    if chart.path:
        return f"version {_local(Path(chart.path).expanduser())} in {chart.path}"
    try:
        with httpx2.Client(timeout=_SECONDS, follow_redirects=True, transport=transport) as client:
            if chart.repository.startswith("oci://"):
                _check_registry(client, chart)
            else:
                _check_repository(client, chart)
    except httpx2.HTTPError as error:
        raise CheckError(
            f"{chart.repository} does not answer: {str(error) or type(error).__name__}",
            f"{_CORRECT_REPOSITORY}, allow the connection, or name a local chart in airflow:chart.path",
        ) from None
    return f"version {chart.version} in {chart.repository}"


def _local(path: Path) -> str:
    try:
        return local_version(path)
    except (OSError, ValueError) as error:
        fix = "correct airflow:chart.path: a folder or a .tgz with a Chart.yaml"
        raise CheckError(f"{path} is not a chart: {error}", fix) from None


def _check_repository(client: httpx2.Client, chart: Chart) -> None:
    index = f"{chart.repository.rstrip('/')}/index.yaml"
    answer = client.get(index)
    if not answer.is_success:
        raise CheckError(f"{index} answers {answer.status_code}", _CORRECT_REPOSITORY)
    try:
        entries: list[dict[str, Any]] = fast_yaml.load(answer.text)["entries"].get(_NAME, [])
        versions = [str(each["version"]) for each in entries]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise CheckError(f"{index} is not the index of a Helm repository", _CORRECT_REPOSITORY) from None
    _check_version(chart, versions)


def _check_registry(client: httpx2.Client, chart: Chart) -> None:
    host, _, path = chart.repository.removeprefix("oci://").strip("/").partition("/")
    base = f"https://{host}/v2/{f'{path}/' if path else ''}{_NAME}"
    answer = _get_with_token(client, f"{base}/manifests/{chart.version}")
    if answer.status_code in (401, 403):
        message = f"{host} requires a login, so it is unknown whether it has the chart"
        raise CheckError(message, f"`helm registry login {host}` on the machine that runs `pulumi up`", Status.WARN)
    if answer.status_code == 404:
        tags = _get_with_token(client, f"{base}/tags/list")
        _check_version(chart, tags.json().get("tags") or [] if tags.is_success else [])
    elif not answer.is_success:
        raise CheckError(f"{host} answers {answer.status_code}", _CORRECT_REPOSITORY)


def _get_with_token(client: httpx2.Client, url: str) -> httpx2.Response:
    """The response, with an anonymous token where the registry requires one (distribution.github.io, "Token Authentication")."""
    headers = {"Accept": _MANIFEST}
    answer = client.get(url, headers=headers)
    challenge = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers.get("www-authenticate", "")))
    if answer.status_code == 401 and "realm" in challenge:
        token = client.get(challenge.pop("realm"), params=challenge)
        if token.is_success:
            content = token.json()
            headers["Authorization"] = f"Bearer {content.get('token') or content.get('access_token')}"
            answer = client.get(url, headers=headers)
    return answer


def _check_version(chart: Chart, versions: list[str]) -> None:
    if not versions:
        raise CheckError(f"{chart.repository} has no chart {_NAME!r}", _CORRECT_REPOSITORY)
    if chart.version not in versions:
        alike = [version for version in versions if version.startswith("1.")] or versions
        raise CheckError(
            f"{chart.repository} has no version {chart.version} of the chart",
            f"correct airflow:chart.version; available: {', '.join(alike[:5])}",
        )
