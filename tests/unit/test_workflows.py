"""The pipelines are safe, and run only commands that exist."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import pairwise
from typing import Any

import pytest
import typer.main

from airflow_stack.cli import main
from airflow_stack.cli.post.command import ACTIONS as POSTS
from sandbox import pins
from tests.support.cases import ROOT, STACKS
from tests.support.fake_github import SHA
from tests.support.workflows import ACTIONS, GITHUB, GITLAB, JOBS, WORKFLOWS, Script, read, scripts, steps

_FILES = [*GITHUB.rglob("*.yml")]
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def test_every_action_is_pinned_by_commit_to_one_version() -> None:
    uses = {
        line.strip() for file in _FILES for line in file.read_text().splitlines() if re.search(r"\buses: [^.]", line)
    }
    found = [re.fullmatch(r"(?:- )?uses: ([\w/-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line) for line in uses]
    assert all(found), uses
    pinned = {(match[1], match[2]) for match in found if match}
    assert len({action for action, _ in pinned}) == len(pinned)


@each_job
def test_every_job_has_a_timeout_and_minimal_permissions(job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 90
    assert job["permissions"]
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {}, name


def test_no_checkout_keeps_its_token() -> None:
    checkouts = [step for _, step in steps() if "checkout@" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_expression_is_interpolated_into_a_script() -> None:
    assert not [script.where for script in scripts() if "${{" in script.text]


def test_jobs_with_code_of_a_pull_request_have_no_write_permission() -> None:
    for name, workflow in WORKFLOWS.items():
        assert "pull_request_target" not in workflow["on"]
        if "pull_request" in workflow["on"]:
            granted = {key: value for job in workflow["jobs"].values() for key, value in job["permissions"].items()}
            assert {key for key, value in granted.items() if value != "read"} <= {"id-token"}, name


def test_only_jobs_of_the_repositorys_own_branches_get_secrets() -> None:
    with_secrets = {name for name, job in JOBS.items() if "secrets." in str(job) and name.startswith("preview/")}
    assert with_secrets == {"preview/preview"}
    assert JOBS["preview/preview"]["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_no_job_with_code_of_a_branch_gets_a_secret_of_production() -> None:
    for name, workflow in WORKFLOWS.items():
        events = workflow["on"] if isinstance(workflow["on"], dict) else {workflow["on"]: None}
        for job in workflow["jobs"].values() if "pull_request" in events else ():
            if "secrets." in str(job):
                assert job["strategy"]["matrix"]["stack"] == ["staging"], name
                assert job["environment"]["name"] == "preview-${{ matrix.stack }}", name
    jobs = {name: job for name, job in read(GITLAB).items() if isinstance(job, dict)}
    of_branches = {name: job for name, job in jobs.items() if ".merge-request" in str(job.get("extends"))}
    assert {"diff", "preview", "note"} == of_branches.keys()
    assert of_branches["preview"]["parallel"]["matrix"] == [{"STACK": ["staging"]}]
    assert "TOKEN" not in str(of_branches)


def test_the_token_of_gitlab_reaches_only_jobs_of_the_default_branch() -> None:
    jobs = {name: job for name, job in read(GITLAB).items() if isinstance(job, dict) and "GITLAB_TOKEN" in str(job)}
    assert jobs.keys() == {"post-note", "drift-issue"}
    conditions = {name: [rule["if"] for rule in job["rules"]] for name, job in jobs.items()}
    of_default = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    triggered = [
        rule["if"] for rule in read(GITLAB)["workflow"]["rules"] if '"pipeline"' in rule["if"] and "when" not in rule
    ]
    assert all(of_default in condition for condition in [*triggered, *conditions["drift-issue"]])
    assert all('$CI_PIPELINE_SOURCE == "pipeline"' in condition for condition in conditions["post-note"])
    assert read(GITLAB)["note"]["trigger"]["branch"] == "$CI_DEFAULT_BRANCH"


def test_the_header_of_gitlab_names_the_variables_to_protect() -> None:
    head = GITLAB.read_text().partition("\nworkflow:")[0]
    assert "#   protected: GITLAB_TOKEN, and all variables of the environments preview/prod, staging and prod" in head


def test_a_deployment_follows_a_preview_of_the_same_code() -> None:
    assert JOBS["deploy/deploy"]["needs"] == "preview"
    assert JOBS["deploy/preview"]["env"] == JOBS["deploy/deploy"]["env"]
    assert JOBS["deploy/preview"]["environment"]["name"] == f"preview-{JOBS['deploy/deploy']['environment']}"


def test_the_commenting_job_runs_code_of_the_main_branch() -> None:
    (comment,) = WORKFLOWS["preview-comment"]["jobs"].values()
    assert WORKFLOWS["preview-comment"]["on"]["workflow_run"]["workflows"] == [WORKFLOWS["preview"]["name"]]
    checkout, run = comment["steps"]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert "pull_request" not in str(run) and "head_branch" not in str(run)


@pytest.mark.parametrize(
    ("files", "deploys"),
    [
        (["dags/sample_etl.py"], False),
        (["dags/sub/folder/a.py", "docs/guides/environments.md", "README.md", "tests/unit/test_x.py"], False),
        (["dags/sample_etl.py", "Pulumi.staging.yaml"], True),
        (["components/airflow_stack/chart/values.py"], True),
        (["requirements.txt"], True),
        (["policies/rules.py"], True),
    ],
)
def test_every_change_deploys_except_one_of_dags_only(files: list[str], deploys: bool) -> None:
    ignored = WORKFLOWS["deploy"]["on"]["push"]["paths-ignore"]
    assert any(not any(fnmatch(file, pattern) for pattern in ignored) for file in files) is deploys


def test_deployments_of_a_stack_run_one_at_a_time_and_are_not_cancelled() -> None:
    job = JOBS["deploy/deploy"]
    stack = job["env"]["STACK"]
    assert job["environment"] == stack == "${{ github.ref_name == 'release' && 'prod' || 'staging' }}"
    assert job["concurrency"] == {"group": f"stack-{stack}", "cancel-in-progress": False}


def test_every_deployed_stack_has_previews_and_drift_checks() -> None:
    deployed = [stack for stack in STACKS if stack in JOBS["deploy/deploy"]["environment"]]
    assert JOBS["drift/refresh"]["strategy"]["matrix"]["stack"] == deployed
    for words in (words for _, words in _commands("airflow-stack") if words[0] == "diff"):
        assert [word for before, word in pairwise(words) if before == "--stack"] == deployed


def _commands(program: str) -> Iterator[tuple[Script, list[str]]]:
    for script in scripts():
        for command in script.commands():
            if command[0] == program:
                yield script, command[1:]


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        pytest.param(script.where, words, id=f"{script.where}: {' '.join(words)}")
        for script, words in _commands("airflow-stack")
    ],
)
def test_every_command_accepts_the_options_in_the_pipelines(where: str, arguments: list[str]) -> None:
    command = typer.main.get_command(main.app)
    words = [{"$STACK": "staging", "$base": SHA}.get(word, word) for word in arguments]
    words = [SHA if word.startswith("$CI_") else word for word in words]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name or "", words)  # parses and checks, and runs nothing


def test_every_make_target_in_the_pipelines_exists_with_its_variables() -> None:
    makefile = (ROOT / "Makefile").read_text()
    given = [words for _, words in _commands("make")]
    assert given
    for target, *variables in given:
        assert re.search(rf"^{target}:.* ##", makefile, re.MULTILINE), target
        for variable in variables:
            assert re.search(rf"\b{variable.partition('=')[0]}\b", makefile), variable


def test_every_tool_of_a_pipeline_is_pinned() -> None:
    asked = [step["with"]["tools"] for _, step in steps() if "tools" in step.get("with", {})]
    asked += [
        word[len("ONLY=") :]
        for _, words in _commands("make")
        for word in words
        if word.startswith("ONLY=") and "$" not in word
    ]
    assert len(asked) == 4
    assert {name for names in asked for name in names.split()} <= set(pins.ALL)


def test_every_post_command_of_a_pipeline_exists() -> None:
    asked = {words[-1] for _, words in _commands("python3") if words[:2] == ["-m", "airflow_stack.cli.post.command"]}
    assert asked == set(POSTS)


def test_the_login_action_shows_no_value_and_lists_its_variables_at_the_top() -> None:
    text = (GITHUB / "actions" / "login" / "action.yml").read_text()
    head = text.partition("name: Log in")[0]
    for variable in re.findall(r"fromJSON\(inputs.variables\)\.(\w+)", text):
        assert variable in head
    assert ACTIONS["login"]["outputs"]["ready"]
