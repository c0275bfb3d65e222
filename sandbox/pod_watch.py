"""Watches the pods of a stack while it comes up: what is happening, and what keeps it from coming up.

Owns the memory from one look to the next; `pods` and `problems` judge. It only reads, and a cluster that does not answer is no finding.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import (
    WAITS_FOR_MIGRATION,
    creation,
    doing,
    is_task,
    last_failure,
    pulls,
    workload,
)
from airflow_stack.cli.status import problems
from airflow_stack.cli.status.causes import Problem

_FOR_DATABASE = "waiting for the database"
_WELL = ("ready", "done")


@dataclass(frozen=True)
class Look:
    """What one look found."""

    summary: str = ""
    """What is happening, in one line."""
    changes: Sequence[str] = ()
    """What is new since the last look, a line each."""
    problems: Sequence[Problem] = ()
    """What will not mend itself."""


class Watch:
    """A namespace, looked at again and again.

    Pods from before the watch are those of an earlier attempt: what failed in them counts only when it fails again after Helm has begun
    anew, or, once all is deployed (`settled`), after the watch began, and then without the restarts of before.
    """

    def __init__(self, reader: NamespaceReader, *, settled: bool = False) -> None:
        self._reader, self._settled = reader, settled
        self._since = datetime.now(UTC).replace(microsecond=0)
        self._told: dict[str, str] | None = None  # before the first look
        self._suspected: set[str] = set()
        self._restarts: dict[str, int] = {}

    def look(self, task_dag: str = "") -> Look:
        """Look once. Of task pods only those of `task_dag` count: a task that fails is not the stack's fault."""
        try:
            pods = [self._recounted(pod) for pod in self._reader.read("pods") if _counts(pod, task_dag)]
            events = self._reader.read("events")
            lasting = self._lasting(pods, events)
        except ClusterError:
            return Look()
        now = doings(pods, pulls(events))
        told = {name: words for name, words in now.items() if words in _WELL} if self._told is None else self._told
        changes = [f"{name}: {words}" for name, words in now.items() if told.get(name) != words]
        self._told = now
        return Look(summary(now), changes, lasting)

    def _lasting(self, pods: Sequence[KubernetesObject], events: Sequence[KubernetesObject]) -> list[Problem]:
        """Keep the problems that the last look saw too."""
        fresh = [pod for pod in pods if self._is_fresh(pod, events)]
        young = [event for event in events if self._settled or creation(event) >= self._since]
        found = problems.find(fresh, young, self._reader, datetime.now(UTC))
        suspected, self._suspected = self._suspected, {problem.what for problem in found}
        return [problem for problem in found if problem.what in suspected]

    def _recounted(self, pod: KubernetesObject) -> KubernetesObject:
        """Once all is deployed, count restarts from the first look at a pod on."""
        if not self._settled:
            return pod
        status = dict(pod["status"])
        for key in ("initContainerStatuses", "containerStatuses"):
            if key in status:
                status[key] = [self._recounted_one(pod["metadata"]["uid"], each) for each in status[key]]
        return {**pod, "status": status}

    def _recounted_one(self, uid: str, container: KubernetesObject) -> KubernetesObject:
        restarts = container.get("restartCount", 0)
        before = self._restarts.setdefault(f"{uid} {container['name']}", restarts)
        return {**container, "restartCount": max(0, restarts - before)}

    def _is_fresh(self, pod: KubernetesObject, events: Iterable[KubernetesObject]) -> bool:
        if creation(pod) >= self._since:
            return True
        own = [event for event in events if event["involvedObject"].get("uid") == pod["metadata"]["uid"]]
        failed = last_failure(pod, own)
        if failed < self._since or self._settled:
            return failed >= self._since
        begun = self._reader.helm_began()
        return begun is not None and self._since <= begun < failed


def doings(pods: Iterable[KubernetesObject], pulling: Mapping[str, str]) -> dict[str, str]:
    """Say for each workload what its newest pod does."""
    newest = {workload(pod): pod for pod in sorted(pods, key=creation)}
    now = {name: doing(pod, pulling.get(pod["metadata"]["uid"], "")) for name, pod in sorted(newest.items())}
    if now.get("database", "ready") != "ready":
        return {name: _FOR_DATABASE if words == WAITS_FOR_MIGRATION else words for name, words in now.items()}
    return now


def summary(doing_now: Mapping[str, str]) -> str:
    """Say in one line what is happening."""
    by_words = defaultdict(list)
    for name, words in doing_now.items():
        by_words[words].append(name)
    ready = len(by_words.pop("ready", []))
    by_words.pop("done", None)
    parts = [f"{', '.join(names)}: {words}" for words, names in by_words.items()]
    return "; ".join([*parts, f"{ready} ready"])


def _counts(pod: KubernetesObject, task_dag: str) -> bool:
    leaving = "deletionTimestamp" in pod["metadata"]
    return not leaving and (not is_task(pod) or pod["metadata"]["labels"]["dag_id"] == task_dag)
