"""Adoption: chart values become settings, keys stay in their Secrets, and no secret is written, shown or part of a command."""

import base64
import copy
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from airflow_stack.cli import main
from airflow_stack.cli.adopt import (
    community_chart,
    official_chart,
    render,
)
from airflow_stack.cli.adopt.file_kind import Chart, chart_of
from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import load
from airflow_stack.secret_forms import looks_secret
from tests.support.command import Command
from tests.support.golden import Golden

CANARY = "canary-5e0c"
FERNET_KEY = base64.urlsafe_b64encode((CANARY * 3)[:32].encode()).decode()

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


@pytest.fixture
def adopt(tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack adopt` in a folder with the article's values."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yaml").write_text(ARTICLE)
    return partial(run_command, "adopt")


def test_the_articles_values_become_settings_and_advice(adopt: Command, golden: Golden) -> None:
    status, out, err = adopt("--values", "values.yaml")
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
        "security": {"tasks": "trusted"},
    }
    load("test", config, set(), secrets_required=False)
    assert err == golden
    assert CANARY not in out + err


def test_one_value_is_printed_to_a_pipe_and_never_to_a_terminal(
    adopt: Command, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    path = "extraSecrets.airflow-ssh-secret.data.gitSshKey"
    status, out, err = adopt("--values", "values.yaml", "--value", path)
    assert (status, out, err) == (0, f"{CANARY}-key", "")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    status, out, err = adopt("--values", "values.yaml", "--value", path)
    assert status == 1
    assert err == golden
    assert CANARY not in out + err


def test_a_password_of_digits_is_printed_like_any_other_and_a_switch_is_none(adopt: Command, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("data: {metadataConnection: {pass: 4711, sslmode: true}}")
    assert adopt("--values", "values.yaml", "--value", "data.metadataConnection.pass") == (0, "4711", "")
    status, out, _ = adopt("--values", "values.yaml", "--value", "data.metadataConnection.sslmode")
    assert (status, out) == (1, "")


def test_an_existing_stack_file_is_overwritten_only_with_force(adopt: Command, tmp_path: Path, golden: Golden) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("mine")
    status, _, err = adopt("--values", "values.yaml", "--output", str(file))
    assert (status, file.read_text()) == (1, "mine")
    assert err == golden(name="a stack file")
    assert adopt("--values", "values.yaml", "--output", str(file), "--force")[0] == 0
    assert "airflow:dags" in yaml.safe_load(file.read_text())["config"]
    (tmp_path / "adopt-new.json").write_text("mine")
    status, _, err = adopt("--release", "airflow", "--output", str(tmp_path / "Pulumi.new.yaml"))
    assert (status, (tmp_path / "adopt-new.json").read_text()) == (1, "mine")
    assert err == golden(name="an import file")
    assert adopt("--values", "values.yaml", "--output", "prod.yaml")[2] == golden(name="no stack file")
    assert adopt()[2] == golden(name="nothing to adopt")


def test_a_value_that_looks_like_a_secret_is_not_written(adopt: Command, tmp_path: Path, golden: Golden) -> None:
    values = {**BY_NAME, "env": [{"name": "API_TOKEN", "value": CANARY}, {"name": "A", "value": "b"}]}
    values |= {"scheduler": {"env": [{"name": "B_PASSWORD", "value": CANARY}], "replicas": 2}}
    values |= {
        "config": {"smtp": {"smtp_password": CANARY, "smtp_host": "mail"}},
        "data": {"metadataConnection": {"host": "db"}},
    }
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
    status, out, err = adopt("--values", "values.yaml")
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
            "fernetKey": FERNET_KEY,
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
    assert chart_of(values) is Chart.COMMUNITY
    assert chart_of(BY_NAME) is Chart.OFFICIAL
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
    assert adoption.settings["web"]["tls"]["secretName"] == "cert"
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
        "executor: !!timestamp 2026-01-01",
        "dags: {gitSync: {enabled: true, branch: 1.0}}",
    ],
    ids=[
        "a list", "two documents", "a loop", "many aliases", "nested deep", "no YAML", "1.2 MB", "text for an object",
        "an object for a list", "a list for an object", "a number for a key", "a date", "a number for text",
    ],
)  # fmt: skip
def test_an_invalid_values_file_is_refused_in_one_message(
    adopt: Command, tmp_path: Path, text: str, golden: Golden
) -> None:
    (tmp_path / "values.yaml").write_text(text)
    status, out, err = adopt("--values", "values.yaml")
    assert (status, out) == (1, "")
    assert err == golden
    assert "Traceback" not in err
    assert CANARY not in err


def test_anchors_are_expanded_and_an_empty_file_has_no_values(adopt: Command, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("scheduler: &a {tolerations: [{key: a}]}\ntriggerer: *a")
    _, out, _ = adopt("--values", "values.yaml")
    assert "&" not in out
    assert yaml.safe_load(out)["config"]["airflow:values"]["triggerer"] == {"tolerations": [{"key": "a"}]}
    (tmp_path / "values.yaml").write_text("# nothing")
    assert adopt("--values", "values.yaml")[0] == 2


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


def test_missing_settings_come_from_a_stack_file(adopt: Command, tmp_path: Path, golden: Golden) -> None:
    ingress = {"apiServer": {"enabled": True, "hosts": [{"name": "a.example.com"}]}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump({**BY_NAME, "postgresql": {}, "ingress": ingress}))
    status, _, err = adopt("--values", "values.yaml", "--output", "Pulumi.prod.yaml")
    assert status == 2
    assert err == golden
    own = {
        "config": {
            "airflow:web": {"ingress": {"dataPlane": {"namespace": "ingress"}}},
            "airflow:fernetKey": {"secure": "v1:x"},
        }
    }
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(own))
    status, out, _ = adopt("--values", "values.yaml", "--with", "own.yaml")
    assert status == 0
    assert yaml.safe_load(out)["config"]["airflow:web"] == {
        "host": "a.example.com",
        "ingress": {"dataPlane": {"namespace": "ingress"}},
    }
