"""Adoption of a running release: keys stay in their Secrets, and no secret is shown or part of a command."""

import base64
import gzip
import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from airflow_stack.cli.adopt import (
    first_update,
    inline_secrets,
    installed_release,
    official_chart,
    render,
    takeover_steps,
)
from airflow_stack.cli.adopt.model import Adoption, InstalledRelease
from airflow_stack.cli.manifests import record_stack
from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError
from tests.support.cases import CONTRACT_CHART
from tests.support.command import Command
from tests.support.golden import Golden

CANARY = "canary-5e0c"

GIT_SYNC = {"enabled": True, "repo": "git@github.com:acme/dags.git", "branch": "main", "subPath": "dags"}
BY_NAME: dict[str, Any] = {
    "executor": "KubernetesExecutor",
    "fernetKeySecretName": "my-fernet",
    "dags": {"gitSync": {**GIT_SYNC, "sshKeySecret": "my-ssh"}},
    "postgresql": {"enabled": False},
}
SECRETS = {
    "my-fernet": {"fernet-key"},
    "my-ssh": {"gitSshKey"},
    "airflow-api-secret-key": {"api-secret-key"},
    "airflow-jwt-secret": {"jwt-secret"},
    "airflow-metadata": {"connection"},
    "airflow-broker-url": {"connection"},
    "airflow-redis-password": {"password"},
}


def running(values: dict[str, Any] | None = None, **changed: Any) -> InstalledRelease:
    """A release with the chart's own API secret, JWT secret and connection."""
    made = ("airflow-api-secret-key", "airflow-jwt-secret", "airflow-metadata")
    found = InstalledRelease(
        name="airflow",
        namespace="data",
        revision=3,
        chart="airflow",
        chart_version="1.22.0",
        airflow_version="3.2.2",
        values=BY_NAME if values is None else values,
        manifest=[{"kind": "Secret", "metadata": {"name": name}} for name in made],
        secrets={name: frozenset(keys) for name, keys in SECRETS.items()},
        connections={"airflow-metadata": "postgresql"},
    )
    return replace(found, **changed)


def adopted(found: InstalledRelease) -> Adoption:
    adoption = official_chart.convert(found.values, found)
    official_chart.check_release(found, adoption)
    return adoption


def test_the_secrets_of_a_release_are_referenced_and_not_copied() -> None:
    adoption = adopted(running({**BY_NAME, "executor": "CeleryExecutor"}))
    assert adoption.blockers == []
    assert adoption.secrets == {}
    assert adoption.settings["existingSecrets"] == {
        "fernetKey": "my-fernet",
        "apiSecretKey": "airflow-api-secret-key",
        "jwtSecret": "airflow-jwt-secret",
        "metadataConnection": "airflow-metadata",
        "brokerUrl": "airflow-broker-url",
        "redisPassword": "airflow-redis-password",
        "gitSshKey": "my-ssh",
    }
    assert adoption.settings["namespace"] == "data"
    assert adoption.settings["createNamespace"] is False
    assert adoption.settings["admin"] == {"create": False}
    assert render.settings_problems(adoption) == []


def test_the_charts_own_database_stays_part_of_the_release() -> None:
    values = {key: value for key, value in BY_NAME.items() if key != "postgresql"}
    adoption = adopted(running({**values, "postgresql": {"auth": {"existingSecret": "airflow-postgresql"}}}))
    assert adoption.settings["values"]["postgresql"] == {
        "enabled": True,
        "auth": {"existingSecret": "airflow-postgresql"},
    }
    assert render.settings_problems(adoption) == []


def test_the_version_of_an_own_image_is_that_of_its_tag_and_not_that_of_the_chart() -> None:
    adoption = adopted(running({**BY_NAME, "defaultAirflowTag": "3.3.2", "defaultAirflowRepository": "apache/airflow"}))
    assert adoption.blockers == []
    assert "version" not in adoption.settings.get("images", {}).get("airflow", {})
    assert render.settings_problems(adoption) == []


UNSAFE = {
    "another name": running(name="my-airflow"),
    "Airflow 2": running(airflow_version="2.10.5"),
    "MySQL": running(connections={"airflow-metadata": "mysql"}),
    "a missing Secret": running(secrets={}),
    "an executor without a setting": running({**BY_NAME, "executor": "CeleryKubernetesExecutor"}),
    "DAGs on a volume": running({**BY_NAME, "dags": {"persistence": {"enabled": True}}}),
    "other names of objects": running({**BY_NAME, "fullnameOverride": "af"}),
    "a template": running({**BY_NAME, "extraEnv": "{{- if x }}\n- name: AIRFLOW__CORE__FERNET_KEY\n{{- end }}"}),
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_release_that_would_lose_something_is_refused(name: str, golden: Golden) -> None:
    stops = adopted(UNSAFE[name]).blockers
    assert stops
    assert "\n".join(stops) == golden


def test_secrets_in_the_values_are_moved_by_helm_before_the_import() -> None:
    values = {**BY_NAME, "jwtSecret": CANARY, "redis": {"password": CANARY}, "defaultUser.password": CANARY}
    found = running(values)
    named = inline_secrets.replacements(found)
    assert named == {
        "jwtSecret": "null",
        "jwtSecretName": "airflow-jwt-secret",
        "redis.password": "null",
        "redis.passwordSecretName": "airflow-redis-password",
        "data.brokerUrlSecretName": "airflow-broker-url",
        "defaultUser\\.password": "null",
        "apiSecretKeySecretName": "airflow-api-secret-key",  # the upgrade would make a new one
    }
    command = inline_secrets.keep_command(found, named) + inline_secrets.upgrade_command(found, named)
    assert "secret/airflow-api-secret-key secret/airflow-jwt-secret helm.sh/resource-policy=keep" in command
    assert "--reset-then-reuse-values --set 'jwtSecret=null' --set 'jwtSecretName=airflow-jwt-secret'" in command
    assert CANARY not in command
    assert inline_secrets.replacements(running()) == {}


def test_helm_keeps_its_secrets_that_the_program_references() -> None:
    found = running()
    todo = list(takeover_steps.before_import(found, adopted(found), [("PersistentVolumeClaim", "airflow-logs")]))
    assert todo[0][1] == (
        "kubectl annotate --namespace data secret/airflow-api-secret-key secret/airflow-jwt-secret secret/airflow-metadata "
        "persistentvolumeclaim/airflow-logs helm.sh/resource-policy=keep --overwrite"
    )


def test_the_connection_gets_its_second_key_without_showing_it() -> None:
    found = running()
    command = next(
        command
        for _, command in takeover_steps.before_import(found, adopted(found), [])
        if "asyncConnection" in command
    )
    script = command.partition("python3 -c '")[2].partition("' | ")[0]
    url = b"postgresql://u:p%40@db:5432/airflow?sslmode=disable"
    secret = {"data": {"connection": base64.b64encode(url).decode()}}
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(secret), capture_output=True, text=True, check=True
    )
    data = json.loads(done.stdout)["data"]
    assert base64.b64decode(data["asyncConnection"]) == b"postgresql+asyncpg://u:p%40@db:5432/airflow?ssl=disable"
    assert data["connection"] == secret["data"]["connection"]
    has_it = running(secrets={**found.secrets, "airflow-metadata": frozenset({"connection", "asyncConnection"})})
    assert not [
        command
        for _, command in takeover_steps.before_import(has_it, adopted(has_it), [])
        if "asyncConnection" in command
    ]


def test_the_release_is_imported_under_the_programs_urn() -> None:
    found = running()
    recording = record_stack(load("test", adopted(found).settings, set(), secrets_required=False), "test")
    parts = takeover_steps.import_file(recording, found)["resources"]
    assert [(each["type"], each["logicalName"]) for each in parts] == [
        ("airflow:index:Airflow", "airflow"),
        ("airflow:index:AirflowRelease", "airflow"),
        ("kubernetes:helm.sh/v3:Release", "airflow-release"),
    ]
    assert [each.get("parent") for each in parts] == [None, "adopted-0", "adopted-1"]
    assert [each.get("id") for each in parts] == [None, None, "data/airflow"]
    made = {r.inputs["metadata"]["name"] for r in recording.resources.values() if r.type.startswith("kubernetes:core")}
    assert not made & set(SECRETS), "what exists would be made a second time"


def test_removed_added_and_immutable_objects_are_reported(golden: Golden) -> None:
    def stateful(name: str, size: str) -> dict[str, Any]:
        claim = {"metadata": {"name": "logs"}, "spec": {"resources": {"requests": {"storage": size}}}}
        return {"kind": "StatefulSet", "metadata": {"name": name}, "spec": {"volumeClaimTemplates": [claim]}}

    deployment = {"kind": "Deployment", "metadata": {"name": "airflow-triggerer"}, "spec": {}}
    found = first_update.first_update(
        [stateful("airflow-triggerer", "1Gi"), stateful("airflow-redis", "1Gi")],
        [deployment, stateful("airflow-redis", "2Gi")],
    )
    assert found.removed == [("StatefulSet", "airflow-triggerer")]
    assert found.created == [("Deployment", "airflow-triggerer")]
    assert found.left_behind == ["logs-airflow-triggerer-*"]
    assert len(found.refused) == 1
    assert render.first_update_list(found, []) == golden


def helm_record(version: int, status: str, **content: Any) -> dict[str, Any]:
    record = {
        "version": version,
        "manifest": "kind: Secret\nmetadata: {name: airflow-metadata}\n",
        "config": {"executor": "LocalExecutor"},
        "chart": {"metadata": {"name": "airflow", "version": "1.22.0", "appVersion": "3.2.2"}},
        **content,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    labels = {"owner": "helm", "name": "airflow", "status": status, "version": str(version)}
    name = f"sh.helm.release.v1.airflow.v{version}"
    return {
        "metadata": {"name": name, "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(packed).decode()},
    }


def test_helms_record_is_read_and_only_names_and_keys_of_secrets(golden: Golden) -> None:
    url = base64.b64encode(f"postgresql+psycopg2://u:{CANARY}@db/airflow".encode()).decode()
    metadata = {"metadata": {"name": "airflow-metadata"}, "data": {"connection": url}}
    found = installed_release.of_secrets(
        "airflow",
        "data",
        [helm_record(1, "superseded"), metadata, helm_record(10, "deployed"), helm_record(9, "superseded")],
    )
    assert (found.revision, found.chart_version, found.airflow_version) == (10, "1.22.0", "3.2.2")
    assert found.values == {"executor": "LocalExecutor"}
    assert found.secrets == {"airflow-metadata": frozenset({"connection"})}
    assert found.connections == {"airflow-metadata": "postgresql"}
    assert CANARY not in str(vars(found))
    with pytest.raises(UserError) as pending:
        installed_release.of_secrets("airflow", "data", [helm_record(1, "deployed"), helm_record(2, "pending-upgrade")])
    assert str(pending.value) == golden(name="pending")
    for broken in ({}, {"release": ""}, {"release": base64.b64encode(b"bm8=").decode()}):
        record = helm_record(1, "deployed")
        record["data"] = broken
        with pytest.raises(UserError) as unreadable:
            installed_release.of_secrets("airflow", "data", [record])
        assert str(unreadable.value) == golden(name="unreadable")
    with pytest.raises(UserError) as missing:
        installed_release.of_secrets("other", "data", [helm_record(1, "deployed")])
    assert str(missing.value) == golden(name="missing")


def test_a_missing_secret_with_an_existing_fernet_key_is_reported() -> None:
    settings = adopted(running()).settings
    assert settings["rotation"] == {"fernetGiven": True}
    load("test", settings, set())
    del settings["existingSecrets"]["fernetKey"]
    with pytest.raises(SettingsError, match="airflow:fernetKey"):
        load("test", settings, set())


def test_a_release_with_secrets_in_its_values_is_refused(
    run_command: Command, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(installed_release, "read_release", lambda *_: running({**BY_NAME, "fernetKey": CANARY}))
    status, out, err = run_command(
        "adopt", "--release", "airflow", "--namespace", "data", "--chart", str(CONTRACT_CHART)
    )
    assert (status, out) == (1, "")
    assert "--set 'fernetKey=null' --set 'fernetKeySecretName=airflow-fernet-key'" in err
    assert err == golden
    assert CANARY not in err


@pytest.mark.parametrize(
    ("manager", "label", "foreign"),
    [
        ("helm-controller", "", True),
        ("helm", "helm.toolkit.fluxcd.io/name", True),
        ("pulumi-resource-kubernetes", "", True),
        ("terraform-provider-helm_v3.0.2_x5", "", True),
        ("helm", "", False),
        ("Helm", "app.kubernetes.io/managed-by", False),
    ],
)
def test_a_release_with_another_manager_is_refused_until_that_lets_go(
    manager: str, label: str, foreign: bool, golden: Golden
) -> None:
    manifest = [{"kind": "Secret", "metadata": {"name": "airflow-metadata", "labels": {label: "airflow"}}}]
    found = running(managers=frozenset({manager}), manifest=manifest)
    stops = adopted(found).blockers
    assert bool(stops) is foreign
    if foreign:
        assert "\n".join(stops) == golden
    adoption = Adoption()
    official_chart.check_release(found, adoption, let_go=True)
    assert adoption.blockers == []


def test_the_manager_of_a_release_is_read_and_argo_cd_is_recognized(golden: Golden) -> None:
    def by(manager: str, secret: dict[str, Any]) -> dict[str, Any]:
        secret["metadata"]["managedFields"] = [{"manager": manager}]
        return secret

    released = [by("Helm", helm_record(1, "superseded")), by("helm-controller", helm_record(2, "deployed"))]
    assert installed_release.of_secrets("airflow", "data", released).managers == {"helm-controller"}
    theirs = by("argocd-controller", {"metadata": {"name": "airflow-metadata"}})
    with pytest.raises(UserError) as refused:
        installed_release.of_secrets("airflow", "data", [theirs])
    assert str(refused.value) == golden
