"""Support of the plugins' contract tests: a program that declares the resources of a test, with one kind of plugins.

The tests run with the stand-ins in `sandbox/plugins`, and with the official plugins where they are available: docs/plugins.md.
"""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import pulumi_environment, toolchain
from sandbox.sandbox_stack import PulumiResult, SandboxStack

CANARY = "canary-4f1d9b"
PROGRAM = """
import json, pulumi
made = []
for name, (type_, properties, options) in json.load(open("resources.json")).items():
    for key in options.pop("secret", []):
        properties[key] = pulumi.Output.secret(properties[key])
    seconds = options.pop("seconds", 60)
    limits = pulumi.CustomTimeouts(create=f"{seconds}s", update=f"{seconds}s", delete=f"{seconds}s")
    after = pulumi.ResourceOptions(depends_on=list(made), custom_timeouts=limits, **options)
    made.append(pulumi.CustomResource(type_, name, properties, after))
"""
_FIND_OFFICIAL = pulumi_environment.official_plugins  # tests replace the function
KINDS = ["stand-ins", pytest.param("official", marks=pytest.mark.official_plugins)]
Resources = dict[str, list[Any]]
"""Type, properties and optionally resource options of each resource, by name."""
Open = Callable[[str, Path], SandboxStack]


def official() -> Path | None:
    """Folder of the official plugins. With OFFICIAL_PLUGINS=required their absence fails the test."""
    found = _FIND_OFFICIAL(toolchain.cache_folder())
    if not found and os.environ.get("OFFICIAL_PLUGINS") == "required":
        pytest.fail("the official plugins are required, but are neither installed nor downloadable")
    return found


def choose(kind: str, patch: pytest.MonkeyPatch) -> None:
    """Make stacks use a kind of plugins. Skips the test if they are not available."""
    found = official()
    if kind == "official" and not found:
        pytest.skip("the official plugins are neither installed nor downloadable")
    patch.setattr("sandbox.pulumi_environment.official_plugins", lambda cache: found if kind == "official" else None)


class Program:
    """Stack of a program that declares the resources of a test."""

    def __init__(self, folder: Path, stack: SandboxStack) -> None:
        self.folder, self.stack = folder, stack

    def declare(self, resources: Resources) -> None:
        full = {name: [*parts, {}][:3] for name, parts in resources.items()}
        (self.folder / "resources.json").write_text(json.dumps(full))

    def up(self, resources: Resources, *arguments: str) -> PulumiResult:
        self.declare(resources)
        return self.shown(self.stack.up(*arguments))

    def preview(self, resources: Resources, *arguments: str) -> PulumiResult:
        self.declare(resources)
        return self.shown(self.stack.preview("--diff", *arguments))

    def unchanged(self) -> bool:
        """Whether a preview after a refresh has no changes."""
        return set(self.shown(self.stack.preview("--diff", "--refresh")).changes) == {"same"}

    def state(self, name: str) -> dict[str, Any]:
        """State of a resource, with encrypted secrets."""
        resources = self.stack.export()["deployment"]["resources"]
        found: dict[str, Any]
        (found,) = (each for each in resources if each["urn"].endswith(f"::{name}"))
        return found

    @staticmethod
    def shown(result: PulumiResult) -> PulumiResult:
        print(result.output)  # pytest shows it when the test fails
        return result


def make_program(folder: Path, opened: Open) -> Program:
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text('{"name": "test", "runtime": "python"}')
    (folder / "__main__.py").write_text(PROGRAM)
    return Program(folder, opened("test", folder))


def made(kind: str, name: str, namespace: str = "", **fields: Any) -> list[Any]:
    """Declare an object."""
    group = {"Job": "batch/v1", "NetworkPolicy": "networking.k8s.io/v1", "StatefulSet": "apps/v1"}.get(kind, "v1")
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **fields.pop("metadata", {})}
    properties = {"apiVersion": group, "kind": kind, "metadata": metadata, **fields}
    return [f"kubernetes:{group if '/' in group else f'core/{group}'}:{kind}", properties]


def secret(name: str, namespace: str, **texts: str) -> list[Any]:
    return made("Secret", name, namespace, type="Opaque", stringData=texts)


def stateful_set(namespace: str, image: str = "image:1", **spec: Any) -> list[Any]:
    labels = {"app": "set"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template, "serviceName": "none", "replicas": 1, **spec}
    return made("StatefulSet", "set", namespace, spec=spec)


def job(namespace: str, outcome: str = "", message: str = "") -> list[Any]:
    """Declare a Job, with the outcome of its only pod on the simulated node."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "image:1"}]}
    told = {"sandbox.airflow/outcome": outcome, "sandbox.airflow/message": message} if outcome else {}
    template = {"metadata": {"annotations": told}, "spec": pod} if told else {"spec": pod}
    metadata = {"annotations": {"pulumi.com/replaceUnready": "true"}}
    return made("Job", "job", namespace, metadata=metadata, spec={"backoffLimit": 0, "template": template})


CHART = {
    "Chart.yaml": "{apiVersion: v2, name: app, version: 1.2.3, appVersion: '9'}",
    "values.yaml": "{image: 'app:1', note: ''}",
    "values.schema.json": '{"additionalProperties": false, "properties": {"image": {}, "note": {}}}',
    "templates/app.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: {{ .Values.image | quote }}}]}
""",
}


def make_release(chart: Path, namespace: str) -> list[Any]:
    """Create a small chart, and declare a release of it."""
    for name, text in CHART.items():
        file = chart / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    place = {"chart": str(chart), "name": "app", "namespace": namespace}
    return ["kubernetes:helm.sh/v3:Release", {**place, "values": {"image": "app:1"}}]


def assert_hidden(program: Program, *results: PulumiResult) -> None:
    """Check that no text contains the canary, in plain or in Base64."""
    texts = [json.dumps(program.stack.export()), *(result.output for result in results)]
    for shape in (CANARY, base64.b64encode(CANARY.encode()).decode()):
        assert not [text for text in texts if shape in text]
