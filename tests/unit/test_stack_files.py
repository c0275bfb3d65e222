"""The three stack files: valid, each on its branch, with no key that Pulumi ignores."""

import pytest
import yaml

from airflow_stack.cli import stack_file
from airflow_stack.inputs.validation import missing_secrets
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.names import PROJECT
from tests.support.cases import ROOT, STACKS, stack_settings
from tests.support.golden import Golden

PULUMI = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def test_there_are_three_stacks() -> None:
    assert {path.name for path in ROOT.glob("Pulumi.*.yaml")} == {f"Pulumi.{stack}.yaml" for stack in STACKS}


@pytest.mark.parametrize("stack", ["staging", "prod"])
def test_a_stack_is_in_order(stack: str) -> None:
    assert stack_file.settings(ROOT, stack).dags.repository


def test_dev_lacks_a_repository_alone_and_make_up_serves_this_projects_own_dags(golden: Golden) -> None:
    with pytest.raises(SettingsError) as wrong:
        stack_file.settings(ROOT, "dev")
    assert [problem.path for problem in wrong.value.problems] == ["dags.repository"]
    assert str(wrong.value) == golden
    dags = stack_settings("dev").dags
    assert (dags.ref, dags.authentication) == ("main", "sshKey")
    assert (ROOT / dags.path / "smoke.py").exists()


@pytest.mark.parametrize(
    ("stack", "secrets"),
    [("dev", []), ("staging", ["gitSshKey", "databasePassword"]), ("prod", ["gitSshKey", "databasePassword"])],
)
def test_a_stack_needs_just_these_secrets(stack: str, secrets: list[str]) -> None:
    assert missing_secrets(stack_file.read(ROOT, stack)[0]) == secrets


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_sets_only_what_pulumi_declares_and_only_where_it_differs(stack: str) -> None:
    config, encrypted = stack_file.read(ROOT, stack)
    assert config.keys() <= PULUMI["config"].keys()
    assert not encrypted, "a secret of ours would be in the repository"
    for key, value in config.items():
        assert value != PULUMI["config"][key]["default"], f"{key} is the default; leave it out"


def test_staging_follows_main_and_prod_follows_release_of_the_same_repository() -> None:
    staging, prod = stack_settings("staging"), stack_settings("prod")
    assert (staging.dags.ref, prod.dags.ref) == ("main", "release")
    assert staging.dags.repository == prod.dags.repository
    assert staging.dags.follows_branch
    assert prod.dags.follows_branch


def test_prod_alone_is_protected_and_runs_more_than_one_scheduler() -> None:
    assert {stack: stack_settings(stack).protect for stack in STACKS} == {
        "dev": False, "staging": False, "prod": True,
    }  # fmt: skip
    assert stack_settings("prod").size == "medium"


def test_two_stacks_can_share_a_cluster() -> None:
    namespaces = {stack_settings(stack).namespace for stack in STACKS}
    assert len(namespaces) == len(STACKS)


def test_the_project_has_the_name_under_which_the_settings_stand() -> None:
    assert PULUMI["name"] == PROJECT


def test_the_program_is_a_table_of_contents() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 60
