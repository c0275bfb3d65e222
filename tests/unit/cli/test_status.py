"""Problems of pods, found in pods, events and log lines recorded from real failures."""

import pytest

from airflow_stack.cli import stack_cluster
from airflow_stack.cli.logs.model import ContainerLog, container_logs
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import pulled_images, state_of
from tests.support.command import Command, Done
from tests.support.golden import Golden
from tests.support.recorded_pods import (
    BACK_OFF,
    DATABASE,
    OUT_OF_MEMORY,
    RUNNING,
    RecordedNamespace,
    event,
    job_pod,
    only,
    pod,
)


@pytest.fixture
def status(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack status` on this namespace."""

    def run(reader: NamespaceReader) -> Done:
        monkeypatch.setattr(stack_cluster, "namespace_reader", lambda *_: reader)
        return run_command("status", "--stack", "dev")

    return run


def test_the_table_has_every_pod_and_a_problem_sets_the_exit_status(status: Command) -> None:
    refused = "fatal: could not read from remote\ngit@host: Permission denied (publickey)."
    crashing = pod("dag-processor", "git-sync-init", BACK_OFF, restarts=3, age=600)
    done = status(RecordedNamespace([pod("scheduler", "unused", RUNNING), crashing], lines=refused))
    assert done.status == 1
    assert "dag-processor" in done.out
    assert "scheduler" in done.out
    assert "ssh-ed25519 AAAA" in done.out


def test_a_namespace_without_pods_is_an_error(status: Command, golden: Golden) -> None:
    done = status(RecordedNamespace())
    assert done.status == 1
    assert done.err == golden


def test_logs_are_those_of_every_attempt_of_a_container_that_has_started() -> None:
    waiting = pod("worker", "git-sync-init", BACK_OFF)
    pods = [pod("scheduler", "git-sync-init", RUNNING, restarts=2), waiting]
    assert container_logs(pods) == [ContainerLog("scheduler", "airflow-scheduler-0", "git-sync-init", 2)]
    assert container_logs(pods, "worker") == []


# -- activities


DOING = {
    "a scheduler that waits": pod("scheduler", "wait-for-airflow-migrations", RUNNING),
    "git-sync": pod("triggerer", "git-sync-init", RUNNING),
    "git-sync that crashes": pod("triggerer", "git-sync-init", BACK_OFF),
    "the migration": job_pod("migrate-database", RUNNING),
    "the admin user's Job": job_pod("create-user", RUNNING),
}


@pytest.mark.parametrize("name", DOING)
def test_the_state_of_a_pod_is_its_current_activity(name: str, golden: Golden) -> None:
    assert state_of(DOING[name]) == golden


def test_a_pod_is_starting_until_all_its_containers_are_ready_and_then_ready() -> None:
    scheduler = pod("scheduler", "wait-for-airflow-migrations", {"terminated": {"exitCode": 0}})
    scheduler["status"]["containerStatuses"][0] |= {"state": RUNNING}
    assert state_of(scheduler) == "starting"
    scheduler["status"]["containerStatuses"][0]["ready"] = True
    assert state_of(scheduler) == "ready"


def test_an_image_pull_lasts_from_its_first_to_its_last_event() -> None:
    begun = event("Pulling", 'Pulling image "apache/airflow:3.2.2"', "scheduler")
    assert pulled_images([begun]) == {"scheduler": "apache/airflow:3.2.2"}
    ended = event(
        "Pulled", 'Successfully pulled image "apache/airflow:3.2.2"', "scheduler", lastTimestamp="2026-11-23T13:06:00Z"
    )
    assert pulled_images([ended, begun]) == {}


# -- lasting problems


def test_a_refused_deploy_key_is_shown_with_the_way_to_add_it(golden: Golden) -> None:
    lines = """\
        2026-11-23T13:02:26Z error syncing (0 failures before): git ls-remote: git@10.88.0.1: Permission denied (publickey).
        fatal: Could not read from remote repository.
        2026-11-23T13:02:31Z error syncing (1 failures before): git ls-remote: git@10.88.0.1: Permission denied (publickey).
        """
    problem = only(RecordedNamespace([pod("dag-processor", "git-sync-init", RUNNING)], lines=lines).problems())
    assert "ssh-ed25519 AAAA" in problem.fix
    assert problem.workloads == "dag-processor"
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
def test_a_repeated_git_error_is_explained(name: str, golden: Golden) -> None:
    thing, line = pod("dag-processor", "git-sync-init", RUNNING), GIT[name]
    assert RecordedNamespace([thing], lines=line).problems() == [], "once may be chance"
    assert str(only(RecordedNamespace([thing], lines=f"{line}\n{line}").problems())) == golden


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_error_of_two_attempts_is_explained(name: str, golden: Golden) -> None:
    first, second = (pod(name, "wait-for-airflow-migrations", BACK_OFF) for name in ("scheduler", "api-server"))
    line = DATABASES[name]
    # SQLAlchemy prints the same error several times in one attempt.
    assert RecordedNamespace([first], lines=f"{line}\n{line}").problems() == []
    problem = only(RecordedNamespace([first, second], lines=line).problems())
    assert problem.workloads == "api-server, scheduler"
    assert str(problem) == golden


def test_an_image_without_authlib_is_explained(golden: Golden) -> None:
    servers = [pod("api-server", "api-server", BACK_OFF), pod("api-server", "api-server", BACK_OFF)]
    line = "ModuleNotFoundError: No module named 'authlib'"
    assert str(only(RecordedNamespace(servers, lines=line).problems())) == golden


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
def test_an_outage_is_reported_after_three_minutes(container: str, line: str, golden: Golden) -> None:
    short = pod("dag-processor", container, BACK_OFF, restarts=3, age=170)
    assert RecordedNamespace([short], lines=line).problems() == []
    long = pod("dag-processor", container, BACK_OFF, restarts=3, age=190)
    assert str(only(RecordedNamespace([long], lines=line).problems())) == golden


@pytest.mark.parametrize(
    ("image", "answer"),
    [
        ("acme/airflow:1", "failed to resolve reference: docker.io/acme/airflow:1: not found"),
        ("acme/airflow:1", "pull access denied, repository does not exist or may require authorization"),
        ("localhost/airflow:1", "dial tcp 127.0.0.1:80: connect: connection refused"),
    ],
    ids=["not found", "access denied", "this machine's registry"],
)
def test_an_unavailable_image_is_reported_once_with_the_registrys_answer(
    image: str, answer: str, golden: Golden
) -> None:
    state = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    pods = [pod(name, "wait-for-airflow-migrations", state, image=image) for name in ("scheduler", "triggerer")]
    events = [event("Failed", f'Failed to pull image "{image}": {answer}', name) for name in ("scheduler", "triggerer")]
    problem = only(RecordedNamespace(pods, events).problems())
    assert problem.workloads == "scheduler, triggerer"
    assert str(problem) == golden


def test_an_unreachable_registry_is_reported_after_a_while() -> None:
    state = {"waiting": {"reason": "ImagePullBackOff", "message": "dial tcp: lookup docker.io: no such host"}}
    assert RecordedNamespace([pod("scheduler", "main", state, age=100)]).problems() == []
    assert RecordedNamespace([pod("scheduler", "main", state, age=200)]).problems() != []


def test_repeated_lack_of_memory_is_reported_with_limit_and_setting(golden: Golden) -> None:
    once = pod("api-server", "wait-for-airflow-migrations", OUT_OF_MEMORY)
    assert RecordedNamespace([once]).problems() == []
    again = pod("api-server", "wait-for-airflow-migrations", BACK_OFF, restarts=1, last=OUT_OF_MEMORY)
    problem = only(RecordedNamespace([again]).problems())
    assert "64Mi" in problem.cause
    assert "airflow:components.apiServer.memory" in problem.fix
    assert str(problem) == golden


def test_a_pod_without_a_node_is_reported_unless_a_node_is_coming(golden: Golden) -> None:
    why = (
        "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available."
    )
    unscheduled = pod("scheduler", "main", {}, age=60)
    unscheduled["spec"]["nodeName"] = ""
    unscheduled["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "message": why}],
    }
    assert state_of(unscheduled) == golden(name="state")
    assert str(only(RecordedNamespace([unscheduled]).problems())) == golden(name="problem")
    assert (
        RecordedNamespace([unscheduled], [event("TriggeredScaleUp", "pod triggered scale-up", "scheduler")]).problems()
        == []
    )


def test_an_unbound_volume_and_a_refused_pod_are_reported(golden: Golden) -> None:
    volume = pod("database", "main", {}, age=60)
    unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    volume["status"] = {"conditions": [{"type": "PodScheduled", "status": "False", "message": unbound}]}
    message = (
        'Error creating: pods "airflow-scheduler-6bc5446f94-x" is forbidden: exceeded quota: airflow, requested: cpu=1'
    )
    refused = event("FailedCreate", message, "airflow-scheduler-6bc5446f94", count=4)
    volumes, quota = RecordedNamespace([volume], [refused]).problems()
    assert quota.workloads == "scheduler"
    assert f"{volumes}\n\n{quota}" == golden


def test_a_slow_mount_is_no_problem() -> None:
    starting = {"waiting": {"reason": "PodInitializing"}}
    slow = 'MountVolume.SetUp failed for volume "config" : failed to sync configmap cache: timed out waiting for the condition'
    pods = [pod(name, "git-sync-init", starting) for name in ("scheduler", "triggerer")]
    assert (
        RecordedNamespace(pods, [event("FailedMount", slow, name) for name in ("scheduler", "triggerer")]).problems()
        == []
    )


def test_a_crash_loop_is_reported_with_its_last_line(golden: Golden) -> None:
    lines = "Traceback (most recent call last):\nairflow.exceptions.AirflowConfigException: no such executor\n"
    assert RecordedNamespace([pod("scheduler", "main", BACK_OFF, restarts=1)], lines=lines).problems() == []
    problem = only(RecordedNamespace([pod("scheduler", "main", BACK_OFF, restarts=3)], lines=lines).problems())
    assert str(problem) == golden
