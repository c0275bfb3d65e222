"""One stack with git-sync, then with a git bundle, then with git-sync again: each delivers a push, and no run is lost."""

import subprocess
from typing import Any

import pytest

from sandbox.airflow_ready import SMOKE
from tests.real.test_airflow import DAG, VISIBLE_SECONDS, listed
from tests.real.test_faults import assert_bears_an_outage_of_git
from tests.support.project import Project, wait_for

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("installed")]


def followed(project: Project) -> str:
    return str(project.setting("dags").get("branch", "main"))


def tip(project: Project) -> str:
    """Commit of the followed branch."""
    command = ["git", "-C", str(project.state / "git" / "dags.git"), "rev-parse", followed(project)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def deliver(project: Project, delivery: str) -> None:
    dags = {**project.setting("dags"), "delivery": delivery}
    project.up(dags=dags, executor="KubernetesExecutor")


def run_of(project: Project, dag: str) -> dict[str, Any]:
    """A successful run, from the API."""
    run = project.airflow.trigger(dag)
    project.airflow.ends_green(dag, run)
    return project.airflow._call("GET", f"/api/v2/dags/{dag}/dagRuns/{run}")


def history(project: Project) -> dict[str, str]:
    """State of each finished run of the smoke DAG, by run id."""
    runs = project.airflow._all(f"/api/v2/dags/{SMOKE}/dagRuns", "dag_runs")
    return {run["dag_run_id"]: run["state"] for run in runs if run["state"] in ("success", "failed")}


def push_is_visible(project: Project, name: str) -> None:
    project.push({f"{name}.py": DAG.format(name=name, body="pass")}, followed(project))
    print(f"{name}: listed after {listed(project, name, VISIBLE_SECONDS):.1f} s")


def git_sync_containers(project: Project) -> set[str]:
    pods = [pod.spec for pod in project.pods() if pod.spec]
    return {each.name for spec in pods for each in spec.containers if each.name.startswith("git-sync")}


def test_a_change_of_delivery_and_back_loses_no_run_and_delivers_each_push(project: Project) -> None:
    deliver(project, "gitSync")
    assert git_sync_containers(project) == {"git-sync"}
    push_is_visible(project, "by_git_sync")
    assert run_of(project, "by_git_sync")["bundle_version"] is None
    run_of(project, SMOKE)
    before = history(project)

    deliver(project, "gitBundle")
    assert git_sync_containers(project) == set()
    assert before.items() <= history(project).items()
    assert "by_git_sync" in project.airflow.dags()
    push_is_visible(project, "by_bundle")
    assert run_of(project, "by_bundle")["bundle_version"] == tip(project)
    run_of(project, SMOKE)
    between = history(project)
    assert before.keys() < between.keys()
    assert project.restarts() == {}
    project.preview_is_unchanged()

    deliver(project, "gitSync")
    assert between.items() <= history(project).items()
    push_is_visible(project, "by_git_sync_again")
    assert run_of(project, SMOKE)["bundle_version"] is None
    assert project.restarts() == {}


def test_a_run_keeps_the_commit_of_its_start(project: Project) -> None:
    deliver(project, "gitBundle")
    push_is_visible(project, "changes")
    first = run_of(project, "changes")["bundle_version"]
    assert first == tip(project)
    project.push({"changes.py": DAG.format(name="changes", body="print('changed')")}, followed(project))
    wait_for(
        "a run of the next commit",
        lambda: run_of(project, "changes")["bundle_version"],
        lambda version: version == tip(project) != first,
    )


def test_during_an_outage_of_the_git_server_no_pod_restarts_and_a_task_with_a_bundle_waits(project: Project) -> None:
    deliver(project, "gitBundle")
    run_of(project, SMOKE)
    assert_bears_an_outage_of_git(project)


def test_at_the_end_the_stack_is_unchanged(project: Project) -> None:
    deliver(project, "gitSync")
    wait_for("the smoke DAG", lambda: project.airflow.dags(), lambda dags: SMOKE in dags)
    project.preview_is_unchanged()
