"""All manifests of a stack: the program's own objects, and the release rendered by Helm from the stack's values.

The program runs against a recording engine, so that what is rendered is what `pulumi up` would send, with other random values. Every
value of a Secret is shown as `[secret]`.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pulumi
import yaml

from airflow_stack.airflow import Airflow
from airflow_stack.cli import placeholder_secrets
from airflow_stack.cli.helm import find_helm
from airflow_stack.cli.recording import Recording, named, record
from airflow_stack.errors import UserError
from airflow_stack.inputs.secrets import required_secrets
from airflow_stack.inputs.validation import arguments
from airflow_stack.settings.models import Chart, Settings

SECRET = "[secret]"  # noqa: S105  what stands where a secret was
_RELEASE = "kubernetes:helm.sh/v3:Release"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where libyaml is at hand


def record_stack(settings: Settings, stack: str) -> Recording:
    """What the program registers for a stack, with made-up secrets."""

    def program() -> None:
        secrets = {key: pulumi.Output.secret(placeholder_secrets.secret(key)) for key in required_secrets(settings)}
        Airflow("airflow", arguments(settings, secrets))

    return record(program, stack=stack)


def render(settings: Settings, stack: str) -> list[dict[str, Any]]:
    """Every manifest of a stack, the namespace first and the others by kind and name.

    Raises:
        UserError: Helm is missing, the chart cannot be had, or Helm refuses the values.
    """
    recording = record_stack(settings, stack)
    manifests = [
        _manifest(named(resource.inputs, resource.name))
        for resource in recording.resources.values()
        if resource.type.startswith("kubernetes:") and resource.type != _RELEASE
    ]
    release = recording.only(_RELEASE).inputs
    manifests += helm_template(settings.chart, release["name"], release["namespace"], release["values"])
    return sorted(manifests, key=_order)


def helm_template(chart: Chart, name: str, namespace: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """A release's manifests, rendered by Helm.

    Raises:
        UserError: Helm is missing, the chart cannot be had, or Helm refuses the values.
    """
    if chart.path:
        source = [str(Path(chart.path).expanduser())]
    elif chart.repository.startswith("oci://"):
        source = [f"{chart.repository.rstrip('/')}/airflow", "--version", chart.version]
    else:
        source = ["airflow", "--repo", chart.repository, "--version", chart.version]
    # JSON is YAML too; PyYAML would leave the text `y` bare, which is a boolean to Helm.
    done = subprocess.run(
        [find_helm(), "template", name, *source, "--namespace", namespace, "--values", "-"],
        input=json.dumps(values, ensure_ascii=False),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        way_out = "" if chart.path else "\nWithout access to the chart's repository, give a local one: --chart PATH"
        raise UserError(f"Helm could not render {source[0]}:\n{done.stderr.strip()}{way_out}")
    return [manifest for manifest in yaml.load_all(done.stdout, Loader=_LOADER) if manifest]


def _manifest(inputs: dict[str, Any]) -> dict[str, Any]:
    for part in ("stringData", "data"):
        if inputs.get("kind") == "Secret" and part in inputs:
            inputs = {**inputs, part: dict.fromkeys(inputs[part], SECRET)}
    return inputs


def _order(manifest: dict[str, Any]) -> tuple[bool, str, str]:
    return manifest["kind"] != "Namespace", manifest["kind"], manifest["metadata"]["name"]
