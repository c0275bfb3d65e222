"""The Helm command: where it is, and the manifests that it renders of a chart."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_stack.cli import fast_yaml
from airflow_stack.cli.progress import waiting
from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from airflow_stack.settings.models import Chart


def cache_folder() -> Path:
    """Folder of tools, kept between runs and shared by all checkouts."""
    if own := os.environ.get("AIRFLOW_STACK_CACHE"):
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "airflow-stack"


def find_helm() -> str:
    """Path of the installed Helm, or of the sandbox's in `cache_folder()`.

    Raises:
        UserError: there is neither.
    """
    helm = shutil.which("helm") or shutil.which("helm", path=cache_folder() / "bin")
    if helm is None:
        raise UserError("Helm was not found on PATH; install Helm 3.19 or newer: https://helm.sh/docs/intro/install/")
    return helm


def helm_template(chart: "Chart", name: str, namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Manifests of a release.

    Args:
        chart: The chart: a local one, or one of a repository.
        name: Name of the release.
        namespace: Its namespace.
        values: Its values.

    Raises:
        UserError: Helm is missing, the chart is not available, or Helm refuses the values.
    """
    if chart.path:
        source = [str(Path(chart.path).expanduser())]
    elif chart.repository.startswith("oci://"):
        source = [f"{chart.repository.rstrip('/')}/airflow", "--version", chart.version]
    else:
        source = ["airflow", "--repo", chart.repository, "--version", chart.version]
    # As JSON, which is YAML too: PyYAML would not quote the text `y`, which Helm reads as a boolean.
    with waiting("waiting for Helm to render the chart"):
        done = subprocess.run(
            [find_helm(), "template", name, *source, "--namespace", namespace, "--values", "-"],
            input=json.dumps(values, ensure_ascii=False),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        fix = "" if chart.path else "\nWithout access to the chart's repository, name a local chart: --chart PATH"
        raise UserError(f"Helm could not render {source[0]}:\n{done.stderr.strip()}{fix}")
    return [manifest for manifest in fast_yaml.load_all(done.stdout) if manifest]
