"""When the stand-in for kubernetes takes an object for ready, and what it says meanwhile: as the official provider does."""

from typing import Any

import pytest

from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.pod_warnings import warnings
from sandbox.plugins.property_values import Properties
from sandbox.plugins.readiness import (
    ConditionReadiness,
    FailedError,
    JobReadiness,
    Readiness,
    ServiceReadiness,
    StatefulSetReadiness,
)

Told = list[str]


def live(kind: str, status: Properties | None = None, generation: int = 1, **spec: Any) -> Properties:
    metadata = {"name": "name", "namespace": "space", "uid": "1", "generation": generation}
    return {"kind": kind, "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status or {}}


def pod(status: Properties, ready: Properties | None = None) -> Properties:
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Initialized", "status": "True"}]
    conditions.append({"type": "Ready", "status": "False"} | (ready or {}))
    owner = [{"uid": "1"}]
    metadata = {"name": "pod", "namespace": "space", "ownerReferences": owner}
    return {"kind": "Pod", "metadata": metadata, "status": {"conditions": conditions, **status}}


def container(**state: Any) -> Properties:
    return {"containerStatuses": [{"name": "main", "ready": False, "state": state}]}


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def log(told: Told) -> OperationLog:
    return OperationLog(lambda severity, text, is_status: told.append(f"{severity} {text}"))


def saw(state: Readiness, *things: Properties) -> bool:
    for each in things:
        state.see("MODIFIED", each, 0)
    return state.look(0)


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}], "startTime": "now", "succeeded": 1}
FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more"}


def test_a_job_is_ready_when_it_is_complete(log: OperationLog, told: Told) -> None:
    job = JobReadiness(live("Job"), log)
    assert not saw(job, live("Job"))
    assert not saw(job, live("Job", {"startTime": "now", "active": 1}))
    assert saw(job, live("Job", COMPLETE))
    assert told == [
        'INFO Waiting for Job "space/name" to start',
        'INFO Waiting for Job "space/name" to succeed (Active: 1 | Succeeded: 0 | Failed: 0)',
        'INFO Waiting for Job "space/name" to succeed (Active: 0 | Succeeded: 1 | Failed: 0)',
    ]


def test_a_job_that_failed_for_good_ends_the_wait_with_what_its_pods_said(log: OperationLog) -> None:
    job = JobReadiness(live("Job"), log)
    saw(job, pod(container(terminated={"reason": "Error", "exitCode": 1, "message": "no route"})))
    with pytest.raises(FailedError):
        saw(job, live("Job", {"startTime": "now", "conditions": [FAILED]}))
    assert job.lacking() == ["[Pod space/pod]: [Error] no route", "[BackoffLimitExceeded] no more"]


def test_a_job_that_failed_by_its_pods_rules_is_waited_for_on(log: OperationLog) -> None:
    failed = FAILED | {"reason": "PodFailurePolicy"}
    assert not saw(JobReadiness(live("Job"), log), live("Job", {"startTime": "now", "conditions": [failed]}))


def test_a_pod_that_ended_well_is_a_warning_until_its_phase_says_so(log: OperationLog, told: Told) -> None:
    ended = container(terminated={"reason": "Completed", "exitCode": 0})
    job = JobReadiness(live("Job"), log)
    assert not saw(job, pod({**ended, "phase": "Succeeded"}))
    assert told == []
    saw(job, pod({**ended, "phase": "Running"}))
    assert told == ['WARNING [Pod space/pod]: container "main" completed with exit code 0']


def test_a_pod_that_is_not_ready_yet_is_remembered_and_not_shown(log: OperationLog, told: Told) -> None:
    job = JobReadiness(live("Job"), log)
    unready = {"reason": "ContainersNotReady", "message": "containers with unready status: [main]"}
    saw(job, pod(container(waiting={"reason": "ContainerCreating"}), unready))
    assert told == []
    assert job.lacking() == ["[Pod space/pod]: containers with unready status: [main]"]


DONE = {"replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "currentRevision": "a", "updateRevision": "a"}


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (DONE, True),
        (DONE | {"readyReplicas": 0}, False),
        (DONE | {"updateRevision": "b"}, False),
        (DONE | {"observedGeneration": 1}, False),
    ],
)
def test_a_set_is_ready_when_all_replicas_are_of_the_seen_generation(
    status: Properties, ready: bool, log: OperationLog
) -> None:
    state = StatefulSetReadiness(live("StatefulSet", {}, 2), log)
    assert saw(state, live("StatefulSet", {"observedGeneration": 2} | status, 2, replicas=1)) is ready


def test_a_set_that_is_not_ready_says_how_far_it_is_and_what_hinders_its_pods(log: OperationLog) -> None:
    state = StatefulSetReadiness(live("StatefulSet"), log)
    pulls = pod(container(waiting={"reason": "ImagePullBackOff", "message": "not there"}))
    status = DONE | {"observedGeneration": 1, "readyReplicas": 0}
    assert not saw(state, live("StatefulSet", status, replicas=1), pulls)
    assert state.lacking() == [
        "0 out of 1 replicas succeeded readiness checks",
        "[Pod space/pod]: [ImagePullBackOff] not there",
    ]


def endpoints(**subset: Any) -> Properties:
    return live("Endpoints") | {"subsets": [subset]}


def test_a_service_waits_ten_seconds_for_its_endpoints_to_settle(log: OperationLog) -> None:
    shown = live("Service", selector={"app": "x"})
    state = ServiceReadiness(shown, log)
    assert not saw(state, shown, live("Endpoints"))
    assert not state.look(9.9)
    assert state.look(10), "endpoints without any pod are enough"


def test_a_service_waits_for_a_pod_that_is_not_ready_but_not_for_ever(log: OperationLog) -> None:
    shown = live("Service", selector={"app": "x"})
    state = ServiceReadiness(shown, log)
    saw(state, shown, endpoints(notReadyAddresses=[{}]))
    assert not state.look(11)
    assert not state.done_at_last()
    state.see("MODIFIED", endpoints(addresses=[{}]), 12)
    assert state.done_at_last()
    assert state.look(22)


@pytest.mark.parametrize(
    "spec", [{"selector": {"a": "b"}, "clusterIP": "None"}, {}, {"selector": {"a": "b"}, "type": "ExternalName"}]
)
def test_a_service_without_pods_of_its_own_is_ready_at_once(spec: Properties, log: OperationLog) -> None:
    shown = live("Service", **spec)
    assert saw(ServiceReadiness(shown, log), shown)


def test_a_service_says_that_it_has_no_pods(log: OperationLog) -> None:
    (message,) = ServiceReadiness(live("Service", selector={"a": "b"}), log).lacking()
    assert message.startswith("Service does not target any Pods.")


def test_a_custom_resource_waits_for_the_condition_that_its_annotation_names(log: OperationLog, told: Told) -> None:
    state = ConditionReadiness(live("Cluster"), log, "Ready")
    assert not saw(state, live("Cluster"))
    assert not saw(state, live("Cluster", {"conditions": [{"type": "Ready", "status": "False"}]}))
    assert saw(state, live("Cluster", {"conditions": [{"type": "Ready", "status": "True"}]}))
    assert told == ["WARNING Has no .status.conditions", "INFO Resource has condition Ready=False (want True)"]


def test_a_condition_of_an_older_generation_does_not_count(log: OperationLog) -> None:
    state = ConditionReadiness(live("Cluster", {}, 2), log, "Ready=True")
    met = {"type": "Ready", "status": "True", "observedGeneration": 1}
    assert not saw(state, live("Cluster", {"conditions": [met]}, 2))


def test_nothing_is_said_of_a_pod_that_is_not_scheduled() -> None:
    unscheduled = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no room"}]}
    assert warnings(pod({}) | {"status": unscheduled}) == []


def test_what_ended_before_is_told_with_its_time_and_message() -> None:
    last = {"reason": "Error", "exitCode": 2, "finishedAt": "2024-01-01T00:00:00Z", "message": "bad key"}
    state = {"name": "main", "ready": False, "state": {}, "lastState": {"terminated": last}}
    assert warnings(pod({"containerStatuses": [state]})) == [
        '[Pod space/pod]: container "main" terminated at 2024-01-01T00:00:00Z (Error: exit code 2)\nbad key'
    ]
