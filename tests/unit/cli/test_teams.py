"""`airflow-stack teams`: one table gives the stack files of many teams, and every wrong entry is named with its line."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from airflow_stack.cli.teams.table_file import read
from tests.support.cases import ROOT
from tests.support.command import Command
from tests.support.golden import Golden

TABLE = """\
defaults:
  size: small
  labels: {team: <team>}
environments:
  staging:
    cluster: eks-staging
    dags: {branch: main}
  prod:
    cluster: eks-prod
    dags: {branch: release}
    tier: production
    protect: true
    database: {external: {host: <team>.db.example.com}}
teams:
  data:
    dags: {repository: git@github.com:acme/data-dags.git}
  ml:
    dags: {repository: git@github.com:acme/ml-dags.git}
    environments:
      staging:
      prod: {size: large, protect: null}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of two teams with two environments, in the current folder."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "teams.yaml"
    file.write_text(TABLE)
    return file


def stack(name: str) -> dict[str, Any]:
    """Configuration in a stack file."""
    config: dict[str, Any] = yaml.safe_load(Path(f"Pulumi.{name}.yaml").read_text())["config"]
    return config


@pytest.mark.usefixtures("table")
def test_every_team_and_environment_gets_a_stack_file_with_its_own_namespace(run_command: Command) -> None:
    assert run_command("teams").status == 2
    assert run_command("teams", "--write").status == 0
    names = ("data-staging", "data-prod", "ml-staging", "ml-prod")
    assert [stack(name)["airflow:namespace"] for name in names] == [f"airflow-{name}" for name in names]
    assert stack("data-prod") == {
        "airflow:namespace": "airflow-data-prod",
        "airflow:size": "small",
        "airflow:labels": {"team": "data"},
        "airflow:dags": {"branch": "release", "repository": "git@github.com:acme/data-dags.git"},
        "airflow:tier": "production",
        "airflow:protect": True,
        "airflow:database": {"external": {"host": "data.db.example.com"}},
        "kubernetes:context": "eks-prod",
    }
    assert run_command("teams").status == 0
    assert run_command("check", "--stack", "data-staging").status == 0


@pytest.mark.usefixtures("table")
def test_an_override_wins_and_null_removes_a_setting(run_command: Command) -> None:
    run_command("teams", "--write")
    assert stack("ml-prod")["airflow:size"] == "large"
    assert "airflow:protect" not in stack("ml-prod")


@pytest.mark.usefixtures("table")
def test_secrets_and_keys_of_others_stay(run_command: Command) -> None:
    theirs = {"airflow:gitSshKey": {"secure": "v1:x"}, "aws:region": "eu-west-1", "policies:levels": {"a": "advisory"}}
    Path("Pulumi.ml-prod.yaml").write_text(yaml.safe_dump({"encryptionsalt": "v1:salt", "config": theirs}))
    run_command("teams", "--write")
    assert yaml.safe_load(Path("Pulumi.ml-prod.yaml").read_text())["encryptionsalt"] == "v1:salt"
    assert theirs.items() <= stack("ml-prod").items()
    assert run_command("teams").status == 0


@pytest.mark.usefixtures("table")
def test_a_stack_file_that_was_changed_by_hand_is_reported_with_the_key(run_command: Command, golden: Golden) -> None:
    run_command("teams", "--write")
    file = Path("Pulumi.ml-prod.yaml")
    file.write_text(file.read_text().replace("size: large", "size: medium") + "  airflow:web: {title: Mine}\n")
    Path("Pulumi.old-prod.yaml").write_text(Path("Pulumi.data-prod.yaml").read_text())
    done = run_command("teams")
    assert (done.status, done.err) == (2, "")
    assert done.out == golden


@pytest.mark.usefixtures("table")
def test_json_lists_every_stack_for_the_matrix_of_a_pipeline(run_command: Command) -> None:
    run_command("teams", "--write")
    report = json.loads(run_command("teams", "--json").out)
    assert (report["command"], report["ok"], report["problems"]) == ("teams", True, [])
    rows = {each["stack"]: each for each in report["result"]["stacks"]}
    assert sorted(rows) == ["data-prod", "data-staging", "ml-prod", "ml-staging"]
    assert (rows["ml-prod"]["cluster"], rows["ml-prod"]["ref"], rows["ml-prod"]["state"]) == (
        "eks-prod",
        "release",
        "same",
    )


WRONG = {
    "a setting": ("size: small", "sise: small"),
    "a value of one environment": ("protect: true", "protect: maybe"),
    "a value of one team": ("git@github.com:acme/ml-dags.git", "nowhere"),
    "an override": ("size: large", "size: huge"),
    "a key": ("defaults:", "default:"),
    "an environment": ("      prod: {size", "      prd: {size"),
    "a name": ("  data:", "  Data:"),
    "one namespace twice": ("  size: small", "  size: small\n  namespace: airflow"),
    "a secret in plain text": ("size: large", "gitToken: hunter2"),
    "a cluster": ("cluster: eks-prod", "cluster: [eks-prod]"),
    "a form": ("    dags: {repository: git@github.com:acme/ml-dags.git}\n", "    dags: text\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_entry_is_named_once_with_its_line(
    run_command: Command, table: Path, name: str, golden: Golden
) -> None:
    old, new = WRONG[name]
    assert old in TABLE
    table.write_text(TABLE.replace(old, new))
    done = run_command("teams", "--write")
    assert (done.status, done.out) == (1, "")
    assert not list(table.parent.glob("Pulumi.*.yaml"))
    assert "hunter2" not in done.err
    assert done.err == golden
    report = json.loads(run_command("teams", "--json").out)
    assert report["ok"] is False
    assert all(each["line"] >= 0 and each["message"] for each in report["problems"])


@pytest.mark.parametrize(
    "content", ["", "[]", "teams: {}", "a: &a [*a]", "teams: {a: 1}\nenvironments: {b: 2}", "x: [", "\0"]
)
def test_what_is_no_table_is_one_message(run_command: Command, table: Path, content: str) -> None:
    table.write_text(content)
    done = run_command("teams")
    assert (done.status, done.out) == (1, "")
    assert "teams.yaml" in done.err
    assert "Traceback" not in done.err


def test_one_namespace_on_two_clusters_is_two_places(table: Path) -> None:
    table.write_text(TABLE.replace("  size: small", "  size: small\n  namespace: airflow-<team>"))
    assert {each.settings.namespace for each in read(table)} == {"airflow-data", "airflow-ml"}


def test_the_schema_for_editors_accepts_the_table_and_refuses_a_misspelt_setting() -> None:
    schema = json.loads((ROOT / "schemas" / "teams.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(TABLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(TABLE.replace("branch: main", "brnch: main")), schema)


def test_the_table_of_the_guide_is_valid(table: Path) -> None:
    guide = (ROOT / "docs/guides/many-teams.md").read_text()
    table.write_text(guide.split("```yaml\n")[1].split("```")[0])
    assert [each.name for each in read(table)] == ["data-staging", "data-prod", "ml-staging", "ml-prod"]
