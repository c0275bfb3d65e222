"""Adoption of an Airflow installed with `helm install`, with the real engine and Helm: all keys are kept, nothing is replaced."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import Namespace, Secret

from airflow_stack.cli import main
from sandbox import pins, toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool
from tests.support.cases import CONTRACT_CHART, KEY, ROOT

CANARY = "canary-7a21"
NAMESPACE = "by-hand"
CHART = Path(os.environ.get("AIRFLOW_CHART") or CONTRACT_CHART)

VALUES: dict[str, Any] = {
    "executor": "CeleryExecutor",
    "fernetKeySecretName": "my-fernet",
    "dags": {
        "gitSync": {
            "enabled": True,
            "repo": "git@github.com:acme/dags.git",
            "branch": "release",
            "subPath": "d",
            "sshKeySecret": "my-ssh",
        }
    },
    "env": [{"name": "COLOUR", "value": "blue"}],
    "scheduler": {"replicas": 2},
}
# Secrets in the release, which the official chart creates by default. The stand-in chart does not.
NAMES = {
    "useStandardNaming": True,
    "apiSecretKeySecretName": "airflow-api-secret-key",
    "jwtSecretName": "airflow-jwt-secret",
    "data": {"metadataSecretName": "airflow-metadata", "brokerUrlSecretName": "airflow-broker-url"},
    "redis": {"enabled": True, "passwordSecretName": "airflow-redis-password"},
    "postgresql": {"enabled": False},
    "createUserJob": {"enabled": False},
    "migrateDatabaseJob": {"enabled": False},
}
MADE = {
    "airflow-api-secret-key": {"api-secret-key": f"{CANARY}-api"},
    "airflow-jwt-secret": {"jwt-secret": f"{CANARY}-jwt" * 4},
    "airflow-metadata": {"connection": f"postgresql://af:{CANARY}-db@db:5432/af?sslmode=disable"},
    "airflow-broker-url": {"connection": f"redis://:{CANARY}-redis@airflow-redis:6379/0"},
    "airflow-redis-password": {"password": f"{CANARY}-redis"},
}


@pytest.fixture
def installed(
    tools: dict[str, LocatedTool], cluster: SimulatedCluster, client: Client, tmp_path: Path
) -> Iterator[None]:
    """An Airflow installed with Helm."""
    client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
    own = {"my-fernet": {"fernet-key": Fernet.generate_key().decode()}, "my-ssh": {"gitSshKey": KEY}}
    for name, data in own.items():
        client.create(Secret(metadata=ObjectMeta(name=name, namespace=NAMESPACE), stringData=data))
    chart, values = CHART, VALUES
    if CHART == CONTRACT_CHART:
        chart, values = tmp_path / "chart", VALUES | NAMES
        shutil.copytree(CHART, chart)
        secrets = [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
            for name, data in MADE.items()
        ]
        (chart / "templates" / "keys.yaml").write_text("\n---\n".join(map(json.dumps, secrets)))
    command = [tools["helm"].path, "install", "airflow", str(chart), "--namespace", NAMESPACE, "--values", "-"]
    env = os.environ | {"KUBECONFIG": cluster.kubeconfig}
    done = subprocess.run(command, env=env, input=json.dumps(values), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yield
    client.delete(Namespace, NAMESPACE)


def contents(client: Client) -> dict[str, dict[str, str]]:
    """Content of all Secrets except Helm's."""
    secrets = client.list(Secret, namespace=NAMESPACE)
    return {
        s.metadata.name: s.data or {} for s in secrets if s.metadata and s.metadata.name and "helm" not in str(s.type)
    }


def secret_texts(client: Client) -> set[str]:
    """Secret values, in plain and in Base64."""
    values = {value for data in contents(client).values() for value in data.values()}
    return {text for value in values for text in (value, b64decode(value).decode()) if len(text) > 8}


def recorded(client: Client) -> str:
    """Values of the last revision, as recorded by Helm."""
    records = list(client.list(Secret, namespace=NAMESPACE, labels={"owner": "helm", "status": "deployed"}))
    return json.dumps(json.loads(gzip.decompress(b64decode(b64decode((records[0].data or {})["release"]))))["config"])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project without stack files."""
    folder = tmp_path / "project"
    folder.mkdir()
    for each in ROOT.iterdir():
        if not each.name.startswith("Pulumi.") or each.name == "Pulumi.yaml":
            (folder / each.name).symlink_to(each)
    return folder


@pytest.fixture
def adopted(
    installed: None,
    cluster: SimulatedCluster,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[tuple[SandboxStack, str, list[str]]]:
    """Stack with the settings that `adopt` wrote, its output, and the commands in the output."""
    toolchain.ensure([pins.KUBECTL])
    env = environment(ROOT, project, cluster.kubeconfig, toolchain.cache_folder())
    env["PULUMI_SKIP_CONFIRMATIONS"] = "true"  # answers the confirmation
    for name in env.keys() - os.environ.keys() | {"KUBECONFIG", "PATH"}:
        monkeypatch.setenv(name, env[name])
    monkeypatch.chdir(project)
    words = ["--release", "airflow", "--namespace", NAMESPACE, "--chart", str(CHART), "--output", "Pulumi.adopted.yaml"]
    monkeypatch.setattr(sys, "argv", ["airflow-stack", "adopt", *words])
    with pytest.raises(SystemExit) as ended:
        main.main()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    stack = SandboxStack(project, "adopted", project, env)
    yield stack, printed.out + printed.err, re.findall(r"^\d\. .*:\n     (.*)$", printed.err, re.MULTILINE)
    gone = stack.destroy()
    assert gone.ok, gone.output


def take(step: str) -> str:
    """Run the commands of a step in a shell."""
    done = subprocess.run(["sh", "-c", step], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_airflow_installed_with_helm_is_adopted_with_all_keys_and_without_replacements(
    adopted: tuple[SandboxStack, str, list[str]], client: Client
) -> None:
    stack, said, steps = adopted
    before = contents(client)
    assert {"my-fernet", "my-ssh", "airflow-jwt-secret", "airflow-api-secret-key", "airflow-metadata"} <= before.keys()
    assert [step.split(" --")[0].split(" secret")[0] for step in steps] == [
        "kubectl annotate", "kubectl get", "pulumi stack init adopted", "pulumi import", "pulumi preview", "pulumi up",
    ]  # fmt: skip
    done = [take(step) for step in steps]
    assert re.findall(r"(\S+) kubernetes:helm.sh/v3:Release: \((\w+)\)", done[-2]) == [("~", "update")]
    for shown in done[-2:]:  # creations and the update, without replacements and deletions
        assert re.search(r"Resources:\n +\+ \d+ (to create|created)\n +~ 1 (to update|updated)\n", shown), shown
        assert not re.search(r"\d+ (to replace|replaced|to delete|deleted)$", shown, re.MULTILINE), shown
    after = contents(client)
    assert {name: {key: after[name][key] for key in data} for name, data in before.items()} == before
    again = stack.preview("--diff")
    assert set(again.changes) == {"same"}, again.output

    scheduler = client.get(Deployment, "airflow-scheduler", namespace=NAMESPACE)
    assert scheduler.spec
    assert scheduler.spec.replicas == 2
    (container,) = [each for each in scheduler.spec.template.spec.containers if each.name == "scheduler"]  # type: ignore[union-attr]
    environment = {each.name: each for each in container.env or []}
    assert environment["COLOUR"].value == "blue"
    key = environment["AIRFLOW__CORE__FERNET_KEY"].valueFrom
    assert key
    assert key.secretKeyRef
    assert key.secretKeyRef.name == "my-fernet"
    named = {each.metadata.name for each in client.list(StatefulSet, namespace=NAMESPACE) if each.metadata}
    assert not {"airflow-triggerer", "airflow-worker"} & named, "they would run twice"

    seen = {
        "what was said": said,
        "what was printed": "".join([*done, again.output]),
        "the state": json.dumps(stack.export()),
        "the stack file": stack.config_file.read_text(),
        "Helm's values": recorded(client),
    }
    for place, text in seen.items():
        assert [secret for secret in secret_texts(client) if secret in text] == [], f"in plain text in {place}"
    a_fernet_key_that_is_taken_away_is_missed(stack, client)


def a_fernet_key_that_is_taken_away_is_missed(stack: SandboxStack, client: Client) -> None:
    """The named Secret first, then the key that replaces it."""

    def missed() -> None:
        before = contents(client)
        refused = stack.up()
        assert not refused.ok
        assert re.search(r"airflow:fernetKey\s+is a secret", refused.output)
        assert contents(client) == before

    take("pulumi config rm --path airflow:existingSecrets.fernetKey --stack adopted")
    missed()
    key = f"kubectl get secret my-fernet --namespace {NAMESPACE} --output jsonpath='{{.data.fernet-key}}' | base64 --decode"
    take(f"{key} | pulumi config set --secret airflow:fernetKey --stack adopted")
    up = stack.up()
    assert up.ok, up.output
    assert contents(client)["airflow-fernet-key"] == contents(client)["my-fernet"]
    take("pulumi config rm airflow:fernetKey --stack adopted")
    missed()
