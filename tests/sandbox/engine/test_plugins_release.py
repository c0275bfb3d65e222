"""Helm releases: behaviour shared by stand-ins and official plugins (docs/plugins.md)."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.resources.core_v1 import Pod, Secret

from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool
from tests.support.plugin_contract import CANARY, Program, Resources, assert_hidden, make_release

Helm = Callable[..., str]


@pytest.fixture
def helm(tools: dict[str, LocatedTool], cluster: SimulatedCluster, namespace: str) -> Helm:
    def run(*arguments: str) -> str:
        command = [tools["helm"].path, *arguments, "--namespace", namespace]
        env = os.environ | {"KUBECONFIG": cluster.kubeconfig}
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def release(tmp_path: Path, namespace: str) -> Resources:
    return {"release": make_release(tmp_path / "chart", namespace)}


def test_a_release_is_installed_upgraded_and_uninstalled(program: Program, release: Resources, helm: Helm) -> None:
    assert program.up(release).changes == {"create": 2}
    outputs = program.state("release")["outputs"]
    assert outputs["status"]["status"] == "deployed"
    assert outputs["version"] == "1.2.3"
    assert program.unchanged()

    release["release"][1]["values"] = {"image": "app:2"}
    preview = program.preview(release)
    assert preview.changes == {"same": 1, "update": 1}
    assert '~ image: "app:1" => "app:2"' in preview.output
    assert program.stack.up().changes == preview.changes
    assert program.state("release")["outputs"]["status"]["revision"] == 2

    helm("upgrade", "app", release["release"][1]["chart"], "--set", "image=app:3")
    assert '~ image: "app:2" => "app:3"' in program.stack.refresh("--diff").output
    assert program.stack.up().changes == {"same": 1, "update": 1}

    assert program.stack.destroy().ok
    assert helm("list", "--all", "--short") == ""


def test_a_failed_upgrade_reports_the_reason_keeps_the_old_revision_and_the_next_one_recovers(
    program: Program, client: Client, release: Resources, helm: Helm, namespace: str
) -> None:
    program.up(release)
    serving = [pod.metadata.name for pod in client.list(Pod, namespace=namespace) if pod.metadata]
    properties = release["release"][1]

    properties["values"] = {"imagge": "app:2"}
    assert "imagge" in program.up(release).output
    assert len(json.loads(helm("history", "app", "--output", "json"))) == 1

    properties |= {"values": {"image": "app:does-not-exist"}, "timeout": 4}
    failed = program.up(release)
    assert "context deadline exceeded" in failed.output
    assert (
        f'Helm release "{namespace}/app" failed to initialize completely. Use Helm CLI to investigate' in failed.output
    )
    assert "ImagePullBackOff" not in failed.output, "the plugin does not report the cause; `airflow-stack doctor` does"
    assert client.get(Pod, serving[0] or "", namespace=namespace).status

    properties |= {"values": {"image": "app:2"}, "timeout": 60}
    assert program.up(release).ok
    assert program.unchanged()


def test_the_next_up_recovers_a_failed_first_install(program: Program, release: Resources, namespace: str) -> None:
    properties = release["release"][1]
    properties |= {"values": {"image": "app:does-not-exist"}, "timeout": 3}
    assert not program.up(release).ok
    assert program.state("release")["id"] == f"{namespace}/app"

    properties |= {"values": {"image": "app:1"}, "timeout": 60}
    assert program.up(release).ok
    assert program.unchanged()


def test_a_deleted_release_is_removed_from_the_state_and_an_existing_one_can_be_imported(
    program: Program, release: Resources, helm: Helm, namespace: str
) -> None:
    program.up(release)
    helm("uninstall", "app")
    assert program.stack.refresh().changes == {"same": 1, "delete": 1}

    helm("install", "app", release["release"][1]["chart"], "--set", "image=app:1")
    assert "cannot re-use a name that is still in use" in program.up(release).output
    place = ["kubernetes:helm.sh/v3:Release", "release", f"{namespace}/app"]
    imported = program.stack.run("import", *place, "--yes", "--stack", "test", "--generate-code=false")
    assert "1 imported" in imported.output
    assert program.state("release")["outputs"]["values"] == {"image": "app:1"}


def test_an_error_of_helm_is_reported_verbatim(
    program: Program,
    client: Client,
    release: Resources,
    tools: dict[str, LocatedTool],
    cluster: SimulatedCluster,
    namespace: str,
) -> None:
    program.up(release)
    properties = release["release"][1]
    upgrade = ["upgrade", "app", properties["chart"], "--set=image=app:does-not-exist", "--wait"]
    command = [tools["helm"].path, *upgrade, f"--namespace={namespace}"]
    killed = subprocess.Popen(command, env=os.environ | {"KUBECONFIG": cluster.kubeconfig})
    for _, secret in client.watch(Secret, namespace=namespace, labels={"owner": "helm"}):
        if secret.metadata and secret.metadata.name == "sh.helm.release.v1.app.v2":
            killed.kill()
            killed.wait()
            break
    properties["values"] = {"image": "app:2"}
    assert "another operation (install/upgrade/rollback) is in progress" in program.up(release).output

    properties["chart"] += "-missing"
    assert "check the chart name and repository configuration" in program.preview(release).output


def test_a_secret_value_of_a_release_is_hidden(program: Program, release: Resources) -> None:
    properties = release["release"][1]
    properties["values"]["note"] = CANARY
    release["release"].append({"secret": ["values"]})
    results = [program.preview(release), program.up(release, "--diff"), program.stack.refresh("--diff")]
    properties["values"]["unknown"] = CANARY
    results.append(program.up(release, "--diff"))
    assert [result.ok for result in results] == [True, True, True, False]
    assert_hidden(program, *results)
