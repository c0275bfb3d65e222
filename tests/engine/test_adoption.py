"""An Airflow that was installed by `helm install`, taken over: every key kept, nothing replaced, by the real engine and the real Helm."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import Namespace, Secret

from operations import cli
from operations.adoption import live, steps
from operations.adoption.official import adopt
from sandbox.simulated import Simulated
from sandbox.stack import Result, Stack
from sandbox.toolchain import Found
from tests.cases import CONTRACT_CHART, KEY

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
# What the official chart does unasked, and the contract chart neither does nor allows: Secrets that are part of the release.
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
def installed(tools: dict[str, Found], cluster: Simulated, client: Client, tmp_path: Path) -> Iterator[None]:
    """An Airflow that somebody installed with Helm."""
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
    """What the Secrets hold, those of Helm aside."""
    secrets = client.list(Secret, namespace=NAMESPACE)
    return {
        s.metadata.name: s.data or {} for s in secrets if s.metadata and s.metadata.name and "helm" not in str(s.type)
    }


def secret_texts(client: Client) -> set[str]:
    """What must not be seen, in plain and as it is kept."""
    values = {value for data in contents(client).values() for value in data.values()}
    return {text for value in values for text in (value, b64decode(value).decode()) if len(text) > 8}


def recorded(client: Client) -> str:
    """What Helm has of the last revision's values."""
    records = list(client.list(Secret, namespace=NAMESPACE, labels={"owner": "helm", "status": "deployed"}))
    return json.dumps(json.loads(gzip.decompress(b64decode(b64decode((records[0].data or {})["release"]))))["config"])


@pytest.fixture
def adopted(
    installed: None,
    cluster: Simulated,
    client: Client,
    open_stack: Callable[..., Stack],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[tuple[Stack, Path, str]]:
    """A stack with the settings that `adopt` wrote, the import file, and what was said."""
    file = tmp_path / "Pulumi.adopted.yaml"
    monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)
    words = ["--release", "airflow", "--namespace", NAMESPACE, "--chart", str(CHART), "--output", str(file)]
    monkeypatch.setattr(sys, "argv", ["airflow-stack", "adopt", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    stack = open_stack("adopted")
    salt = yaml.safe_load(stack.config_file.read_text()) or {}  # of `pulumi stack init`, which comes after in the steps
    stack.config_file.write_text(yaml.safe_dump({**salt, **yaml.safe_load(file.read_text())}))
    yield stack, tmp_path / "adopt-adopted.json", printed.out + printed.err
    gone = stack.destroy()
    assert gone.ok, gone.output


def take_the_first_steps(client: Client) -> None:
    """What the printed commands do with kubectl."""
    found = live.read("airflow", NAMESPACE, None, os.environ)
    for name in steps.kept(found, adopt(found.values, found)):
        keep = {"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}
        client.patch(Secret, name, keep, namespace=NAMESPACE)
    url = b64decode(contents(client)["airflow-metadata"]["connection"]).decode()
    second = url.replace("postgresql:", "postgresql+asyncpg:").replace("sslmode=", "ssl=")
    client.patch(Secret, "airflow-metadata", {"stringData": {"asyncConnection": second}}, namespace=NAMESPACE)


def operations_on(result: Result, type_: str) -> set[str]:
    return {
        step for step, urns in result.steps.items() if any(type_ in urn.split("::")[2].split("$")[-1] for urn in urns)
    }


def test_an_airflow_installed_by_hand_is_taken_over_with_every_key_and_nothing_replaced(
    adopted: tuple[Stack, Path, str], client: Client
) -> None:
    stack, import_file, said = adopted
    before = contents(client)
    assert {"my-fernet", "my-ssh", "airflow-jwt-secret", "airflow-api-secret-key", "airflow-metadata"} <= before.keys()
    take_the_first_steps(client)
    where = ["--config-file", str(stack.config_file), "--stack", stack.name]
    flags = ["--yes", "--protect=false", "--generate-code=false"]
    imported = stack.run("import", "--file", str(import_file), *flags, *where)
    assert imported.ok, imported.output

    preview = stack.preview("--diff")
    assert preview.ok, preview.output
    assert not {"replace", "delete", "create-replacement", "delete-replaced"} & preview.changes.keys(), preview.output
    assert operations_on(preview, "helm.sh/v3:Release") == {"update"}
    up = stack.up("--diff")
    assert up.ok, up.output
    assert not {"replace", "delete"} & up.changes.keys(), up.output

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
    assert not {"airflow-triggerer", "airflow-worker"} & named, "each would run twice"

    seen = {
        "what was said": said,
        "the output of Pulumi": "".join(each.output for each in (imported, preview, up, again)),
        "the state": json.dumps(stack.export()),
        "the stack file": stack.config_file.read_text(),
        "Helm's values": recorded(client),
    }
    for place, text in seen.items():
        assert [secret for secret in secret_texts(client) if secret in text] == [], f"in plain text in {place}"
