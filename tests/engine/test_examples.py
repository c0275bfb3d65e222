"""The programs in examples/ with the real engine: `up`, an unchanged preview, and a complete `destroy`."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import Namespace

from airflow_stack.provider import SCHEMA
from sandbox import pins, toolchain
from sandbox.sandbox_stack import SandboxStack

ROOT = Path(__file__).parents[2]
CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
OpenStack = Callable[..., SandboxStack]
# The available chart and a namespace of its own in each language, inserted before the setting of DAGs.
PROGRAMS = {
    "python": ("__main__.py", f'"chart": {{"path": "{CHART}"}}, "namespace": "example-python",\n'),
    "yaml": ("Pulumi.yaml", f'chart: {{path: "{CHART}"}}\n\\1namespace: example-yaml\n'),
    "typescript": ("index.ts", f'chart: {{ path: "{CHART}" }}, namespace: "example-typescript",\n'),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Like this checkout, but with an executable component plugin: a Python host built from source runs no plugins."""
    toolchain.ensure(pins.EXAMPLE_HOSTS)
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    plugin = folder / "components" / "pulumi-resource-airflow"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "components"}" "$@"\n')
    plugin.chmod(0o755)
    return folder


def copied(example: str, checkout: Path) -> Path:
    """Copy of the example with the available chart and a namespace of its own."""
    project = checkout / "examples" / example
    shutil.copytree(ROOT / "examples" / example, project, ignore=shutil.ignore_patterns("node_modules", "sdks"))
    file, chart = PROGRAMS[example]
    text, count = re.subn(r'^( +)(?="?dags"?:)', rf"\1{chart}\1", (project / file).read_text(), flags=re.MULTILINE)
    assert count == 1, "the example contains one Airflow"
    (project / file).write_text(text)
    if example == "typescript":
        install(project)
    return project


def install(project: Path) -> None:
    """Generate the npm SDK and install the packages, like `pulumi install`. Then check the types of the program."""
    go = project.parent / "npm-sdk"
    go.mkdir()
    shutil.copy(ROOT / "tests" / "engine" / "npm_sdk.go", go)
    (go / "go.mod").write_text("module sandbox\n\ngo 1.24\n")
    run(go, "go", "get", f"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs@v{pins.PULUMI}")
    run(go, "go", "run", "npm_sdk.go", str(project / "sdks" / "airflow"), text=SCHEMA.read_text())
    run(project, "npm", "install", "--no-audit", "--no-fund")
    run(project, "npm", "exec", "tsc")


def run(folder: Path, *command: str, text: str = "") -> None:
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOWORK": "off", "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=folder, env=env, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("example", PROGRAMS)
def test_an_example_is_deployed_unchanged_and_destroyed(
    example: str, checkout: Path, open_stack: OpenStack, client: Client
) -> None:
    if example == "typescript" and not (shutil.which("npm") and shutil.which("go")):
        pytest.skip("needs npm, and Go to make the npm SDK")
    stack = open_stack("dev", copied(example, checkout))
    try:
        up = stack.up()
        assert up.ok, up.output
        preview = stack.preview("--diff")
        assert set(preview.changes) == {"same"}, preview.output
        assert preview.changes["same"] > 20, "an empty preview would be unchanged too"
        assert stack.outputs() == {"url": "http://localhost:8080", "adminPassword": "[secret]"}
        assert len(stack.outputs(secrets=True)["adminPassword"]) > 12
        namespace = client.get(Namespace, f"example-{example}")
        assert namespace.metadata
        assert (namespace.metadata.labels or {})["team"] == "data"
    finally:
        gone = stack.destroy()
    assert gone.ok, gone.output
    assert stack.export()["deployment"].get("resources", []) == []
    assert f"example-{example}" not in {found.metadata.name for found in client.list(Namespace) if found.metadata}


def test_wrong_inputs_are_named_and_nothing_is_created(checkout: Path, open_stack: OpenStack) -> None:
    project = checkout / "examples" / "wrong"
    shutil.copytree(ROOT / "examples" / "yaml", project)
    program = project / "Pulumi.yaml"
    program.write_text(program.read_text().replace("branch: main", "commit: main").replace("team: data", "tier: data"))
    stack = open_stack("dev", project)
    refused = stack.up()
    assert not refused.ok
    assert "dags.commit = 'main'" in refused.output
    assert "labels = " in refused.output
    assert "Traceback" not in refused.output
    assert not [urn for urn in stack.export()["deployment"].get("resources", []) if "kubernetes" in urn["type"]]


def test_a_wrong_secret_is_named_as_an_input_and_never_shown(checkout: Path, open_stack: OpenStack) -> None:
    project = checkout / "examples" / "wrong-key"
    shutil.copytree(ROOT / "examples" / "yaml", project)
    program, secret = project / "Pulumi.yaml", "\n      gitSshKey:\n        fn::secret: canary-key"
    public = program.read_text().replace("branch: main", f"branch: main{secret}")
    stack = open_stack("dev", project)
    for text, told in (
        (public, "gitSshKey\n        is set, but nothing uses it"),
        (public.replace("https://github.com/acme", "git@github.com:acme"), "gitSshKey is no"),
    ):
        program.write_text(text)
        refused = stack.preview()
        assert not refused.ok
        assert told in refused.output
        assert "canary" not in refused.output


def test_the_engine_reads_the_committed_schema_from_the_plugin(checkout: Path, open_stack: OpenStack) -> None:
    plugin = checkout / "components" / "pulumi-resource-airflow"
    shown = open_stack("dev").run("package", "get-schema", str(plugin))
    assert shown.ok, shown.output
    assert json.loads(shown.output[shown.output.index("{") :]) == json.loads(SCHEMA.read_text())
