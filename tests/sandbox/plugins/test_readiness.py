"""Readiness of objects with its messages, as in the official provider."""

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

Messages = list[str]


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
def messages() -> Messages:
    return []


@pytest.fixture
def log(messages: Messages) -> OperationLog:
    return OperationLog(lambda severity, text, is_status: messages.append(f"{severity} {text}"))


def ready_after(state: Readiness, *things: Properties) -> bool:
    for each in things:
        state.see("MODIFIED", each, 0)
    return state.is_ready(0)


COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}], "startTime": "now", "succeeded": 1}
FAILED = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no more"}


def test_a_job_is_ready_when_it_is_complete(log: OperationLog, messages: Messages) -> None:
    job = JobReadiness(live("Job"), log)
    assert not ready_after(job, live("Job"))
    assert not ready_after(job, live("Job", {"startTime": "now", "active": 1}))
    assert ready_after(job, live("Job", COMPLETE))
    assert messages == [
        'INFO Waiting for Job "space/name" to start',
        'INFO Waiting for Job "space/name" to succeed (Active: 1 | Succeeded: 0 | Failed: 0)',
        'INFO Waiting for Job "space/name" to succeed (Active: 0 | Succeeded: 1 | Failed: 0)',
    ]


def test_a_permanently_failed_job_ends_the_wait_with_the_messages_of_its_pods(log: OperationLog) -> None:
    job = JobReadiness(live("Job"), log)
    ready_after(job, pod(container(terminated={"reason": "Error", "exitCode": 1, "message": "no route"})))
    with pytest.raises(FailedError):
        ready_after(job, live("Job", {"startTime": "now", "conditions": [FAILED]}))
    assert job.missing() == ["[Pod space/pod]: [Error] no route", "[BackoffLimitExceeded] no more"]


def test_a_job_that_failed_by_its_pod_failure_policy_is_still_awaited(log: OperationLog) -> None:
    failed = FAILED | {"reason": "PodFailurePolicy"}
    assert not ready_after(JobReadiness(live("Job"), log), live("Job", {"startTime": "now", "conditions": [failed]}))


def test_a_completed_container_is_a_warning_until_the_pod_has_succeeded(log: OperationLog, messages: Messages) -> None:
    ended = container(terminated={"reason": "Completed", "exitCode": 0})
    job = JobReadiness(live("Job"), log)
    assert not ready_after(job, pod({**ended, "phase": "Succeeded"}))
    assert messages == []
    ready_after(job, pod({**ended, "phase": "Running"}))
    assert messages == ['WARNING [Pod space/pod]: container "main" completed with exit code 0']


def test_an_unready_pod_is_reported_only_at_the_end(log: OperationLog, messages: Messages) -> None:
    job = JobReadiness(live("Job"), log)
    unready = {"reason": "ContainersNotReady", "message": "containers with unready status: [main]"}
    ready_after(job, pod(container(waiting={"reason": "ContainerCreating"}), unready))
    assert messages == []
    assert job.missing() == ["[Pod space/pod]: containers with unready status: [main]"]


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
def test_a_stateful_set_is_ready_when_all_replicas_have_the_observed_generation(
    status: Properties, ready: bool, log: OperationLog
) -> None:
    state = StatefulSetReadiness(live("StatefulSet", {}, 2), log)
    assert ready_after(state, live("StatefulSet", {"observedGeneration": 2} | status, 2, replicas=1)) is ready


def test_an_unready_stateful_set_reports_its_progress_and_the_problems_of_its_pods(log: OperationLog) -> None:
    state = StatefulSetReadiness(live("StatefulSet"), log)
    pulls = pod(container(waiting={"reason": "ImagePullBackOff", "message": "not found"}))
    status = DONE | {"observedGeneration": 1, "readyReplicas": 0}
    assert not ready_after(state, live("StatefulSet", status, replicas=1), pulls)
    assert state.missing() == [
        "0 out of 1 replicas succeeded readiness checks",
        "[Pod space/pod]: [ImagePullBackOff] not found",
    ]


def endpoints(**subset: Any) -> Properties:
    return live("Endpoints") | {"subsets": [subset]}


def test_a_service_waits_ten_seconds_for_its_endpoints_to_settle(log: OperationLog) -> None:
    shown = live("Service", selector={"app": "x"})
    state = ServiceReadiness(shown, log)
    assert not ready_after(state, shown, live("Endpoints"))
    assert not state.is_ready(9.9)
    assert state.is_ready(10), "endpoints without pods are enough"


def test_a_service_waits_for_an_unready_pod_until_the_timeout(log: OperationLog) -> None:
    shown = live("Service", selector={"app": "x"})
    state = ServiceReadiness(shown, log)
    ready_after(state, shown, endpoints(notReadyAddresses=[{}]))
    assert not state.is_ready(11)
    assert not state.ready_on_timeout()
    state.see("MODIFIED", endpoints(addresses=[{}]), 12)
    assert state.ready_on_timeout()
    assert state.is_ready(22)


@pytest.mark.parametrize(
    "spec", [{"selector": {"a": "b"}, "clusterIP": "None"}, {}, {"selector": {"a": "b"}, "type": "ExternalName"}]
)
def test_a_service_without_its_own_pods_is_ready_immediately(spec: Properties, log: OperationLog) -> None:
    shown = live("Service", **spec)
    assert ready_after(ServiceReadiness(shown, log), shown)


def test_a_service_reports_that_it_has_no_pods(log: OperationLog) -> None:
    (message,) = ServiceReadiness(live("Service", selector={"a": "b"}), log).missing()
    assert message.startswith("Service does not target any Pods.")


def test_a_custom_resource_waits_for_the_condition_in_its_annotation(log: OperationLog, messages: Messages) -> None:
    state = ConditionReadiness(live("Cluster"), log, "Ready")
    assert not ready_after(state, live("Cluster"))
    assert not ready_after(state, live("Cluster", {"conditions": [{"type": "Ready", "status": "False"}]}))
    assert ready_after(state, live("Cluster", {"conditions": [{"type": "Ready", "status": "True"}]}))
    assert messages == ["WARNING Has no .status.conditions", "INFO Resource has condition Ready=False (want True)"]


def test_a_condition_of_an_older_generation_does_not_count(log: OperationLog) -> None:
    state = ConditionReadiness(live("Cluster", {}, 2), log, "Ready=True")
    met = {"type": "Ready", "status": "True", "observedGeneration": 1}
    assert not ready_after(state, live("Cluster", {"conditions": [met]}, 2))


def test_an_unscheduled_pod_has_no_warnings() -> None:
    unscheduled = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no room"}]}
    assert warnings(pod({}) | {"status": unscheduled}) == []


def test_an_earlier_termination_is_reported_with_time_and_message() -> None:
    last = {"reason": "Error", "exitCode": 2, "finishedAt": "2024-01-01T00:00:00Z", "message": "bad key"}
    state = {"name": "main", "ready": False, "state": {}, "lastState": {"terminated": last}}
    assert warnings(pod({"containerStatuses": [state]})) == [
        '[Pod space/pod]: container "main" terminated at 2024-01-01T00:00:00Z (Error: exit code 2)\nbad key'
    ]
