"""Adoption: chart values become settings, keys stay in their Secrets, and no secret is written, shown or part of a command."""

import base64
import copy
import gzip
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pulumi import RunError
from typer.testing import CliRunner

from airflow_stack.cli import main
from airflow_stack.cli.adopt import (
    community_chart,
    first_update,
    inline_secrets,
    installed_release,
    official_chart,
    render,
    takeover_steps,
)
from airflow_stack.cli.adopt.model import Adoption, InstalledRelease, looks_secret
from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.recording import record
from airflow_stack.credentials import usable_fernet_keys
from airflow_stack.errors import UserError
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError, in_stack_file
from airflow_stack.parts.generated_credentials import AirflowCredentials
from tests.support.cases import CONTRACT_CHART, SSH, problems
from tests.support.golden import Golden

CANARY = "canary-5e0c"

# The values of the article (2022), both files of it together.
ARTICLE = f"""
webserverSecretKey: {CANARY}-web
defaultUser.password: {CANARY}-admin
executor: CeleryExecutor
data:
  metadataConnection: {{user: postgres, pass: {CANARY}-db}}
dags:
  gitSync:
    repo: git@github.com:wmeints/mlops-airflow-sample.git
    branch: main
    depth: 1
    enabled: true
    subPath: dags
    sshKeySecret: airflow-ssh-secret
extraSecrets:
  airflow-ssh-secret:
    data: |
      gitSshKey: '{base64.b64encode(f"{CANARY}-key".encode()).decode()}'
"""
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


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `airflow-stack adopt` in a folder with the article's values."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIRFLOW_CHART", raising=False)
    (tmp_path / "values.yaml").write_text(ARTICLE)

    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["airflow-stack", "adopt", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return run_here


# -- a values file


def test_the_articles_values_become_settings_and_advice(run: Any, golden: Golden) -> None:
    status, out, err = run("--values", "values.yaml")
    assert status == 0
    config = {key.removeprefix("airflow:"): value for key, value in yaml.safe_load(out)["config"].items()}
    assert config == {
        "executor": "CeleryExecutor",
        "dags": {
            "repository": "git@github.com:wmeints/mlops-airflow-sample.git",
            "branch": "main",
            "path": "dags",
            "authentication": "sshKey",
        },
        "database": {"inCluster": {"storage": "8Gi"}},
    }
    load("test", config, set(), secrets_required=False)
    assert err == golden
    assert CANARY not in out + err


def test_one_value_is_printed_to_a_pipe_and_never_to_a_terminal(
    run: Any, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    path = "extraSecrets.airflow-ssh-secret.data.gitSshKey"
    status, out, err = run("--values", "values.yaml", "--value", path)
    assert (status, base64.b64decode(out).decode(), err) == (0, f"{CANARY}-key", "")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    status, out, err = run("--values", "values.yaml", "--value", path)
    assert status == 1
    assert err == golden
    assert CANARY not in out + err


def test_a_password_of_digits_is_printed_like_any_other_and_a_switch_is_none(run: Any, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("data: {metadataConnection: {pass: 4711, sslmode: true}}")
    assert run("--values", "values.yaml", "--value", "data.metadataConnection.pass") == (0, "4711", "")
    status, out, _ = run("--values", "values.yaml", "--value", "data.metadataConnection.sslmode")
    assert (status, out) == (1, "")


def test_an_existing_stack_file_is_overwritten_only_with_force(run: Any, tmp_path: Path, golden: Golden) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("mine")
    status, _, err = run("--values", "values.yaml", "--output", str(file))
    assert (status, file.read_text()) == (1, "mine")
    assert err == golden(name="a stack file")
    assert run("--values", "values.yaml", "--output", str(file), "--force")[0] == 0
    assert "airflow:dags" in yaml.safe_load(file.read_text())["config"]
    (tmp_path / "adopt-new.json").write_text("mine")
    status, _, err = run("--release", "airflow", "--output", str(tmp_path / "Pulumi.new.yaml"))
    assert (status, (tmp_path / "adopt-new.json").read_text()) == (1, "mine")
    assert err == golden(name="an import file")
    assert run("--values", "values.yaml", "--output", "prod.yaml")[2] == golden(name="no stack file")
    assert run()[2] == golden(name="nothing to adopt")


def test_a_value_that_looks_like_a_secret_is_not_written(run: Any, tmp_path: Path, golden: Golden) -> None:
    values = {**BY_NAME, "env": [{"name": "API_TOKEN", "value": CANARY}, {"name": "A", "value": "b"}]}
    values |= {"scheduler": {"env": [{"name": "B_PASSWORD", "value": CANARY}], "replicas": 2}}
    values |= {
        "config": {"smtp": {"smtp_password": CANARY, "smtp_host": "mail"}},
        "data": {"metadataConnection": {"host": "db"}},
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    status, out, err = run("--values", "values.yaml")
    assert status == 2
    assert err == golden
    config = yaml.safe_load(out)["config"]
    assert config["airflow:environment"] == {"A": "b"}
    assert config["airflow:values"] == {"config": {"smtp": {"smtp_host": "mail"}}}
    assert CANARY not in out + err


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("smtp_password", "x", True),
        ("AIRFLOW_CONN_AWS", "x", True),
        ("ADDRESS", "postgresql://u:p@host/db", True),
        ("fernetKeySecretName", "my-fernet", False),
        ("repo", "git@github.com:acme/dags.git", False),
        ("smtp_password", "", False),
        ("keepalives", "30", False),
    ],
)
def test_secrets_are_recognized_by_name_or_content(name: str, value: str, secret: bool) -> None:
    assert looks_secret(name, value) is secret


def test_values_of_the_community_chart_are_translated_where_possible(golden: Golden) -> None:
    values = {
        "airflow": {
            "executor": "KubernetesExecutor",
            "image": {"repository": "acme/airflow", "tag": "3.2.2-acme"},
            "fernetKey": CANARY,
            "config": {"AIRFLOW__CORE__PARALLELISM": 16},
            "users": [{"username": "admin", "password": CANARY}],
        },
        "web": {"replicas": 2},
        "dags": {
            "gitSync": {"enabled": True, "repo": "git@github.com:acme/dags.git", "repoSubPath": "d", "sshSecret": "key"}
        },
        "externalDatabase": {"host": "db.example.com", "database": "af", "user": "af", "password": CANARY},
        "postgresql": {"enabled": False},
        "workers": {"autoscaling": {"enabled": True}},
    }
    assert community_chart.is_community(values)
    assert not community_chart.is_community(BY_NAME)
    adoption = community_chart.convert(values)
    assert adoption.blockers == []
    assert adoption.settings["dags"] == {
        "repository": "git@github.com:acme/dags.git",
        "branch": "master",
        "path": "d",
        "authentication": "sshKey",
    }
    assert adoption.settings["database"]["external"] == {
        "host": "db.example.com",
        "name": "af",
        "user": "af",
        "sslMode": "disable",
    }
    assert adoption.settings["components"] == {"apiServer": {"replicas": 2}}
    assert adoption.settings["environment"] == {"AIRFLOW__CORE__PARALLELISM": "16"}
    assert adoption.settings["images"]["airflow"]["repository"] == "acme/airflow"
    assert adoption.secrets.keys() == {"fernetKey", "databasePassword", "gitSshKey"}
    assert "\n".join(adoption.notes) == golden
    assert render.settings_problems(adoption) == []
    assert CANARY not in str(adoption)


def test_other_names_and_defaults_of_the_community_chart_are_translated(golden: Golden) -> None:
    values = {
        "airflow": {
            "image": {"tag": "3.2.2", "pullSecret": "pull"},
            "config": {
                "AIRFLOW__LOGGING__REMOTE_LOGGING": "True",
                "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER": "s3://logs",
                "AIRFLOW__LOGGING__REMOTE_LOG_CONN_ID": "aws",
            },
            "extraEnv": [
                {"name": "AIRFLOW__CORE__FERNET_KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "fernet"}}},
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "one"}}},
            ],
            "extraPipPackages": ["requests"],
        },
        "dags": {"gitSync": {"enabled": True, "repo": "https://github.com/acme/dags.git", "revision": "v1", "httpSecret": "git"}},
        "externalDatabase": {"passwordSecret": "db", "properties": "?sslmode=require"},
        "postgresql": {"enabled": False},
        "serviceAccount": {"annotations": {"example.com/role": "airflow"}},
        "ingress": {"enabled": True, "web": {"host": "a.example.com", "tls": {"enabled": True, "secretName": "cert"}}},
    }  # fmt: skip
    adoption = community_chart.convert(values)
    assert adoption.settings["images"]["pullSecrets"] == ["pull"]
    assert adoption.settings["dags"]["tag"] == "v1"
    assert adoption.settings["database"]["external"] == {
        "host": "localhost", "name": "airflow", "user": "airflow", "sslMode": "require",
    }  # fmt: skip
    assert adoption.settings["logs"] == {"remote": {"folder": "s3://logs", "connection": "aws"}}
    assert adoption.settings["environmentFrom"] == {"TOKEN": {"secret": "tokens", "key": "one"}}
    assert adoption.settings["serviceAccountAnnotations"] == {"example.com/role": "airflow"}
    assert adoption.settings["ingress"]["tlsSecret"] == "cert"
    assert adoption.settings["rotation"] == {"fernetGiven": True}
    assert "\n".join(f"{key}: {source}" for key, source in adoption.secrets.items()) == golden(name="secrets")
    assert "\n".join(adoption.notes) == golden(name="advice")


def test_an_existing_database_without_its_fernet_key_gives_advice(golden: Golden) -> None:
    for adoption in (
        official_chart.convert(
            {**BY_NAME, "fernetKeySecretName": None, "data": {"metadataConnection": {"host": "db"}}}
        ),
        community_chart.convert({"airflow": {}, "postgresql": {"enabled": False}}),
    ):
        assert next(line for line in adoption.notes if line.startswith("fernetKey")) == golden(name="both charts")
        assert "rotation" not in adoption.settings


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "a: 1\n---\nb: 1",
        "a: &a [*a]",
        "a: &a [x, x]\nb: &b [" + "*a," * 999 + "]\nc: [" + "*b," * 999 + "]",
        "[" * 5000,
        f"a: [{CANARY}",
        "x: y" * 300_000,
        "dags: yes",
        "env: {}",
        "env: [[a]]",
        "1: a",
        "executor: 2026-01-01",
        "dags: {gitSync: {enabled: true, branch: 1.0}}",
    ],
    ids=[
        "a list", "two documents", "a loop", "many aliases", "nested deep", "no YAML", "1.2 MB", "text for an object",
        "an object for a list", "a list for an object", "a number for a key", "a date", "a number for text",
    ],
)  # fmt: skip
def test_an_invalid_values_file_is_refused_in_one_message(run: Any, tmp_path: Path, text: str, golden: Golden) -> None:
    (tmp_path / "values.yaml").write_text(text)
    status, out, err = run("--values", "values.yaml")
    assert (status, out) == (1, "")
    assert err == golden
    assert "Traceback" not in err
    assert CANARY not in err


def test_anchors_are_expanded_and_an_empty_file_has_no_values(run: Any, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("scheduler: &a {tolerations: [{key: a}]}\ntriggerer: *a")
    _, out, _ = run("--values", "values.yaml")
    assert "&" not in out
    assert yaml.safe_load(out)["config"]["airflow:values"]["triggerer"] == {"tolerations": [{"key": "a"}]}
    (tmp_path / "values.yaml").write_text("# nothing")
    assert run("--values", "values.yaml")[0] == 2


HELD = (
    "fernetKey apiSecretKey jwtSecret webserverSecretKey data.metadataConnection.pass data.brokerUrl redis.password dags.gitSync.sshKey "
    "registry.connection.pass createUserJob.defaultUser.password postgresql.auth.password flower.password config.smtp.smtp_password "
    "extraSecrets.a.data elasticsearch.connection airflow.fernetKey airflow.users airflow.connections externalDatabase.password"
).split()
READ = (
    "executor images images.airflow images.airflow.tag imagePullSecrets registry.secretName dags dags.persistence dags.gitSync dags.gitSync.enabled "
    "dags.gitSync.repo dags.gitSync.branch dags.gitSync.ref dags.gitSync.subPath dags.gitSync.sshKeySecret data data.metadataConnection "
    "data.metadataSecretName postgresql postgresql.enabled fernetKeySecretName redis redis.enabled env secret extraEnv scheduler scheduler.replicas "
    "scheduler.resources scheduler.resources.limits workers ingress ingress.apiServer ingress.apiServer.enabled ingress.apiServer.hosts logs "
    "logs.persistence config config.logging labels quotas createUserJob extraSecrets airflow airflow.image airflow.config airflow.extraEnv web "
    "web.replicas externalDatabase externalDatabase.host serviceAccount serviceAccount.annotations dags.gitSync.revision"
).split()
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["", "a", "https://u:p@h/x", "2"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "enabled", "a.b", "value"]), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
canaries = st.sampled_from([CANARY, [CANARY], {"a": CANARY}, [{"name": "a", "password": CANARY}], [[CANARY]]])


@given(
    st.dictionaries(st.sampled_from(READ), junk, max_size=5), st.dictionaries(st.sampled_from(HELD), canaries, max_size=3)
)  # fmt: skip
def test_values_of_a_wrong_type_give_settings_and_advice_or_one_message(
    read: dict[str, Any], held: dict[str, Any]
) -> None:
    values: dict[str, Any] = {}
    for path, value in sorted(read.items()) + sorted(held.items()):
        *parents, last = path.split(".")
        place = values
        for step in parents:
            place = place[step] = place[step] if isinstance(place.get(step), dict) else {}
        place[last] = copy.deepcopy(value)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        done = CliRunner().invoke(main.app, ["adopt", "--values", file.name])
    assert done.exception is None or isinstance(done.exception, UserError | SystemExit), done.exc_info
    assert CANARY not in done.output + str(done.exception)


def test_the_branch_that_git_sync_follows_is_kept(golden: Golden) -> None:
    def dags(**git_sync: str) -> tuple[dict[str, Any], str]:
        adoption = official_chart.convert(
            {**BY_NAME, "dags": {"gitSync": {**GIT_SYNC, "repo": "https://github.com/acme/dags.git", **git_sync}}}
        )
        return adoption.settings["dags"], adoption.notes[0]

    followed, advice = dags(branch="v2-2-stable", ref="main")
    assert followed["branch"] == "v2-2-stable"
    assert advice == golden
    assert dags(branch="", rev="", ref="0" * 40)[0]["commit"] == "0" * 40
    assert dags(branch="", rev="", ref="v1")[0]["tag"] == "v1"


def test_missing_settings_come_from_a_stack_file(run: Any, tmp_path: Path, golden: Golden) -> None:
    ingress = {"apiServer": {"enabled": True, "hosts": [{"name": "a.example.com"}]}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({**BY_NAME, "postgresql": {}, "ingress": ingress}))
    status, _, err = run("--values", "values.yaml", "--output", "Pulumi.prod.yaml")
    assert status == 2
    assert err == golden
    own = {"config": {"airflow:ingress": {"controllerNamespace": "ingress"}, "airflow:fernetKey": {"secure": "v1:x"}}}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    status, out, _ = run("--values", "values.yaml", "--with", "own.yaml")
    assert status == 0
    assert yaml.safe_load(out)["config"]["airflow:ingress"] == {
        "host": "a.example.com",
        "controllerNamespace": "ingress",
    }


# -- a running release


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


UNSAFE = {
    "another name": running(name="my-airflow"),
    "Airflow 2": running(airflow_version="2.10.5"),
    "MySQL": running(connections={"airflow-metadata": "mysql"}),
    "a missing Secret": running(secrets={}),
    "an executor without a setting": running({**BY_NAME, "executor": "CeleryKubernetesExecutor"}),
    "DAGs on a volume": running({**BY_NAME, "dags": {"persistence": {"enabled": True}}}),
    "other names of objects": running({**BY_NAME, "fullnameOverride": "af"}),
    "a template": running({**BY_NAME, "extraEnv": "- name: {{ x }}"}),
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


def test_a_release_with_secrets_in_its_values_is_refused(
    run: Any, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(installed_release, "read_release", lambda *_: running({**BY_NAME, "fernetKey": CANARY}))
    status, out, err = run("--release", "airflow", "--namespace", "data", "--chart", str(CONTRACT_CHART))
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


# -- an existing Fernet key


def fernet(**args: Any) -> tuple[str, set[str]]:
    seen = record(lambda: AirflowCredentials("c", {"namespace": "airflow", **args}))  # type: ignore[typeddict-item]
    (secret,) = (
        r for r in seen.of_type("kubernetes:core/v1:Secret") if r.inputs["metadata"]["name"] == "airflow-fernet-key"
    )
    made = {r.name for r in seen.of_type("random:index/randomPassword:RandomPassword") if "fernet" in r.name}
    return secret.inputs["stringData"]["fernet-key"], made


def test_an_existing_fernet_key_is_generation_1_and_follows_the_next() -> None:
    old = Fernet.generate_key().decode()
    assert fernet(fernet_key=f" {old}\n", rotation={"fernet_given": True}) == (old, set())
    both, made = fernet(fernet_key=old, rotation={"fernet_given": True, "fernet": 2})
    assert made == {"c-fernet-key-2"}
    assert both.split(",")[1] == old
    third, made = fernet(rotation={"fernet_given": True, "fernet": 3})
    assert made == {"c-fernet-key-2", "c-fernet-key-3"}
    assert third.split(",")[1] == both.split(",")[0]


@pytest.mark.parametrize("generation", [1, 2])
def test_an_existing_fernet_key_removed_too_early_is_reported_and_not_replaced(generation: int, golden: Golden) -> None:
    old, rotation = Fernet.generate_key().decode(), {"fernet": generation, "fernetGiven": True}
    load("test", {"dags": SSH, "rotation": rotation, "fernetKey": old}, {"fernetKey"})
    with pytest.raises(SettingsError) as missed:
        load("test", {"dags": SSH, "rotation": rotation}, set())
    (problem,) = missed.value.problems
    assert problem.path == "fernetKey"
    (problem,) = problems({"dags": SSH, "rotation": {"fernet": generation}, "fernetKey": old}).problems
    assert in_stack_file(problem) == golden
    for alone in ({"fernet_key": old}, {"rotation": {"fernet": generation, "fernet_given": True}}):
        with pytest.raises(RunError, match=r"rotation\.fernet_given"):
            fernet(**alone)


def test_an_existing_fernet_key_may_go_once_two_newer_ones_are_in_use(golden: Golden) -> None:
    third = {"dags": SSH, "rotation": {"fernet": 3, "fernetGiven": True}}
    load("test", third, set())
    (problem,) = problems({**third, "fernetKey": Fernet.generate_key().decode()}).problems
    assert in_stack_file(problem) == golden


def test_a_missing_secret_with_an_existing_fernet_key_is_reported() -> None:
    settings = adopted(running()).settings
    assert settings["rotation"] == {"fernetGiven": True}
    load("test", settings, set())
    del settings["existingSecrets"]["fernetKey"]
    with pytest.raises(SettingsError, match="airflow:fernetKey"):
        load("test", settings, set())


def test_an_invalid_fernet_key_is_refused_and_not_shown(golden: Golden) -> None:
    several = ",".join(Fernet.generate_key().decode() for _ in range(2))
    assert usable_fernet_keys(several) == several
    for wrong in (CANARY, "", several + ",", base64.b64encode(CANARY.encode()).decode()):
        with pytest.raises(UnusableKeyError) as refused:
            usable_fernet_keys(wrong)
        assert f"{refused.value.reason}; fix: {refused.value.way_out}" == golden(name="each")
        assert CANARY not in str(refused.value)
