"""Faults around a stack: it reports them in one message or recovers by itself, and loses nothing."""

import os
import re
import signal
import time
from collections.abc import Iterator

import pytest
import yaml
from lightkube.resources.apps_v1 import StatefulSet

from airflow_stack.parts.rollout_watch import NEXT
from sandbox import daemons, git_repository
from sandbox.airflow_ready import SMOKE
from tests.support.project import Project, holds, wait_for

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("installed")]

OUTAGE_SECONDS = 60
DATABASE = "airflow-database"


@pytest.fixture
def kept(project: Project) -> Iterator[None]:
    """A database record from before the fault, checked after it."""
    run = project.airflow.trigger(SMOKE)
    project.airflow.ends_green(SMOKE, run)
    dags = set(project.airflow.dags())
    yield
    assert project.airflow.run_state(SMOKE, run) == "success"
    wait_for("the same DAGs", lambda: set(project.airflow.dags()), lambda now: now == dags)


def stop_git_server(project: Project) -> None:
    for pid in daemons.pids(project.state / "git", "git-server"):
        os.kill(pid, signal.SIGKILL)
    wait_for("the end of the git server", lambda: not daemons.running(project.state / "git"))


def assert_bears_an_outage_of_git(project: Project) -> None:
    """Check that no pod restarts during the outage, and that a started task waits and succeeds."""
    before = project.restarts()
    stop_git_server(project)
    run = project.airflow.trigger(SMOKE)
    holds("the restarts", OUTAGE_SECONDS, project.restarts)
    assert project.airflow.run_state(SMOKE, run) == "running"
    project.preview_is_unchanged()  # serves the repository again
    project.airflow.ends_green(SMOKE, run)
    assert project.restarts() == before


def scale_database(project: Project, replicas: int) -> None:
    project.kubernetes.patch(StatefulSet, DATABASE, {"spec": {"replicas": replicas}})


def has_database(project: Project) -> bool:
    return any(pod.metadata and pod.metadata.name == f"{DATABASE}-0" for pod in project.pods())


@pytest.mark.usefixtures("kept")
def test_during_an_outage_of_the_git_server_no_pod_restarts_and_a_task_waits(project: Project) -> None:
    assert_bears_an_outage_of_git(project)


@pytest.mark.usefixtures("kept")
def test_a_minute_without_database_is_recovered_without_action(project: Project) -> None:
    scale_database(project, 0)
    wait_for("the end of the database", lambda: not has_database(project))
    holds("the absence of the database", OUTAGE_SECONDS, lambda: has_database(project))
    scale_database(project, 1)

    def unwell() -> set[str]:
        health = project.airflow.health()
        return {name for name, each in health.items() if each["status"] not in ("healthy", None)}

    took = wait_for("Airflow's health", unwell, lambda names: not names, 300)
    run = ""

    def runs() -> str:
        nonlocal run
        run = run or project.airflow.trigger(SMOKE)
        return project.airflow.run_state(SMOKE, run)

    wait_for("a green run", runs, lambda state: state == "success", 300)
    print(f"healthy {took:.0f} s after the database was back; restarted: {project.restarts() or 'nothing'}")


@pytest.mark.usefixtures("kept")
def test_a_wrong_deploy_key_fails_up_with_the_key_and_airflow_keeps_serving(project: Project) -> None:
    key = project.state / "git" / "deploy_key"
    right, right_public = key.read_text(), git_repository.public_key(project.state / "git")
    key.unlink()
    git_repository.prepare(project.state / "git", project.folder)  # creates another key
    stop_git_server(project)  # the next `up` starts it with that key
    project.configure(environment={"PLACE": "elsewhere"})
    began = time.monotonic()
    try:
        failed = project.run(*project.up_command)
        took = time.monotonic() - began
        project.airflow.dags()  # the Airflow of before still serves
    finally:
        key.write_text(right)
        stop_git_server(project)
    assert failed.returncode == 1, failed.stdout
    assert failed.stdout.count("error: ") == 1, failed.stdout
    assert right_public in failed.stdout
    assert took < 120, failed.stdout
    project.up()
    project.preview_is_unchanged()


@pytest.mark.usefixtures("kept")
def test_a_plain_pulumi_up_that_cannot_roll_out_fails_early_with_the_cause(project: Project) -> None:
    file = project.stack_settings
    right = file.read_text()
    wrong = yaml.safe_load(right)
    wrong["config"].setdefault("airflow:images", {})["gitSync"] = {"tag": "does-not-exist"}
    file.write_text(yaml.safe_dump(wrong))
    began = time.monotonic()
    failed = project.pulumi("up", "--yes", "--skip-preview")
    took = time.monotonic() - began
    file.write_text(right)
    assert failed.returncode != 0, failed.stdout
    assert re.search(
        r"airflow-dag-processor-\S+, container git-sync\S*: (ErrImagePull|ImagePullBackOff)", failed.stdout
    ), failed.stdout
    assert NEXT in failed.stdout
    assert "Traceback" not in failed.stdout
    assert took < 150, failed.stdout
    wait_for("an Airflow that serves", project.airflow.dags)  # the first call ends the forwarding to the replaced pod
    project.up()
    project.preview_is_unchanged()


@pytest.mark.usefixtures("kept")
def test_data_survive_down_with_keep(project: Project) -> None:
    before = project.secrets()
    assert "Data is kept" in project.sandbox("down", "--keep")
    project.up()
    assert project.secrets() == before
    project.preview_is_unchanged()
