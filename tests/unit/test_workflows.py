"""The pipelines are safe, and run only commands that exist."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest
import typer.main
import yaml

from airflow_stack.cli import main
from airflow_stack.cli.helm import cache_folder
from airflow_stack.cli.post.command import ACTIONS as POSTS
from sandbox import pins
from tests.support.cases import ROOT, STACKS
from tests.support.fake_github import SHA
from tests.support.workflows import (
    ACTIONS,
    GITHUB,
    GITLAB_STACKS,
    JOBS,
    WORKFLOWS,
    Script,
    gitlab,
    read,
    scripts,
    steps,
)

_FILES = [*GITHUB.rglob("*.yml")]
each_job = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)


def test_every_action_is_pinned_by_commit_to_one_version() -> None:
    uses = {
        line.strip() for file in _FILES for line in file.read_text().splitlines() if re.search(r"\buses: [^$]", line)
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
                assert job["strategy"]["matrix"]["stack"] == _stacks("previewed", ["staging"]), name
                assert job["environment"]["name"] == "preview-${{ matrix.stack }}", name
    jobs = {name: job for name, job in gitlab().items() if isinstance(job, dict)}
    of_branches = {name: job for name, job in jobs.items() if ".merge-request" in str(job.get("extends"))}
    assert {"diff", "preview", "note"} == of_branches.keys()
    assert of_branches["preview"]["parallel"]["matrix"] == [{"STACK": ["staging"]}]
    assert "TOKEN" not in str(of_branches)


def test_the_token_of_gitlab_reaches_only_jobs_of_the_default_branch() -> None:
    jobs = {name: job for name, job in gitlab().items() if isinstance(job, dict) and "GITLAB_TOKEN" in str(job)}
    assert jobs.keys() == {"post-note", "drift-issue"}
    conditions = {name: [rule["if"] for rule in job["rules"]] for name, job in jobs.items()}
    of_default = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    triggered = [
        rule["if"] for rule in gitlab()["workflow"]["rules"] if '"pipeline"' in rule["if"] and "when" not in rule
    ]
    assert all(of_default in condition for condition in [*triggered, *conditions["drift-issue"]])
    assert all('$CI_PIPELINE_SOURCE == "pipeline"' in condition for condition in conditions["post-note"])
    assert gitlab()["note"]["trigger"]["branch"] == "$CI_DEFAULT_BRANCH"


def test_the_header_of_gitlab_names_the_variables_to_protect() -> None:
    head = GITLAB_STACKS.read_text().partition("\nspec:")[0]
    assert "#   protected: GITLAB_TOKEN, and all variables of the environments preview/prod, staging and prod" in head


def test_a_deployment_follows_a_preview_of_the_same_code() -> None:
    assert JOBS["deploy/deploy"]["needs"] == "preview"
    assert JOBS["deploy/preview"]["env"] == JOBS["deploy/deploy"]["env"]
    assert JOBS["deploy/preview"]["environment"]["name"] == f"preview-{JOBS['deploy/deploy']['environment']}"
    assert JOBS["deploy/preview"]["if"] == JOBS["deploy/deploy"]["if"]


def test_a_job_that_may_write_runs_code_of_its_workflows_own_commit_and_checks_nothing_out() -> None:
    """`workflow_run` and schedules run the workflow of the default branch. `$/` is the repository and commit of the workflow."""
    assert WORKFLOWS["preview-comment"]["on"]["workflow_run"]["workflows"] == [WORKFLOWS["preview"]["name"]]
    for name in ("preview-comment/comment", "drift/issue", "versions/issue"):
        actions = [step["uses"].partition("@")[0] for step in JOBS[name]["steps"]]
        assert set(actions) <= {"$/.github/actions/post", "actions/download-artifact"}, name
    (comment,) = JOBS["preview-comment/comment"]["steps"]
    assert "pull_request" not in str(comment) and "head_branch" not in str(comment)


def test_a_workflow_uses_the_actions_of_its_own_repository_also_when_another_repository_calls_it() -> None:
    for file in _FILES:
        assert "uses: ./" not in file.read_text(), file
    for where, step in steps():
        if (path := step.get("uses", "")).startswith("$/"):
            action = ACTIONS[path.rpartition("/")[2]]
            assert step.get("with", {}).keys() <= action["inputs"].keys(), where
            required = {name for name, about in action["inputs"].items() if about.get("required")}
            assert required <= step.get("with", {}).keys(), where


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
    by_branch = "github.ref_name == 'release' && 'prod' || 'staging'"
    assert job["environment"] == stack == f"${{{{ inputs.stack || ({by_branch}) }}}}"
    assert job["concurrency"] == {"group": f"stack-{stack}", "cancel-in-progress": False}


def test_every_deployed_stack_has_previews_and_drift_checks() -> None:
    deployed = [stack for stack in STACKS if stack in JOBS["deploy/deploy"]["environment"]]
    assert JOBS["drift/refresh"]["strategy"]["matrix"]["stack"] == _stacks("stacks", deployed)
    (diff,) = [step["env"]["STACKS"] for _, step in steps() if "airflow-stack diff" in step.get("run", "")]
    assert diff == f"${{{{ join({_stacks('stacks', deployed)[4:-3]}, ' ') }}}}"
    for name in ("preview", "drift"):
        assert json.loads(WORKFLOWS[name]["on"]["workflow_call"]["inputs"]["stacks"]["default"]) == deployed
    assert gitlab()["drift"]["parallel"]["matrix"] == [{"STACK": deployed}]


def _stacks(name: str, default: list[str]) -> str:
    """The list of a caller, or that of this repository."""
    return f"${{{{ fromJSON(inputs.{name} || '{json.dumps(default)}') }}}}"


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
    words = ["--stack=staging" if word in ("$stacks", "${stacks[@]/#/--stack=}") else word for word in words]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(command.name or "", words)  # parses and checks, and runs nothing


TEMPLATE = ROOT / "template"
CALLERS = {path.stem: read(path) for path in sorted((TEMPLATE / ".github" / "workflows").glob("*.yml"))}


def _calls() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each job of the template's workflows, with the workflow that it calls."""
    for name, workflow in CALLERS.items():
        for job in workflow["jobs"].values():
            called = re.fullmatch(r"\S+/\.github/workflows/([\w-]+)\.yml@v\S+", job["uses"])
            assert called, job["uses"]
            yield name, job, WORKFLOWS[called[1]]


def test_the_workflows_of_the_template_are_correct_by_actionlint() -> None:
    tool = shutil.which("actionlint", path=f"{os.environ['PATH']}:{cache_folder() / 'bin'}")
    if tool is None:
        pytest.skip("no actionlint: make lint")
    files = sorted(map(str, (TEMPLATE / ".github" / "workflows").glob("*.yml")))
    done = subprocess.run([tool, "-shellcheck=", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_template_calls_each_workflow_with_its_inputs_secrets_and_no_more_rights_than_it_needs() -> None:
    for name, job, called in _calls():
        interface = called["on"]["workflow_call"] or {}
        required = {key for key, about in interface.get("inputs", {}).items() if about.get("required")}
        assert required <= job.get("with", {}).keys() <= interface.get("inputs", {}).keys(), name
        passed = {key: f"${{{{ secrets.{key} }}}}" for key in interface.get("secrets", {})}
        assert job.get("secrets", {}) == passed, name
        needed = [job["permissions"] for job in called["jobs"].values()]
        assert job["permissions"] == {key: value for rights in needed for key, value in rights.items()}, name
        used = set(re.findall(r"secrets\.(\w+)", str(called["jobs"])))
        assert used == interface.get("secrets", {}).keys(), name


def test_the_template_has_every_event_of_the_workflows_that_it_calls() -> None:
    for name, job, called in _calls():
        events = called["on"].keys() - {"workflow_call"}
        assert CALLERS[name]["on"].keys() == events, name
        assert CALLERS[name]["name"] == called["name"] == name
        if name == "deploy":
            branch = {"staging": "main", "prod": "release"}[job["with"]["stack"]]
            assert job["if"] == f"github.ref == 'refs/heads/{branch}'"
            settings = yaml.safe_load((TEMPLATE / f"Pulumi.{job['with']['stack']}.yaml").read_text())
            assert settings["config"]["airflow:dags"]["branch"] == branch
    assert {job["with"]["stack"] for name, job, _ in _calls() if name == "deploy"} == {"staging", "prod"}


def test_the_pipeline_of_the_template_includes_the_jobs_for_gitlab_with_known_inputs() -> None:
    (include,) = read(TEMPLATE / ".gitlab-ci.yml")["include"]
    known = yaml.safe_load(GITLAB_STACKS.read_text().partition("\n---\n")[0])["spec"]["inputs"]
    assert include["inputs"].keys() <= known.keys()
    source = known["source"]["default"].removesuffix(".git").removeprefix("https://github.com/")
    version = known["version"]["default"]
    assert include["remote"] == f"https://raw.githubusercontent.com/{source}/{version}/.gitlab/stacks.yml"
    assert all(job["uses"].startswith(f"{source}/.github/workflows/") for _, job, _ in _calls())


@pytest.mark.parametrize(
    ("file", "line", "found"),
    [
        (".gitlab-ci.yml", (TEMPLATE / ".gitlab-ci.yml").read_text(), "v0.1.0"),
        ("Pulumi.prod.yaml", "config:\n  airflow:chart:\n    version: 1.22.0\n", "1.22.0"),
        ("Pulumi.prod.yaml", "config:\n  airflow:chart: {version: '1.22.0'}\n", "1.22.0"),
        ("Pulumi.prod.yaml", "config:\n  airflow:chart:\n    path: charts/airflow.tgz\n", ""),
    ],
)
def test_renovate_finds_the_versions_of_the_template_and_groups_them(file: str, line: str, found: str) -> None:
    renovate = json.loads((TEMPLATE / ".github" / "renovate.json").read_text())
    matches = [
        (manager, match)
        for manager in renovate["customManagers"]
        if any(re.search(pattern.strip("/"), file) for pattern in manager["managerFilePatterns"])
        for text in manager["matchStrings"]
        if (match := re.search(text.replace("(?<", "(?P<"), line))
    ]
    assert [match["currentValue"] for _, match in matches] == ([found] if found else [])
    (rule,) = renovate["packageRules"]
    assert rule["groupName"] == "airflow-stack"
    names = {manager.get("depNameTemplate") or match["depName"] for manager, match in matches}
    for name in {"airflow-stack", "acme/airflow-stack", *names}:
        assert any(re.search(each.strip("/"), name) if "/" in each else each == name for each in rule["matchDepNames"])


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
    asked += [job["variables"]["TOOLS"] for job in gitlab().values() if "TOOLS" in str(job) and "variables" in job]
    assert len(asked) == 4
    assert {name for names in asked for name in names.split()} <= set(pins.ALL)


def test_every_post_command_of_a_pipeline_exists() -> None:
    asked = {step["with"]["action"] for _, step in steps() if step.get("uses") == "$/.github/actions/post"}
    asked |= {
        word for each in scripts() for word in re.findall(r"airflow_stack\.cli\.post\.command ([a-z-]+)", each.text)
    }
    assert asked == set(POSTS)


def test_the_login_action_shows_no_value_and_lists_its_variables_at_the_top() -> None:
    text = (GITHUB / "actions" / "login" / "action.yml").read_text()
    head = text.partition("name: Log in")[0]
    for variable in re.findall(r"fromJSON\(inputs.variables\)\.(\w+)", text):
        assert variable in head
    assert ACTIONS["login"]["outputs"]["ready"]
