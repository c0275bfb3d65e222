"""The rollout Job: when it is complete, when it fails, and what it says then. Its program reads plain answers of the Kubernetes API."""

import ast
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from components import rollout_watch
from components.rollout_watch import failures, unready, watch
from tests.cases import deployed

Object = dict[str, Any]
GIT = "ssh: Permission denied (publickey)."
GIT_LOG = json.dumps(
    {
        "msg": "error syncing repo, will retry",
        "error": f'Run(git fetch): exit status 128: {{ stdout: "", stderr: "{GIT}\\n" }}',
    }
)


def workload(
    name: str = "scheduler",
    *,
    wanted: int = 1,
    updated: int = 1,
    ready: int = 1,
    total: int = 1,
    seen: int = 2,
    **spec: Any,
) -> Object:
    status = {"observedGeneration": seen, "updatedReplicas": updated, "readyReplicas": ready, "replicas": total}
    return {"metadata": {"name": name, "generation": 2}, "spec": {"replicas": wanted, **spec}, "status": status}


def pod(
    name: str = "scheduler-1", *, owner: str = "rs", conditions: list[Object] | None = None, **containers: Object
) -> Object:
    statuses = [{"name": key.replace("_", "-"), **state} for key, state in containers.items()]
    owners = [{"kind": "ReplicaSet", "uid": owner}]
    metadata = {"name": name, "uid": f"uid of {name}", "ownerReferences": owners}
    return {"metadata": metadata, "status": {"conditions": conditions or [], "containerStatuses": statuses}}


def event(reason: str, message: str, of: str = "scheduler-1") -> Object:
    return {"reason": reason, "message": message, "involvedObject": {"name": of, "uid": f"uid of {of}"}}


def waits(reason: str, message: str = "") -> Object:
    return {"ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


CRASHED = {
    "ready": False,
    "state": waits("CrashLoopBackOff")["state"],
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
}
RUNS_AGAIN = {**CRASHED, "state": {"running": {}}}


@pytest.mark.parametrize(
    ("state", "is_ready"),
    [
        (workload(), True),
        (workload(wanted=0, updated=0, ready=0, total=0), True),
        (workload(seen=1), False),
        (workload(updated=0), False),
        (workload(ready=0), False),
        (workload(total=2), False),  # a pod of before is still there
        (workload(updated=0, updateStrategy={"type": "OnDelete"}), True),
    ],
)
def test_a_workload_is_ready_when_every_pod_is_new_and_ready_and_no_old_one_is_left(
    state: Object, is_ready: bool
) -> None:
    assert (list(unready([state])) == []) is is_ready


@pytest.mark.parametrize(
    ("found", "events", "log", "words"),
    [
        (pod(scheduler=waits("ImagePullBackOff", "no such image")), [], [], "scheduler-1, container scheduler: ImagePullBackOff: no such image"),
        (pod(scheduler=waits("CreateContainerConfigError", 'secret "x" not found')), [], [], 'CreateContainerConfigError: secret "x" not found'),
        (pod(scheduler=CRASHED), [], ["Traceback", "no module dags", ""], "container scheduler ended (Error, exit code 1): no module dags"),
        (pod(scheduler=RUNS_AGAIN), [], ["again"], "ended (Error, exit code 1): again"),
        (pod(git_sync_init={"state": {"running": {}}}), [], ["{}", GIT_LOG], f"container git-sync-init: {GIT}"),
        (pod(git_sync_init=CRASHED), [], [GIT_LOG], f"ended (Error, exit code 1): {GIT}"),
        (pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: no memory"}]), [], [], "scheduler-1 has no node: 0/3 nodes: no memory"),
        (pod(scheduler=waits("ContainerCreating")), [event("FailedMount", 'secret "y" not found')], [], 'scheduler-1 lacks a volume: secret "y" not found'),
        (pod(), [event("FailedCreate", 'pods "a" is forbidden: exceeded quota: airflow', of="rs-1")], [], "rs-1 may not make a pod: exceeded quota: airflow"),
    ],
)  # fmt: skip
def test_a_failure_is_told_with_pod_container_and_cause(
    found: Object, events: list[Object], log: list[str], words: str
) -> None:
    told = failures([found], [{"metadata": {"uid": "rs"}, "spec": {"replicas": 1}}], events, lambda *_: log)
    assert [words in text for text in told.values()] == [True]


@pytest.mark.parametrize(
    ("found", "events", "log"),
    [
        (pod(scheduler={"ready": True, "state": {"running": {}}, "lastState": CRASHED["lastState"]}), [], []),
        (pod(scheduler=waits("ContainerCreating")), [], []),
        (pod(git_sync_init={"state": {"running": {}}}), [], [GIT_LOG, '{"msg": "updated successfully"}']),
        (pod(git_sync_init={"state": {"terminated": {"exitCode": 0}}}), [], [GIT_LOG]),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "no memory"}]),
            [event("TriggeredScaleUp", "a node is on its way")],
            [],
        ),
        (pod(owner="old", scheduler=CRASHED), [], []),  # a newer ReplicaSet has taken its place
    ],
)
def test_what_is_on_its_way_is_no_failure(found: Object, events: list[Object], log: list[str]) -> None:
    replica_sets = [
        {"metadata": {"uid": "rs"}, "spec": {"replicas": 1}},
        {"metadata": {"uid": "old"}, "spec": {"replicas": 0}},
    ]
    assert failures([found], replica_sets, events, lambda *_: log) == {}


class Cluster:
    """Answers as the API server does; time passes with each look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, states: Callable[[float], dict[str, list[Object]]]) -> None:
        self.now, self._states = 0.0, states
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.sleep", self._pass)

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def read(self, _: str, path: str) -> Any:
        found = self._states(self.now)
        if "down" in found:
            raise OSError("no route to host")
        return found.get(path.partition("?")[0], [])


def broken(**more: list[Object]) -> dict[str, list[Object]]:
    return {"deployments": [workload(ready=0)], "pods": [pod(scheduler=waits("ImagePullBackOff"))], **more}


def test_it_is_complete_as_soon_as_every_workload_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda now: {"deployments": [workload(ready=int(now > 20))]})
    assert watch(cluster.read, "airflow", 900) == []
    assert cluster.now == pytest.approx(21, abs=1)


def test_a_failure_that_lasts_ends_it_early_and_one_that_passes_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda _: broken())
    assert "ImagePullBackOff" in watch(cluster.read, "airflow", 900)[0]
    assert cluster.now == pytest.approx(rollout_watch.PATIENCE, abs=2)

    passes = Cluster(
        monkeypatch, lambda now: broken() if now < 50 else {"deployments": [workload(ready=int(now > 200))]}
    )
    assert watch(passes.read, "airflow", 900) == []


def test_an_api_server_that_is_away_for_a_moment_is_waited_for_and_one_that_no_pod_reaches_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    back = Cluster(monkeypatch, lambda now: {"down": []} if now < 30 else {"deployments": [workload()]})
    assert watch(back.read, "airflow", 900) == []
    away = Cluster(monkeypatch, lambda _: {"down": []})
    assert watch(away.read, "airflow", 900) == ["a pod cannot reach the Kubernetes API: no route to host"]


def test_what_is_slow_without_failing_has_all_the_time_and_is_named_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda _: {"statefulsets": [workload("airflow-triggerer", ready=0)]})
    assert watch(cluster.read, "airflow", 900) == ["not ready after 900 s: airflow-triggerer (0 of 1 ready)"]


def test_a_release_of_which_nothing_is_there_yet_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda now: {"deployments": [workload()]} if now > 5 else {})
    assert watch(cluster.read, "airflow", 900) == []
    assert cluster.now > 5


def test_a_failed_task_or_job_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    task, job = pod("task", scheduler=CRASHED), pod("job", scheduler=CRASHED)
    task["metadata"]["ownerReferences"], job["metadata"]["ownerReferences"] = [], [{"kind": "Job", "uid": "j"}]
    cluster = Cluster(monkeypatch, lambda now: {"deployments": [workload(ready=int(now > 300))], "pods": [task, job]})
    assert watch(cluster.read, "airflow", 900) == []


def test_its_program_needs_nothing_but_the_standard_library_and_its_account_may_only_read() -> None:
    seen = deployed()
    (container,) = seen.named("airflow-rollout-job").inputs["spec"]["template"]["spec"]["containers"]
    program = container["args"][-1]
    imported = {
        (str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    rules = seen.named("airflow-rollout-role").inputs["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list"}
    assert "secrets" not in {resource for rule in rules for resource in rule["resources"]}
