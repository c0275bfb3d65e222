"""Adoption of an Airflow installed with `helm install` and secrets in its values, on real pods, with the printed commands."""

import json
import os
import re
import shlex
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from lightkube.resources.core_v1 import Secret

from sandbox.airflow_ready import SMOKE
from tests.support.project import AIRFLOW_STACK, NAMESPACE, Airflow, Project, wait_for

pytestmark = [pytest.mark.real, pytest.mark.official_chart, pytest.mark.usefixtures("installed")]

BY_HAND = "by-hand"
Shell = Callable[[str], str]


@pytest.fixture
def sh(project: Project) -> Shell:
    """Run a command like a user after `eval "$(make env)"`. Returns its output."""
    told = dict(shlex.split(line)[1].split("=", 1) for line in project.sandbox("env").splitlines())
    env = {**os.environ, **told, "PULUMI_SKIP_CONFIRMATIONS": "true"}  # answers the confirmation

    def run(command: str, status: int = 0) -> str:
        done = subprocess.run(
            ["sh", "-c", command], cwd=project.folder, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def by_hand(project: Project, sh: Shell) -> Iterator[None]:
    """An Airflow installed with Helm and its own database. The stack of the suite is scaled to zero meanwhile."""
    parts = f"deployment,statefulset --selector=tier=airflow --namespace {NAMESPACE}"
    values = json.loads(sh(f"helm get values airflow --namespace {NAMESPACE} --output json"))
    connection = project.secrets()["airflow-metadata"]["connection"]
    user, password = re.findall(r"//(.*?):(.*?)@", b64decode(connection).decode())[0]
    image = ("defaultAirflowRepository", "defaultAirflowTag", "images")
    git_sync = ("enabled", "repo", "branch", "subPath", "knownHosts")
    given: dict[str, Any] = {key: values[key] for key in image} | {
        "executor": "LocalExecutor",
        "config": {"core": {"load_examples": "False"}},
        "dags": {"gitSync": {key: values["dags"]["gitSync"][key] for key in git_sync} | {"sshKeySecret": "my-ssh"}},
        "data": {
            "metadataConnection": {
                "user": user, "pass": password, "host": f"airflow-database.{NAMESPACE}", "db": "byhand",
            }
        },
        "postgresql": {"enabled": False},
    }  # fmt: skip
    key = b64decode(project.secrets()["airflow-ssh-secret"]["gitSshKey"]).decode()
    (project.folder / "key").write_text(key)
    (project.folder / "by-hand.json").write_text(json.dumps(given))
    psql = 'psql --username "$POSTGRES_USER" --dbname postgres --command'
    database = f"kubectl exec --namespace {NAMESPACE} airflow-database-0 -- sh -c"
    sh(f"{database} '{psql} \"create database byhand\"'")
    sh(f"kubectl scale {parts} --replicas=0")
    sh(f"kubectl create namespace {BY_HAND}")
    sh(f"kubectl create secret generic my-ssh --namespace {BY_HAND} --from-file=gitSshKey=key")
    sh(f"helm install airflow {os.environ['AIRFLOW_CHART']} --namespace {BY_HAND} --values by-hand.json --timeout 10m")
    yield
    sh("pulumi stack rm --force --yes adopted; rm -f Pulumi.adopted.yaml adopt-adopted.json by-hand.json key")
    sh(f"kubectl delete namespace {BY_HAND}")
    sh(f"{database} '{psql} \"drop database byhand\"'")
    sh(f"kubectl scale {parts} --replicas=1")
    sh(f"kubectl wait --for=condition=Available deployment --all --namespace {NAMESPACE} --timeout=300s")
    wait_for(
        "the suite's Airflow", lambda: project.airflow.health()
    )  # the first call ends the forwarding to the old pod


@contextmanager
def opened(project: Project) -> Iterator[Airflow]:
    """Airflow, with the user that the chart created."""
    kubeconfig = {"KUBECONFIG": str(project.state / "cluster" / "kubeconfig")}
    command = ["kubectl", "port-forward", f"--namespace={BY_HAND}", "service/airflow-api-server", ":8080"]
    with subprocess.Popen(command, env={**os.environ, **kubeconfig}, stdout=subprocess.PIPE, text=True) as forward:
        try:
            assert forward.stdout
            port = re.findall(r":(\d+) ->", forward.stdout.readline())[0]
            airflow = Airflow(f"http://127.0.0.1:{port}", "admin", "admin")
            wait_for("Airflow's health", airflow.health, lambda seen: all(p["status"] for p in seen.values()), 300)
            yield airflow
        finally:
            forward.terminate()


def contents(project: Project) -> dict[str, dict[str, str]]:
    """Content of all Secrets except Helm's."""
    secrets = project.kubernetes.list(Secret, namespace=BY_HAND)
    return {s.metadata.name or "": s.data or {} for s in secrets if s.metadata and s.type != "helm.sh/release.v1"}


def green(airflow: Airflow) -> str:
    run = airflow.trigger(SMOKE)
    airflow.ends_green(SMOKE, run)
    return run


def test_a_running_airflow_is_adopted_with_its_connections_and_runs(
    project: Project, sh: Callable[..., str], by_hand: None
) -> None:
    for kind in ("deployment", "statefulset"):
        sh(
            f"kubectl get {kind} --namespace {BY_HAND} --output name | xargs -n1 kubectl rollout status --namespace {BY_HAND}"
        )
    with opened(project) as airflow:
        wait_for("the DAG", airflow.dags, lambda dags: SMOKE in dags)
        airflow.unpause(SMOKE)
        run = green(airflow)
        airflow.connect("kept", "a password")
    before = contents(project)

    adopt = f"{AIRFLOW_STACK} adopt --release airflow --namespace {BY_HAND} --output Pulumi.adopted.yaml"
    refused = sh(adopt, 1)
    sh("".join(re.findall(r"^(?:kubectl|helm) .*\n", refused, re.MULTILINE)))
    steps = re.findall(r"^\d\. .*:\n     (.*)$", sh(adopt), re.MULTILINE)
    done = [sh(step) for step in steps]
    for shown in done[-2:]:
        assert re.search(r"Resources:\n +\+ \d+ (to create|created)\n +~ 1 (to update|updated)\n", shown), shown
        assert not re.search(r"\d+ (to replace|replaced|to delete|deleted)$", shown, re.MULTILINE), shown

    after = contents(project)
    assert {name: {key: after[name][key] for key in data} for name, data in before.items()} == before
    with opened(project) as airflow:
        assert airflow.note("kept") == '{"note": "kept"}'
        assert airflow.run_state(SMOKE, run) == "success"
        green(airflow)
    sh("pulumi preview --stack adopted --expect-no-changes")
    password = json.loads((project.folder / "by-hand.json").read_text())["data"]["metadataConnection"]["pass"]
    seen = [refused, *done, sh("pulumi stack export --stack adopted"), sh("pulumi destroy --stack adopted")]
    assert not [shown for shown in seen if password in shown]
    assert contents(project) == after, "`destroy` keeps the Secrets"
