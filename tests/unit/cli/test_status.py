"""What `up` says while pods come up, and when it gives up, on pods, events and log lines recorded from real failures."""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import Container, doing, pulls
from airflow_stack.cli.status import problems
from airflow_stack.cli.status.causes import Problem
from sandbox.pod_watch import Watch, doings, summary
from airflow_stack.cli.status.render import status_of
from airflow_stack.errors import UserError
from tests.support.golden import Golden

NOW = datetime(2026, 11, 23, 13, 5, tzinfo=UTC)
REPOSITORY = "ssh://git@10.88.0.1:12222/srv/dags.git"
DATABASE = 'sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at "10.88.0.1", port 15432 failed: '
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-11-23T13:02:26Z"}}
BACK_OFF: dict[str, Any] = {
    "waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}
}
OUT_OF_MEMORY: dict[str, Any] = {
    "terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-23T13:04:50Z"}
}


def pod(
    component: str,
    container: str,
    state: dict[str, Any],
    *,
    restarts: int = 0,
    age: float = 30,
    image: str = "apache/airflow:3.2.2",
    last: dict[str, Any] | None = None,
    **labels: str,
) -> dict[str, Any]:
    """A pod whose init container is the one to look at, followed by one that waits for it."""
    git = [{"name": "GITSYNC_REPO", "value": REPOSITORY}, {"name": "GITSYNC_REF", "value": "nope"}]
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    status = {"name": container, "ready": False, "restartCount": restarts, "state": state, "lastState": last or {}}
    waiting = {"name": "main", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": "PodInitializing"}}}
    return {
        "metadata": {
            "name": f"airflow-{component}-0",
            "uid": component,
            "creationTimestamp": (NOW - timedelta(seconds=age)).isoformat(),
            "labels": {"component": component, "tier": "airflow", **labels},
        },
        "spec": {
            "nodeName": "node1",
            "restartPolicy": "Always",
            "initContainers": [{"name": container, "image": image, "env": git, **limits}],
            "containers": [{"name": "main", "image": image}],
        },
        "status": {"phase": "Pending", "initContainerStatuses": [status], "containerStatuses": [waiting]},
    }


def job_pod(component: str, state: dict[str, Any]) -> dict[str, Any]:
    made = pod(component, "unused", RUNNING)
    made["spec"] |= {
        "restartPolicy": "Never",
        "initContainers": [],
        "containers": [{"name": component, "image": "image"}],
    }
    made["status"] = {"phase": "Running", "containerStatuses": [{"name": component, "ready": True, "state": state}]}
    return made


def event(reason: str, message: str, uid: str, **more: Any) -> dict[str, Any]:
    stamp = {"creationTimestamp": NOW.isoformat()}
    involved = {"uid": uid, "name": uid}
    return {"reason": reason, "message": message, "involvedObject": involved, "metadata": stamp, "count": 1, **more}


class Recorded(NamespaceReader):
    """A namespace as it was."""

    def __init__(
        self, pods: Sequence[KubernetesObject] = (), events: Sequence[KubernetesObject] = (), lines: str = ""
    ) -> None:
        self.namespace = "airflow"
        self.objects = {"pods": list(pods), "events": list(events), "secrets": list[KubernetesObject]()}
        self.lines = textwrap.dedent(lines).splitlines()

    def read(self, kind: str, labels: str = "") -> list[KubernetesObject]:
        return self.objects[kind]

    def log(self, pod: KubernetesObject, container: Container) -> list[str]:
        return self.lines

    def public_key(self, pod: KubernetesObject) -> str:
        return "ssh-ed25519 AAAA"

    def problems(self, now: datetime = NOW) -> list[Problem]:
        return problems.find(self.objects["pods"], self.objects["events"], self, now)


def test_the_table_comes_with_what_will_not_mend_itself() -> None:
    refused = "fatal: could not read from remote\ngit@host: Permission denied (publickey)."
    crashing = pod("dag-processor", "git-sync-init", BACK_OFF, restarts=3, age=600)
    table, found = status_of(Recorded([crashing, pod("scheduler", "unused", RUNNING)], lines=refused))
    assert table.row_count == 2
    assert "ssh-ed25519 AAAA" in only(found).way_out


def test_a_namespace_without_pods_is_told(golden: Golden) -> None:
    with pytest.raises(UserError) as refused:
        status_of(Recorded())
    assert str(refused.value) == golden


def only(found: Sequence[Problem]) -> Problem:
    (problem,) = found
    return problem


# -- what is happening


DOING = {
    "a scheduler that waits": pod("scheduler", "wait-for-airflow-migrations", RUNNING),
    "git-sync": pod("triggerer", "git-sync-init", RUNNING),
    "git-sync that crashes": pod("triggerer", "git-sync-init", BACK_OFF),
    "the migration": job_pod("migrate-database", RUNNING),
    "the admin user's Job": job_pod("create-user", RUNNING),
}


@pytest.mark.parametrize("name", DOING)
def test_a_pod_is_told_by_what_it_really_does(name: str, golden: Golden) -> None:
    assert doing(DOING[name]) == golden


def test_a_pod_is_starting_until_all_its_containers_are_ready_and_then_ready() -> None:
    scheduler = pod("scheduler", "wait-for-airflow-migrations", {"terminated": {"exitCode": 0}})
    scheduler["status"]["containerStatuses"][0] |= {"state": RUNNING}
    assert doing(scheduler) == "starting"
    scheduler["status"]["containerStatuses"][0]["ready"] = True
    assert doing(scheduler) == "ready"


def test_an_image_is_pulled_from_the_event_that_says_so_to_the_one_that_ends_it() -> None:
    begun = event("Pulling", 'Pulling image "apache/airflow:3.2.2"', "scheduler")
    assert pulls([begun]) == {"scheduler": "apache/airflow:3.2.2"}
    ended = event(
        "Pulled", 'Successfully pulled image "apache/airflow:3.2.2"', "scheduler", lastTimestamp="2026-11-23T13:06:00Z"
    )
    assert pulls([ended, begun]) == {}


def test_what_waits_for_the_migration_waits_for_the_database_while_that_is_not_ready(golden: Golden) -> None:
    database = pod("database", "postgres", RUNNING)
    waiting = pod("scheduler", "wait-for-airflow-migrations", RUNNING)
    now = doings([database, waiting], {})
    assert summary(now) == golden


# -- what does not mend itself


def test_a_refused_deploy_key_is_shown_with_the_way_to_add_it(golden: Golden) -> None:
    lines = """\
        2026-11-23T13:02:26Z error syncing (0 failures before): git ls-remote: git@10.88.0.1: Permission denied (publickey).
        fatal: Could not read from remote repository.
        2026-11-23T13:02:31Z error syncing (1 failures before): git ls-remote: git@10.88.0.1: Permission denied (publickey).
        """
    problem = only(Recorded([pod("dag-processor", "git-sync-init", RUNNING)], lines=lines).problems())
    assert "ssh-ed25519 AAAA" in problem.way_out
    assert problem.where == "dag-processor"
    assert str(problem) == golden


GIT = {
    "no such branch": "git fetch: fatal: couldn't find remote ref nope",
    "another host key": "Host key verification failed.",
    "an unreadable key": 'Load key "/etc/git-secret/ssh": error in libcrypto',
    "no such repository": "ERROR: Repository not found.",
    "a refused token": "fatal: Authentication failed for 'https://github.com/acme/dags/'",
}
DATABASES = {
    "a refused login": f'{DATABASE}FATAL:  password authentication failed for user "airflow"',
    "no such database": f'{DATABASE}FATAL:  database "nowhere" does not exist',
}


@pytest.mark.parametrize("name", GIT)
def test_what_git_says_twice_is_told_in_the_users_words(name: str, golden: Golden) -> None:
    thing, line = pod("dag-processor", "git-sync-init", RUNNING), GIT[name]
    assert Recorded([thing], lines=line).problems() == [], "once may be chance"
    assert str(only(Recorded([thing], lines=f"{line}\n{line}").problems())) == golden


@pytest.mark.parametrize("name", DATABASES)
def test_what_the_database_says_to_two_attempts_is_told_in_the_users_words(name: str, golden: Golden) -> None:
    first, second = (pod(name, "wait-for-airflow-migrations", BACK_OFF) for name in ("scheduler", "api-server"))
    line = DATABASES[name]
    # SQLAlchemy prints the same error several times in one attempt.
    assert Recorded([first], lines=f"{line}\n{line}").problems() == []
    problem = only(Recorded([first, second], lines=line).problems())
    assert problem.where == "api-server, scheduler"
    assert str(problem) == golden


@pytest.mark.parametrize(
    ("container", "line"),
    [
        ("git-sync-init", "ssh: connect to host 10.88.0.1 port 12222: Connection refused"),
        (
            "git-sync-init",
            "fatal: unable to access 'https://github.com/acme/dags/': Could not resolve host: github.com",
        ),
        ("wait-for-airflow-migrations", f"{DATABASE}Connection refused"),
    ],
    ids=["git by SSH", "git by HTTPS", "the database"],
)
def test_an_outage_gets_three_minutes_to_mend_itself(container: str, line: str, golden: Golden) -> None:
    short = pod("dag-processor", container, BACK_OFF, restarts=3, age=170)
    assert Recorded([short], lines=line).problems() == []
    long = pod("dag-processor", container, BACK_OFF, restarts=3, age=190)
    assert str(only(Recorded([long], lines=line).problems())) == golden


@pytest.mark.parametrize(
    ("image", "answer"),
    [
        ("acme/airflow:1", "failed to resolve reference: docker.io/acme/airflow:1: not found"),
        ("acme/airflow:1", "pull access denied, repository does not exist or may require authorization"),
        ("localhost/airflow:1", "dial tcp 127.0.0.1:80: connect: connection refused"),
    ],
    ids=["not found", "access denied", "this machine's registry"],
)
def test_an_image_that_cannot_be_had_is_told_once_with_the_registrys_answer(
    image: str, answer: str, golden: Golden
) -> None:
    state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    pods = [pod(name, "wait-for-airflow-migrations", state, image=image) for name in ("scheduler", "triggerer")]
    events = [event("Failed", f'Failed to pull image "{image}": {answer}', name) for name in ("scheduler", "triggerer")]
    problem = only(Recorded(pods, events).problems())
    assert problem.where == "scheduler, triggerer"
    assert str(problem) == golden


def test_a_registry_that_does_not_answer_gets_time() -> None:
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "dial tcp: lookup docker.io: no such host"}}
    assert Recorded([pod("scheduler", "main", state, age=100)]).problems() == []
    assert Recorded([pod("scheduler", "main", state, age=200)]).problems() != []


def test_memory_that_runs_out_twice_is_told_with_the_limit_and_the_setting(golden: Golden) -> None:
    once = pod("api-server", "wait-for-airflow-migrations", OUT_OF_MEMORY)
    assert Recorded([once]).problems() == []
    again = pod("api-server", "wait-for-airflow-migrations", BACK_OFF, restarts=1, last=OUT_OF_MEMORY)
    problem = only(Recorded([again]).problems())
    assert "64Mi" in problem.why
    assert "airflow:components.apiServer.memory" in problem.way_out
    assert str(problem) == golden


def test_a_pod_without_a_node_is_told_unless_a_node_is_on_its_way(golden: Golden) -> None:
    why = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available."
    )
    unscheduled = pod("scheduler", "main", {}, age=60)
    unscheduled["spec"]["nodeName"] = ""
    unscheduled["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": why}],
    }
    assert doing(unscheduled) == golden(name="state")
    assert str(only(Recorded([unscheduled]).problems())) == golden(name="problem")
    assert Recorded([unscheduled], [event("TriggeredScaleUp", "pod triggered scale-up", "scheduler")]).problems() == []


def test_an_unbound_volume_and_a_refused_pod_are_told(golden: Golden) -> None:
    volume = pod("database", "main", {}, age=60)
    unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    volume["status"] = {"conditions": [{"type": "PodScheduled", "status": "False", "message": unbound}]}
    message = (
        'Error creating: pods "airflow-scheduler-6bc5446f94-x" is forbidden: exceeded quota: airflow, requested: cpu=1'
    )
    refused = event("FailedCreate", message, "airflow-scheduler-6bc5446f94", count=4)
    volumes, quota = Recorded([volume], [refused]).problems()
    assert quota.where == "scheduler"
    assert f"{volumes}\n\n{quota}" == golden


def test_a_node_that_is_slow_to_mount_is_no_problem() -> None:
    starting = {"waiting": {"reason": "PodInitializing"}}
    slow = 'MountVolume.SetUp failed for volume "config" : failed to sync configmap cache: timed out waiting for the condition'
    pods = [pod(name, "git-sync-init", starting) for name in ("scheduler", "triggerer")]
    assert Recorded(pods, [event("FailedMount", slow, name) for name in ("scheduler", "triggerer")]).problems() == []


def test_a_container_that_keeps_crashing_is_told_with_its_last_words(golden: Golden) -> None:
    lines = "Traceback (most recent call last):\nairflow.exceptions.AirflowConfigException: no such executor\n"
    assert Recorded([pod("scheduler", "main", BACK_OFF, restarts=1)], lines=lines).problems() == []
    problem = only(Recorded([pod("scheduler", "main", BACK_OFF, restarts=3)], lines=lines).problems())
    assert str(problem) == golden


# -- from one look to the next


def test_a_problem_counts_from_the_second_look_on(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(Recorded([pod("api-server", "main", BACK_OFF, restarts=1, last=OUT_OF_MEMORY)]))
    watch._since = NOW - timedelta(minutes=1)
    assert not watch.look().problems
    assert watch.look().problems


def test_pods_of_an_earlier_attempt_count_only_when_they_fail_again_after_helm_began() -> None:
    reader = Recorded([pod("api-server", "main", BACK_OFF, restarts=1, last=OUT_OF_MEMORY, age=600)])
    watch = Watch(reader)
    watch._since = NOW - timedelta(minutes=1)
    assert not (watch.look().problems or watch.look().problems)
    reader.objects["secrets"] = [{"metadata": {"creationTimestamp": (NOW - timedelta(seconds=50)).isoformat()}}]
    assert not watch.look().problems, "seen first"
    assert watch.look().problems, "it ran out of memory 10 seconds ago"


def test_a_change_is_told_once_and_tasks_of_other_dags_never(golden: Golden) -> None:
    syncing, task = (
        pod("triggerer", "git-sync-init", RUNNING),
        pod("", "git-sync-init", BACK_OFF, dag_id="etl", task_id="load"),
    )
    watch = Watch(Recorded([syncing, task]))
    assert "\n".join(watch.look().changes) == golden(name="first look")
    assert not watch.look().changes
    assert "\n".join(watch.look("etl").changes) == golden(name="with the tasks of a DAG")


def test_restarts_from_before_a_settled_watch_are_no_crashes_of_now() -> None:
    again = {"terminated": {"exitCode": 1, "finishedAt": "2100-01-01T00:00:00Z"}}
    reader = Recorded([pod("scheduler", "main", BACK_OFF, restarts=5, last=again)], lines="no route")
    watch = Watch(reader, settled=True)
    assert [list(watch.look().problems) for _ in range(3)] == [[], [], []]
    reader.objects["pods"] = [pod("scheduler", "main", BACK_OFF, restarts=8, last=again)]
    assert not watch.look().problems, "seen first"
    assert "no route" in only(watch.look().problems).why
