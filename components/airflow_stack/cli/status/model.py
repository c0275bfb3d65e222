"""Pods of a stack as rows of a table, and problems of pods. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.pod_state import containers, creation_time, is_task, pulled_images, state_of, workload


@dataclass(frozen=True)
class PodProblem:
    """An error that keeps pods from becoming ready."""

    summary: str
    cause: str
    fix: str
    may_recover: bool = False
    """Whether it may resolve itself, such as an outage."""
    workloads: str = ""
    """Names of the workloads that have it."""

    def __str__(self) -> str:
        """Summary, cause and fix: a line each."""
        return f"{self.summary} ({self.workloads})\n  cause: {self.cause}\n  fix: {self.fix}"


@dataclass(frozen=True)
class PodRow:
    """One pod."""

    workload: str
    state: str
    restarts: int
    age_seconds: float
    image: str


def pod_rows(pods: Iterable[KubernetesObject], events: Iterable[KubernetesObject], now: datetime) -> list[PodRow]:
    """The pods of a namespace by workload and age, pods of tasks last."""
    pulling = pulled_images(events)
    return [
        PodRow(
            workload(pod),
            state_of(pod, pulling.get(pod["metadata"]["uid"], "")),
            sum(container.restarts for container in containers(pod)),
            (now - creation_time(pod)).total_seconds(),
            pod["spec"]["containers"][0]["image"],
        )
        for pod in sorted(pods, key=lambda pod: (is_task(pod), workload(pod), creation_time(pod)))
    ]
