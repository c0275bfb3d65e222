"""The logs of pods: one for each attempt of a container. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.pod_state import containers, workload


@dataclass(frozen=True)
class ContainerLog:
    """The log of one attempt of a container."""

    workload: str
    pod: str
    container: str
    restarts: int


def container_logs(pods: Iterable[KubernetesObject], only: str | None = None) -> list[ContainerLog]:
    """The logs of all workloads, or of one. Containers that wait to start have none."""
    return [
        ContainerLog(name, pod["metadata"]["name"], container.name, container.restarts)
        for pod in pods
        if only in (None, name := workload(pod))
        for container in containers(pod)
        if not container.waiting_reason
    ]
