"""Deliveries in the pods: containers, settings, and a git bundle in each pod that runs Airflow."""

import configparser
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.chart.delivery import polls_per_hour
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.manifests import record_stack
from airflow_stack.settings.models import Chart, Settings
from tests.support.cases import AUTHENTICATIONS, BUNDLES, EXECUTORS, IMAGE, SSH, Config, settings
from tests.support.manifests import Manifest, containers, containers_of, pods, secrets_read, violations

RELEASE = "kubernetes:helm.sh/v3:Release"
CONNECTIONS = "airflow-git-connections"

# Pods with git-sync as a sidecar, with their number. They and the task pod also have it as an init container.
SIDECARS = {
    "KubernetesExecutor": {"dag-processor", "triggerer"},
    "LocalExecutor": {"dag-processor", "triggerer", "scheduler"},
    "CeleryExecutor": {"dag-processor", "triggerer", "worker"},
}
AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer"}
RUNS_TASKS = {"KubernetesExecutor": {"task/base"}, "LocalExecutor": set(), "CeleryExecutor": {"airflow-worker/worker"}}


@cache
def release(chart: Path, executor: str, name: str) -> tuple[Settings, tuple[Manifest, ...]]:
    config: Config = IMAGE if name == "image" else {"dags": {**AUTHENTICATIONS, **BUNDLES}[name]}
    # Two replicas each, so that the number of containers differs from that of the pods.
    twice = {component: {"replicas": 2} for component in ("dagProcessor", "triggerer", "scheduler", "workers")}
    found = settings(executor=executor, components=twice, **config).model_copy(update={"chart": Chart(path=str(chart))})
    inputs = record_stack(found, "test").only(RELEASE).inputs
    return found, tuple(helm_template(found.chart, inputs["name"], inputs["namespace"], inputs["values"]))


def airflow_containers(executor: str) -> set[str]:
    return {f"airflow-{name}/{name}" for name in AIRFLOW} | RUNS_TASKS[executor]


def configured(manifests: tuple[Manifest, ...]) -> configparser.ConfigParser:
    """airflow.cfg, parsed like by Airflow."""
    (text,) = (m["data"]["airflow.cfg"] for m in manifests if m["metadata"]["name"] == "airflow-config")
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser


def bundles(manifests: tuple[Manifest, ...]) -> Any:
    return json.loads(configured(manifests)["dag_processor"]["dag_bundle_config_list"])


@pytest.mark.parametrize("executor", EXECUTORS)
def test_git_sync_is_only_in_pods_that_read_dags(executor: str, chart: Path) -> None:
    _, manifests = release(chart, executor, "ssh-key")
    expected = {f"airflow-{pod}/git-sync{end}" for pod in SIDECARS[executor] for end in ("", "-init")}
    expected |= {"task/git-sync-init"} if executor == "KubernetesExecutor" else set()
    assert {name for name, _ in containers(list(manifests)) if "git-sync" in name} == expected


@pytest.mark.parametrize("executor", EXECUTORS)
def test_an_outage_of_the_git_host_neither_stops_a_sidecar_nor_fails_the_start_of_a_task(
    executor: str, chart: Path
) -> None:
    _, manifests = release(chart, executor, "ssh-key")
    for name, container in containers(list(manifests)):
        if "git-sync" in name:
            variables = {variable["name"]: variable.get("value") for variable in container["env"]}
            assert variables["GITSYNC_MAX_FAILURES"] == "-1", name
            assert "livenessProbe" not in container, "a liveness probe could restart the container"
            assert "readinessProbe" not in container, "an outage would take Airflow out of service"
            assert container["resources"]["limits"].keys() == {"memory"}, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("name", ["ssh-key", "bundle, ssh-key", "image"])
def test_the_calculated_polls_match_the_pods(executor: str, name: str, chart: Path) -> None:
    found, manifests = release(chart, executor, name)
    polls = 0.0
    for manifest in manifests:
        if manifest["kind"] not in ("Deployment", "StatefulSet"):
            continue
        for container in manifest["spec"]["template"]["spec"]["containers"]:
            variables = {variable["name"]: variable.get("value") for variable in container.get("env") or []}
            if period := variables.get("GITSYNC_PERIOD"):
                polls += manifest["spec"]["replicas"] * 3600 / int(period.removesuffix("s"))
            elif container["name"] == "dag-processor" and name.startswith("bundle"):
                polls += sum(
                    manifest["spec"]["replicas"] * 3600 / b["kwargs"]["refresh_interval"] for b in bundles(manifests)
                )
    assert sum(polls_per_hour(found).values()) == polls


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_git_bundle_is_in_each_container_that_runs_airflow(executor: str, name: str, chart: Path) -> None:
    found, manifests = release(chart, executor, name)
    assert not [where for where, _ in containers(list(manifests)) if "git-sync" in where]
    listed = {bundle["name"]: bundle for bundle in bundles(manifests)}
    assert listed.keys() == {"dags-folder", *found.dags.more_repositories}
    ssh = found.dags.repository.startswith("git@")
    files = {f"/opt/airflow/git/{file}" for file in (*listed, "known_hosts", "ssh_config")} if ssh else set()
    seen = {where: c for where, c in containers(list(manifests)) if where in airflow_containers(executor)}
    assert seen.keys() == airflow_containers(executor)
    for where, container in seen.items():
        variables = {v["name"]: v.get("valueFrom", {}).get("secretKeyRef") for v in container["env"]}
        for bundle in listed.values():
            connection = variables[f"AIRFLOW_CONN_{bundle['kwargs']['git_conn_id'].upper()}"]
            assert connection == {"name": CONNECTIONS, "key": bundle["name"]}, where
        mounted = {mount["mountPath"] for mount in container["volumeMounts"] if mount.get("readOnly")}
        assert {path for path in mounted if path.startswith("/opt/airflow/git")} == files, where


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_secrets_of_a_bundle_exist_are_readable_only_by_airflow_and_their_digests_are_on_the_pods(
    executor: str, name: str, chart: Path
) -> None:
    found, manifests = release(chart, executor, name)
    recording = record_stack(found, "test")
    made = {
        s.inputs["metadata"]["name"]: s.inputs["stringData"] for s in recording.of_type("kubernetes:core/v1:Secret")
    }
    there = {(secret, key) for secret, content in made.items() for key in content}
    for pod, template in pods(list(manifests)):
        read = secrets_read(template)
        assert read <= there, pod
        assert violations(template) == []
        for volume in template["spec"].get("volumes") or []:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440, pod
        if pod != "task":
            borne = {
                key.removeprefix("checksum/") for key in template["metadata"].get("annotations") or {}
            } & made.keys()
            assert borne == {secret for secret, _ in read}, pod


@pytest.mark.parametrize("executor", EXECUTORS)
def test_with_dags_in_the_image_no_pod_uses_git(executor: str, chart: Path) -> None:
    _, manifests = release(chart, executor, "image")
    config = configured(manifests)
    assert config["core"]["dags_folder"] == "/opt/airflow/dags/dags"
    assert [bundle["name"] for bundle in bundles(manifests)] == ["dags-folder"]
    for _, template in pods(list(manifests)):
        for container in containers_of(template):
            assert "git" not in container["name"]
            assert not [
                m for m in container.get("volumeMounts") or [] if m["mountPath"].startswith("/opt/airflow/dags")
            ]
    assert not any("git" in secret for _, template in pods(list(manifests)) for secret, _ in secrets_read(template))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_delivery_reads_the_same_folder_of_the_same_ref(executor: str, chart: Path) -> None:
    dags = {**SSH, "authentication": "sshKey"}
    assert AUTHENTICATIONS["ssh-key"] == dags
    _, sync = release(chart, executor, "ssh-key")
    _, bundled = release(chart, executor, "bundle, ssh-key")
    (bundle,), (local,) = bundles(bundled), bundles(sync)
    assert local["name"] == bundle["name"]
    assert configured(sync)["core"]["dags_folder"] == f"/opt/airflow/dags/repo/{bundle['kwargs']['subdir']}"
    refs = {
        variable["value"]
        for name, container in containers(list(sync))
        if "git-sync" in name
        for variable in container["env"]
        if variable["name"] == "GITSYNC_REF"
    }
    assert refs == {bundle["kwargs"]["tracking_ref"]}
    for option in ("refresh_interval", "min_file_process_interval"):
        assert int(configured(bundled)["dag_processor"][option]) >= int(configured(sync)["dag_processor"][option]) > 0
