"""Upgrade of Airflow on real pods, from the previous version to the default one."""

from collections.abc import Iterator

import pytest
from lightkube.resources.batch_v1 import Job

from airflow_stack.versions import ADVISORIES, TESTED
from sandbox.airflow_ready import SMOKE
from tests.support.project import Project

pytestmark = pytest.mark.real

NOW, BEFORE = TESTED[0].airflow, TESTED[1].airflow
MIGRATION = "migrate-database"


@pytest.fixture(scope="module")
def stack(project: Project) -> Iterator[Project]:
    """A stack that was never deployed."""
    project.sandbox("down")
    project.reset()
    yield project
    project.sandbox("down")
    project.reset()
    project.assert_gone()


def migration(project: Project) -> tuple[str | None, str | None]:
    """Completed migration Job, with its image."""
    (job,) = project.kubernetes.list(Job, labels={"component": MIGRATION})
    assert job.metadata and job.spec and job.status and job.spec.template.spec
    assert job.status.succeeded == 1
    return job.metadata.uid, job.spec.template.spec.containers[0].image


def test_up_upgrades_airflow_to_the_default_version_and_keeps_runs_and_connections(stack: Project) -> None:
    printed = stack.up(images={"airflow": {"tag": BEFORE}})
    assert ADVISORIES[0].id in printed, "the older version causes a warning"
    assert stack.airflow.version() == BEFORE
    run = stack.airflow.trigger(SMOKE)
    before = {task.task: task.host for task in stack.airflow.ends_green(SMOKE, run)}
    stack.airflow.connect("kept", "a password")
    secrets, (first, image) = stack.secrets(), migration(stack)
    assert str(image).endswith(f":{BEFORE}")

    stack.reset()
    printed = stack.up()
    assert "CVE-" not in printed
    assert stack.airflow.version() == NOW
    again, image = migration(stack)
    assert again != first
    assert str(image).endswith(f":{NOW}")
    assert stack.airflow.run_state(SMOKE, run) == "success"
    assert {task.task: task.host for task in stack.airflow.tasks(SMOKE, run)} == before
    assert stack.airflow.note("kept") == '{"note": "kept"}'
    assert stack.secrets() == secrets
    stack.airflow.ends_green(SMOKE, stack.airflow.trigger(SMOKE))
    assert stack.restarts() == {}
    stack.preview_is_unchanged()
