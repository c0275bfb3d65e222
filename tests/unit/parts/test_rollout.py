"""The rollout Job: completion, failures and their messages. The tests feed its program plain responses of the Kubernetes API."""

import ast
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_stack.parts import rollout_watch
from airflow_stack.parts.rollout_watch import CALM, PATIENCE, PATIENCE_FOR_A_NODE, unready, watch
from tests.support.cases import deployed
from tests.support.golden import Golden

Object = dict[str, Any]
Answers = dict[str, list[Object]]
START = datetime(2026, 11, 28, tzinfo=UTC)
GIT = "ssh: Permission denied (publickey)."
GIT_LOG = json.dumps(
    {"msg": "error syncing repo", "error": f'Run(git fetch): exit status 128: {{ stdout: "", stderr: "{GIT}\\n" }}'}
)
READY: Object = {"ready": True, "restartCount": 0, "state": {"running": {}}}


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


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
    return {
        "metadata": {"name": name, "generation": 2, "uid": f"uid of {name}"},
        "spec": {"replicas": wanted, **spec},
        "status": status,
    }


def replica_set(revision: int = 2, *, replicas: int = 1, there: int = 1) -> Object:
    owner = [{"uid": "uid of scheduler"}]
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    metadata = {
        "name": f"scheduler-{revision}",
        "uid": f"rs {revision}",
        "annotations": annotations,
        "ownerReferences": owner,
    }
    return {"metadata": metadata, "spec": {"replicas": replicas}, "status": {"replicas": there}}


def pod(
    name: str = "scheduler-2-a",
    *,
    owner: str = "rs 2",
    conditions: list[Object] | None = None,
    phase: str = "Running",
    **containers: Object,
) -> Object:
    statuses = [{"name": key.replace("_", "-"), **state} for key, state in containers.items()]
    metadata = {"name": name, "uid": f"uid of {name}", "ownerReferences": [{"uid": owner}]}
    return {
        "metadata": metadata,
        "status": {"phase": phase, "conditions": conditions or [], "containerStatuses": statuses},
    }


def waits(reason: str, message: str = "", **more: Any) -> Object:
    return {"ready": False, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def crashed(restarts: int, *, at_second: float = 0, code: int = 1, **state: Any) -> Object:
    """A container after some restarts, waiting for the next one by default."""
    last = {"terminated": {"exitCode": code, "reason": "Error", "finishedAt": at(at_second)}}
    return {
        "ready": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": last,
        **state,
    }


def event(reason: str, message: str, of: str = "uid of scheduler-2-a", *, second: float = 0, count: int = 9) -> Object:
    return {
        "reason": reason,
        "message": message,
        "involvedObject": {"uid": of},
        "lastTimestamp": at(second),
        "count": count,
    }


def unscheduled(message: str) -> Object:
    return pod(conditions=[{"type": "PodScheduled", "status": "False", "message": message}])


def without_pods(*events: Object) -> Answers:
    return {"replicasets": [replica_set(there=0)], "events": list(events)}


class Cluster:
    """A fake API server with a release that is not ready; time passes with each check."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, states: Callable[[float], Answers], log: list[str] | None = None
    ) -> None:
        self.now, self._states, self._log = 0.0, states, log or []
        clock = type(
            "Clock",
            (),
            {"now": lambda *_: START + timedelta(seconds=self.now), "fromisoformat": datetime.fromisoformat},
        )
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.sleep", self._pass)
        monkeypatch.setattr(rollout_watch, "datetime", clock())

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self, seconds: float = 900) -> list[str]:
        return watch(self.read, "airflow", seconds)

    def read(self, _: str, path: str) -> Any:
        found = {"deployments": [workload(ready=0)], "replicasets": [replica_set()], **self._states(self.now)}
        if "down" in found:
            raise OSError("no route to host")
        kind, _, query = path.partition("?")
        if kind.endswith("/log"):
            return self._log
        asked = (
            dict(each.split("=", 1) for each in query.partition("=")[2].split(",") if "=" in each)
            if kind == "events"
            else {}
        )
        return [
            each
            for each in found.get(kind, [])
            if not asked
            or (each["involvedObject"]["uid"], each["reason"]) == (asked["involvedObject.uid"], asked["reason"])
        ]


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
        (workload(wanted=3, updated=1, ready=3, total=3, updateStrategy={"rollingUpdate": {"partition": 2}}), True),
        (workload(updated=0, paused=True), True),
    ],
)
def test_a_workload_is_ready_when_every_pod_is_new_and_ready_and_no_old_one_is_left(
    state: Object, is_ready: bool
) -> None:
    assert (list(unready([state])) == []) is is_ready


QUOTA = 'pods "a" is forbidden: exceeded quota: airflow'
WEBHOOK = 'admission webhook "validate.kyverno.svc" denied the request: no'


@pytest.mark.parametrize(
    ("answers", "log", "seconds"),
    [
        ({"pods": [pod(scheduler=waits("ImagePullBackOff", "no such image"))]}, [], PATIENCE),
        ({"pods": [pod(scheduler=waits("CreateContainerConfigError", 'secret "x" not found'))]}, [], PATIENCE),
        ({"pods": [pod(scheduler=crashed(3))]}, ["Traceback", "no module dags", ""], 0),
        ({"pods": [pod(scheduler=crashed(3, state={"running": {}}))]}, ["again"], 0),
        ({"pods": [pod(scheduler=crashed(3, code=0))]}, ["bye"], 0),
        ({"pods": [pod(git_sync_init={"state": {"running": {}}})]}, ["{}", GIT_LOG], PATIENCE),
        ({"pods": [pod(git_sync_init=crashed(4))]}, [GIT_LOG], 0),
        ({"pods": [unscheduled("0/3 nodes: no memory")]}, [], PATIENCE_FOR_A_NODE),
        (
            {"pods": [pod(scheduler=waits("ContainerCreating"))], "events": [event("FailedMount", 'secret "y" not found', second=60)]},
            [], PATIENCE,
        ),
        (without_pods(event("FailedCreate", QUOTA, "rs 2", second=60)), [], PATIENCE),
        (without_pods(event("FailedCreate", WEBHOOK, "rs 2", second=60)), [], PATIENCE),
        ({"pods": [pod(scheduler=crashed(3))]}, ["cannot reach postgresql://airflow:hunter2@db/x"], 0),
    ],
    ids=[
        "an image", "a Secret", "a crash", "a crash of one that runs again", "an end without an error", "git", "git that crashes",
        "no node", "no volume", "a quota", "a webhook", "a password",
    ],
)  # fmt: skip
def test_a_lasting_failure_ends_it_early_with_pod_container_and_cause(
    monkeypatch: pytest.MonkeyPatch, answers: Answers, log: list[str], seconds: float, golden: Golden
) -> None:
    cluster = Cluster(monkeypatch, lambda _: answers, log)
    (told,) = cluster()
    assert told == golden
    assert "hunter2" not in told
    assert cluster.now == pytest.approx(seconds, abs=2)


@pytest.mark.parametrize(
    "answers",
    [
        {"pods": [pod(scheduler=waits("ContainerCreating"))]},
        {"pods": [pod(scheduler=crashed(1, state={"running": {}}))]},  # a sidecar or the database came up later
        {"pods": [pod(scheduler=READY, init={"restartCount": 4, "ready": True, "state": {"terminated": {"exitCode": 0}}})]},
        {"pods": [pod(git_sync_init={"state": {"terminated": {"exitCode": 0}}})]},
        {"pods": [unscheduled("no memory")], "events": [event("TriggeredScaleUp", "", second=s) for s in range(0, 900, 100)]},
        {"pods": [unscheduled("no memory")], "events": [event("Nominated", "", second=s) for s in range(0, 900, 100)]},
        {"pods": [pod(owner="rs 1", scheduler=waits("ImagePullBackOff"))], "replicasets": [replica_set(1), replica_set(2)]},  # the revision before
        {"pods": [pod(scheduler=crashed(9), phase="Failed")]},  # evicted, and replaced
        {"pods": [pod(owner="a Job", scheduler=crashed(9))]},
        {"pods": [pod(scheduler=waits("ContainerCreating"))], "events": [event("FailedMount", "timed out", second=60, count=1)]},
        {"pods": [pod(scheduler=waits("ContainerCreating"))], "events": [event("FailedMount", "yesterday", second=-9999)]},
        without_pods(event("FailedCreate", QUOTA, "of another namespace's user", second=60)),
        without_pods(event("FailedCreate", QUOTA, "rs 2", second=-9999)),
        {"events": [event("FailedCreate", QUOTA, "rs 2", second=60)]},  # and then it could
    ],
)  # fmt: skip
def test_temporary_past_and_foreign_failures_do_not_count(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    cluster = Cluster(monkeypatch, lambda now: {**answers, **({"deployments": [workload()]} if now > 800 else {})})
    assert cluster() == []
    assert cluster.now > 800


def test_the_rollout_is_complete_as_soon_as_every_workload_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda now: {"deployments": [workload(ready=int(now > 20))]})
    assert cluster() == []
    assert cluster.now == pytest.approx(21, abs=2)


def test_a_container_between_two_crashes_does_not_count_as_ready(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    """The DAG processor has no readiness probe: it is ready whenever it runs."""

    def state(now: float) -> Answers:
        crashes = int(now // 30)
        runs = {**crashed(crashes, at_second=crashes * 30.0), "ready": True, "state": {"running": {}}}
        up = now % 30 > 15
        one = runs if up and crashes else READY if not crashes else crashed(crashes, at_second=crashes * 30.0)
        return {"deployments": [workload(ready=int(up))], "pods": [pod(scheduler=one)]}

    cluster = Cluster(monkeypatch, lambda now: state(now + 30))
    assert "\n".join(cluster()) == golden


def test_after_a_crash_it_waits_until_the_container_has_run_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    recovered = {**crashed(2, at_second=10), "ready": True, "state": {"running": {}}}
    cluster = Cluster(monkeypatch, lambda _: {"deployments": [workload()], "pods": [pod(scheduler=recovered)]})
    assert cluster() == []
    assert cluster.now == pytest.approx(10 + CALM, abs=2)


def test_a_temporary_failure_does_not_end_the_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"pods": [pod(scheduler=waits("ImagePullBackOff"))]}
    cluster = Cluster(
        monkeypatch, lambda now: broken if now < 50 else {"deployments": [workload(ready=int(now > 200))]}
    )
    assert cluster() == []


def test_a_short_outage_of_the_api_server_is_tolerated_and_a_long_one_is_reported(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    back = Cluster(monkeypatch, lambda now: {"down": []} if now < 30 else {"deployments": [workload()]})
    assert back() == []
    away = Cluster(monkeypatch, lambda _: {"down": []})
    assert "\n".join(away()) == golden


def test_a_slow_rollout_uses_the_whole_timeout_and_is_then_reported(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    cluster = Cluster(
        monkeypatch, lambda _: {"deployments": [], "statefulsets": [workload("airflow-triggerer", ready=0)]}
    )
    assert "\n".join(cluster()) == golden


def test_a_release_without_workloads_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, lambda now: {"deployments": [workload()] if now > 5 else []})
    assert cluster() == []
    assert cluster.now > 5


def test_only_pods_of_a_stateful_sets_newest_revision_count(monkeypatch: pytest.MonkeyPatch) -> None:
    made = workload("triggerer", ready=0)
    made["status"]["updateRevision"] = "new"
    old, new = (pod(name, owner="uid of triggerer", triggerer=waits("ImagePullBackOff")) for name in ("old", "new"))
    old["metadata"]["labels"], new["metadata"]["labels"] = (
        {"controller-revision-hash": each} for each in ("old", "new")
    )
    cluster = Cluster(monkeypatch, lambda _: {"deployments": [], "statefulsets": [made], "pods": [old, new]})
    assert [line.partition(",")[0] for line in cluster()] == ["new"]


def test_the_program_needs_only_the_standard_library_and_read_permissions() -> None:
    seen = deployed()
    (container,) = seen.named("airflow-rollout-job").inputs["spec"]["template"]["spec"]["containers"]
    assert container["command"][:2] == ["python", "-c"], (
        "not by the image's entry point, which asks for a database first"
    )
    imported = {
        (str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse(container["command"][2]))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names
    rules = seen.named("airflow-rollout-role").inputs["rules"]
    granted = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert granted == {
        ("pods/log", "get"), ("pods", "list"), ("events", "list"),
        ("deployments", "list"), ("replicasets", "list"), ("statefulsets", "list"),
    }  # fmt: skip
