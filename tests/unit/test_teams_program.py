"""`airflow_stack.teams`: all Airflows of a table in one program."""

import json
from pathlib import Path

import pulumi
import pytest

from airflow_stack import teams
from airflow_stack.cli.recording import record
from tests.support.cases import HTTPS

TABLE = f"""\
environments:
  staging: {{cluster: here}}
  prod: {{cluster: there, dags: {{authentication: token}}}}
teams:
  data:
    dags: {{repository: {HTTPS["repository"]}}}
  ml:
    dags: {{repository: {HTTPS["repository"]}}}
    environments: {{staging: {{}}}}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of three Airflows on two clusters, with a token for one of them."""
    token = {"data-prod:gitToken": "t0k3n"}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(token))
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(list(token)))
    file = tmp_path / "teams.yaml"
    file.write_text(TABLE)
    return file


def test_each_row_is_an_airflow_on_the_cluster_of_its_environment(table: Path) -> None:
    seen = record(lambda: teams(table))
    assert [each.name for each in seen.of_type("airflow:index:Airflow")] == ["data-prod", "data-staging", "ml-staging"]
    providers = seen.of_type("pulumi:providers:kubernetes")
    assert [each.inputs["context"] for each in providers] == ["here", "there"]
    namespaces = seen.of_type("kubernetes:core/v1:Namespace")
    used = {each.inputs["metadata"]["name"]: each.provider.split("::")[3] for each in namespaces}
    assert used == {
        "airflow-data-prod": "cluster-there",
        "airflow-data-staging": "cluster-here",
        "airflow-ml-staging": "cluster-here",
    }


def test_only_the_airflow_of_a_name_gets_the_secrets_of_that_name(table: Path) -> None:
    seen = record(lambda: teams(table))
    holders = [name for name, each in seen.resources.items() if "t0k3n" in str(each.inputs)]
    assert holders
    assert all("data-prod" in name for name in holders)
    assert all("t0k3n" not in str(each.shown) for each in seen.resources.values())


def test_a_program_may_take_some_environments(table: Path) -> None:
    seen = record(lambda: teams(table, environments=["prod"]))
    assert [each.name for each in seen.of_type("airflow:index:Airflow")] == ["data-prod"]


def test_a_wrong_table_is_one_message_before_anything_is_registered(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", shown.append)
    table.write_text(TABLE.replace("cluster: there", "clustr: there"))
    with pytest.raises(SystemExit) as stopped:
        teams(table)
    assert stopped.value.code == 32
    assert "environments.prod.clustr" in shown[0]
