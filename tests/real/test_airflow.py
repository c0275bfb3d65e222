"""A stack on real pods: the first `up`, and a team's daily work."""

import hashlib
import re

import pytest

from sandbox.airflow_api import AirflowApiError
from sandbox.airflow_ready import SMOKE
from tests.support.project import Airflow, Project, wait_for

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("installed")]

VISIBLE_SECONDS = 30  # airflow:dags.visibleWithinSeconds of the dev stack
PASSWORD = "correct horse battery staple"
DAG = """
import hashlib
import time
from datetime import UTC, datetime
from airflow.sdk import Connection, Variable, dag, task

@dag(dag_id="{name}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), is_paused_upon_creation=False)
def made_by_a_test():
    @task
    def only() -> None:
        {body}

    only()

made_by_a_test()
"""
READS_CONNECTION = f"""\
digest = hashlib.sha256(Connection.get("kept").password.encode()).hexdigest()
        if digest != "{hashlib.sha256(PASSWORD.encode()).hexdigest()}":
            raise ValueError("this is not the password that was stored")"""
WAITS = """\
while Variable.get("go_on", default=None) is None:
            time.sleep(1)"""


def listed(project: Project, name: str, seconds: float = VISIBLE_SECONDS) -> float:
    return wait_for(f"DAG {name} in the list", lambda: project.airflow.dags(), lambda dags: name in dags, seconds)


def smoke_hosts(airflow: Airflow) -> set[str]:
    tasks = airflow.ends_green(SMOKE, airflow.trigger(SMOKE))
    assert {task.task for task in tasks} == {"write", "read"}
    return {task.host for task in tasks}


def pods_of(project: Project, component: str) -> dict[str, str]:
    """Names and addresses of the pods of a component."""
    pods = [(pod.metadata, pod.status) for pod in project.pods() if pod.metadata and pod.status]
    return {m.name or "": s.podIP or "" for m, s in pods if (m.labels or {}).get("component") == component}


def test_up_ends_with_a_web_page_a_login_and_a_successful_run(project: Project, installed: str) -> None:
    login = project.login()
    assert re.search(rf"page +{login['page']}", installed), installed
    assert re.search(r"smoke run +green in .*: 2 tasks on 2 pods", installed), installed
    assert login["password"] not in installed
    assert Airflow(login["page"], login["user"], login["password"]).version().startswith("3.")


def test_no_container_has_restarted_and_the_next_preview_is_unchanged(project: Project) -> None:
    assert {"api-server", "scheduler", "dag-processor", "triggerer"} <= {
        (pod.metadata.labels or {}).get("component") for pod in project.pods() if pod.metadata
    }
    assert project.restarts() == {}
    project.preview_is_unchanged()


def test_the_command_line_shows_the_status_and_logs_of_each_component(project: Project) -> None:
    status = project.airflow_stack("status")
    assert status.returncode == 0, status.stdout
    assert re.search(r"scheduler +│ ready ", status.stdout), status.stdout
    logs = project.airflow_stack("logs", "scheduler")
    assert logs.returncode == 0, logs.stdout
    assert {line.split(" ")[0] for line in logs.stdout.splitlines()} == {"scheduler"}


def test_with_the_kubernetes_executor_each_task_has_its_own_pod(project: Project) -> None:
    hosts = smoke_hosts(project.airflow)
    assert len(hosts) == 2, hosts
    assert all(host.startswith(f"{SMOKE}-") for host in hosts), hosts


def test_a_pushed_dag_is_visible_in_time_and_runs(project: Project) -> None:
    project.push({"pushed.py": DAG.format(name="pushed", body="pass")})
    seconds = listed(project, "pushed")
    assert seconds <= VISIBLE_SECONDS
    project.airflow.ends_green("pushed", project.airflow.trigger("pushed"))


def test_a_broken_dag_file_is_reported_and_affects_no_other_file(project: Project) -> None:
    before = set(project.airflow.dags())
    project.push({"wrong.py": "from airflow.sdk import dag\nraise RuntimeError('wrong on purpose')\n"})
    wait_for(
        "the error of wrong.py",
        lambda: {error.file.rsplit("/", 1)[-1]: error.trace for error in project.airflow.import_errors()},
        lambda errors: "wrong on purpose" in errors.get("wrong.py", ""),
    )
    assert set(project.airflow.dags()) == before
    smoke_hosts(project.airflow)
    project.push({"wrong.py": None})
    wait_for("no import error", lambda: project.airflow.import_errors(), lambda errors: not errors)
    assert project.restarts() == {}


def test_a_task_survives_an_upgrade(project: Project) -> None:
    project.push({"waits.py": DAG.format(name="waits", body=WAITS)})
    listed(project, "waits", 60)
    run = project.airflow.trigger("waits")
    wait_for(
        "the task to run",
        lambda: project.airflow.tasks("waits", run),
        lambda tasks: [task.state for task in tasks] == ["running"],
    )
    host, serving = project.airflow.tasks("waits", run)[0].host, pods_of(project, "api-server")
    project.up(components={"apiServer": {"memory": "1600Mi"}}, web={"title": "Team A's Airflow"})
    assert not serving.keys() & pods_of(project, "api-server").keys(), "the upgrade replaces the API server"
    assert project.airflow.title() == "Team A's Airflow"
    assert [(task.state, task.host) for task in project.airflow.tasks("waits", run)] == [("running", host)]
    project.airflow.set_variable("go_on", "yes")
    assert [task.host for task in project.airflow.ends_green("waits", run)] == [host]
    assert project.restarts() == {}


def test_with_the_local_executor_the_tasks_run_in_the_scheduler(project: Project) -> None:
    project.up(executor="LocalExecutor")
    scheduler = pods_of(project, "scheduler")
    assert smoke_hosts(project.airflow) <= {*scheduler, *scheduler.values()}


def test_another_branch_replaces_the_dags(project: Project) -> None:
    project.push(
        {"pushed.py": None, "of_branch.py": DAG.format(name="of_branch", body="pass")}, branch="develop", base="main"
    )
    project.up(dags={**project.setting("dags"), "branch": "develop"})
    listed(project, "of_branch")
    wait_for("the DAG of main to go", lambda: project.airflow.dags(), lambda dags: "pushed" not in dags, 180)
    assert project.restarts() == {}


def test_after_a_rotation_connections_are_readable_and_the_old_password_is_invalid(project: Project) -> None:
    followed = project.setting("dags").get("branch", "main")
    project.push({"reads.py": DAG.format(name="reads", body=READS_CONNECTION)}, followed)
    project.airflow.connect("kept", PASSWORD)
    old, before = project.login(), project.secrets()
    generations = dict.fromkeys(("fernet", "apiSecret", "jwt", "adminPassword", "databasePassword"), 2)
    project.up(rotation=generations, executor="KubernetesExecutor")
    changed = {name for name, data in project.secrets().items() if data != before[name]}
    assert changed == {
        f"airflow-{each}" for each in ("fernet-key", "api-secret-key", "jwt-secret", "admin", "database", "metadata")
    }
    with pytest.raises(AirflowApiError, match="login of admin failed: 401"):
        Airflow(old["page"], old["user"], old["password"]).dags()
    assert project.airflow.note("kept") == '{"note": "kept"}'
    listed(project, "reads")
    project.airflow.ends_green("reads", project.airflow.trigger("reads"))
    project.airflow.connect("new", PASSWORD)
    assert project.restarts() == {}
