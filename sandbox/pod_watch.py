"""Observes the pods of a stack while it starts: their state, and problems that do not resolve themselves. Reads only."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import (
    LONG_AGO,
    WAITS_FOR_MIGRATION,
    creation_time,
    event_time,
    is_task,
    parse_time,
    pulled_images,
    state_of,
    workload,
)
from airflow_stack.cli.status.model import PodProblem
from airflow_stack.cli.status.problems import find_problems

_WAITS_FOR_DATABASE = "waiting for the database"
_FINAL_STATES = ("ready", "done")
_PENDING_HELM = "owner=helm,status in (pending-install,pending-upgrade)"


@dataclass(frozen=True)
class PodObservation:
    """Report of one observation."""

    summary: str = ""
    """Current state, in one line."""
    changes: Sequence[str] = ()
    """Changes since the last observation, one line each."""
    problems: Sequence[PodProblem] = ()
    """Problems that do not resolve themselves."""


class PodWatch:
    """Observes one namespace repeatedly.

    Pods that are older than the watch belong to an earlier attempt. Their failures count only if they are newer than the start of Helm's
    operation. Once everything is deployed (`settled`), failures count if they are newer than the watch, without earlier restarts.
    """

    def __init__(self, reader: NamespaceReader, *, settled: bool = False) -> None:
        self._reader, self._settled = reader, settled
        self._since = datetime.now(UTC).replace(microsecond=0)
        self._reported: dict[str, str] | None = None  # before the first observation
        self._suspected: set[str] = set()
        self._restarts: dict[str, int] = {}

    def look(self, task_dag: str = "") -> PodObservation:
        """Observe once; an unreachable cluster has no problems. Of the task pods, only those of `task_dag` count."""
        try:
            pods = [self._recounted(pod) for pod in self._reader.read("pods") if _counts(pod, task_dag)]
            events = self._reader.read("events")
            problems = self._lasting(pods, events)
        except ClusterError:
            return PodObservation()
        states = workload_states(pods, pulled_images(events))
        if self._reported is None:
            self._reported = {name: state for name, state in states.items() if state in _FINAL_STATES}
        changes = [f"{name}: {state}" for name, state in states.items() if self._reported.get(name) != state]
        self._reported = states
        return PodObservation(summary(states), changes, problems)

    def _lasting(self, pods: Sequence[KubernetesObject], events: Sequence[KubernetesObject]) -> list[PodProblem]:
        """The problems that the last observation had too."""
        fresh = [pod for pod in pods if self._is_fresh(pod, events)]
        young = [event for event in events if self._settled or creation_time(event) >= self._since]
        found = find_problems(fresh, young, self._reader, datetime.now(UTC))
        suspected, self._suspected = self._suspected, {problem.summary for problem in found}
        return [problem for problem in found if problem.summary in suspected]

    def _recounted(self, pod: KubernetesObject) -> KubernetesObject:
        """A pod whose restarts, once everything is deployed, count from its first observation."""
        if not self._settled:
            return pod
        status = dict(pod["status"])
        for key in ("initContainerStatuses", "containerStatuses"):
            if key in status:
                status[key] = [self._recounted_container(pod["metadata"]["uid"], each) for each in status[key]]
        return {**pod, "status": status}

    def _recounted_container(self, uid: str, container: KubernetesObject) -> KubernetesObject:
        restarts = container.get("restartCount", 0)
        before = self._restarts.setdefault(f"{uid} {container['name']}", restarts)
        return {**container, "restartCount": max(0, restarts - before)}

    def _is_fresh(self, pod: KubernetesObject, events: Iterable[KubernetesObject]) -> bool:
        if creation_time(pod) >= self._since:
            return True
        own = [event for event in events if event["involvedObject"].get("uid") == pod["metadata"]["uid"]]
        failed = _last_failure(pod, own)
        if failed < self._since or self._settled:
            return failed >= self._since
        began = max(map(creation_time, self._reader.read("secrets", _PENDING_HELM)), default=None)
        return began is not None and self._since <= began < failed


def workload_states(pods: Iterable[KubernetesObject], pulling: Mapping[str, str]) -> dict[str, str]:
    """State of each workload's newest pod. `pulling` are the images that nodes pull, by the uid of the pod."""
    newest = {workload(pod): pod for pod in sorted(pods, key=creation_time)}
    states = {name: state_of(pod, pulling.get(pod["metadata"]["uid"], "")) for name, pod in sorted(newest.items())}
    if states.get("database", "ready") != "ready":
        return {name: _WAITS_FOR_DATABASE if state == WAITS_FOR_MIGRATION else state for name, state in states.items()}
    return states


def summary(states: Mapping[str, str]) -> str:
    """All states in one line."""
    by_state = defaultdict(list)
    for name, state in states.items():
        by_state[state].append(name)
    ready = len(by_state.pop("ready", []))
    by_state.pop("done", None)
    return "; ".join([*(f"{', '.join(names)}: {state}" for state, names in by_state.items()), f"{ready} ready"])


def _counts(pod: KubernetesObject, task_dag: str) -> bool:
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and (not is_task(pod) or pod["metadata"]["labels"]["dag_id"] == task_dag)


def _last_failure(pod: KubernetesObject, events: Iterable[KubernetesObject]) -> datetime:
    statuses = [*(pod["status"].get("initContainerStatuses") or []), *(pod["status"].get("containerStatuses") or [])]
    ends = [
        state
        for each in statuses
        for key in ("state", "lastState")
        if (state := (each.get(key) or {}).get("terminated"))
    ]
    exits = [parse_time(end.get("finishedAt")) for end in ends if end.get("exitCode")]
    return max([*exits, *(event_time(e) for e in events if e.get("reason", "").startswith("Failed"))], default=LONG_AGO)
