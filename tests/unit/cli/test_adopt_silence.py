"""Adoption of what a values file cannot mean: it stops with the way out, and nothing is taken for something else."""

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.cli.adopt import official_chart, render
from airflow_stack.cli.adopt.model import Adoption
from airflow_stack.cli.adopt.values_file import find_values
from airflow_stack.errors import UserError

DAGS = {"gitSync": {"enabled": True, "repo": "https://github.com/acme/dags.git", "branch": "main"}}
FERNET = "bm90LWEtcmVhbC1rZXktMTIzNDU2Nzg5MDEyMzQ1Njc="


def adopted(**values: Any) -> Adoption:
    return official_chart.convert({"executor": "LocalExecutor", "dags": DAGS, **values})


def test_the_named_fernet_key_wins_as_in_the_chart() -> None:
    adoption = adopted(fernetKeySecretName="keys", fernetKey=FERNET)
    assert adoption.settings["existingSecrets"] == {"fernetKey": "keys"}
    assert "fernetKey" not in adoption.secrets
    assert "fernetKey: is left out, because fernetKeySecretName wins" in adoption.notes


def test_a_template_in_an_extra_secret_is_not_taken_for_the_token() -> None:
    git = {"gitSync": {**DAGS["gitSync"], "credentialsSecret": "git"}}
    secret = {"stringData": "GITSYNC_USERNAME: '{{ .Values.user }}'\nGITSYNC_PASSWORD: '{{ .Values.password }}'\n"}
    adoption = adopted(dags=git, extraSecrets={"git": secret})
    assert "gitToken" not in adoption.secrets
    assert "username" not in adoption.settings["dags"]
    (stop,) = adoption.blockers
    assert "is a template" in stop


def test_the_url_of_a_broker_of_ones_own_stops_with_the_setting_that_takes_it() -> None:
    values = {"dags": DAGS, "redis": {"enabled": False}, "data": {"brokerUrl": "redis://:canary12@redis:6379/0"}}
    adoption = official_chart.convert(values)
    (stop,) = adoption.blockers
    assert "airflow:existingSecrets.brokerUrl" in stop
    assert "canary12" not in str(adoption)
    own = {"existingSecrets": {"brokerUrl": "broker"}}
    resolved = official_chart.convert(values, own=own)
    resolved.with_own(own)
    assert resolved.blockers == []


def test_flower_without_a_login_stops() -> None:
    flower = {"enabled": True, "username": "admin", "password": "canary12"}
    adoption = official_chart.convert({"dags": DAGS, "flower": flower})
    assert any("flower.secretName" in stop for stop in adoption.blockers)
    named = official_chart.convert({"dags": DAGS, "flower": {"enabled": True, "secretName": "flower"}})
    assert named.blockers == []


def test_a_value_that_the_chart_ignores_is_left_out_with_the_reason() -> None:
    adoption = adopted(webserver={"replicas": 3, "webserverConfig": "AUTH_ROLE_PUBLIC = None"})
    assert adoption.settings["values"] == {"webserver": {"webserverConfig": "AUTH_ROLE_PUBLIC = None"}}
    assert any(note.startswith("webserver.replicas: has no effect") for note in adoption.notes)


def test_code_for_airflow_2_stops() -> None:
    old = "from airflow.www.fab_security.manager import AUTH_OAUTH\nAUTH_TYPE = AUTH_OAUTH\n"
    for values in ({"webserver": {"webserverConfig": old}}, {"apiServer": {"apiServerConfig": old}}):
        (stop,) = adopted(**values).blockers
        assert "airflow.www" in stop


def test_a_database_in_another_namespace_is_not_taken_for_the_charts() -> None:
    connection = {"host": "postgres-postgresql.db.svc.cluster.local", "user": "airflow", "db": "airflow"}
    (stop,) = adopted(data={"metadataConnection": connection}).blockers
    assert "postgresql.enabled" in stop
    assert adopted(data={"metadataConnection": connection}, postgresql={"enabled": True}).blockers == []


def test_a_switch_as_text_is_refused() -> None:
    with pytest.raises(UserError, match=r"webserver\.defaultUser\.enabled: must be true or false"):
        adopted(webserver={"defaultUser": {"enabled": "false"}})


def test_a_variable_that_would_replace_the_git_ref_stops() -> None:
    git = {"gitSync": {**DAGS["gitSync"], "env": [{"name": "GITSYNC_REF", "value": "other"}]}}
    (problem,) = render.settings_problems(adopted(dags=git))
    assert "airflow:dags.branch" in str(problem)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"executor: LocalExecutor\nenv: []\nexecutor: CeleryExecutor\n", "line 3: the key 'executor' is given twice"),
        ("executor: LocalExecutor\n".encode("utf-16-le"), "is in UTF-16 without a byte order mark"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n", "is encrypted as a whole"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n6162\n", "is encrypted by Ansible Vault"),
        (b'resource "helm_release" "airflow" {\n  name = "airflow"\n}\n', "is Terraform's"),
        (b"executor: LocalExecutor\nwebserverSecretKey: op://vault/item/key\n", "has placeholders"),
        (b"executor: LocalExecutor\nfernetKey: vault:secret/data/airflow#key\n", "has placeholders"),
    ],
)
def test_a_file_that_is_no_values_file_yet_says_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "values.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=reason):
        find_values(file)
