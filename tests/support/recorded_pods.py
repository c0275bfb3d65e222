"""Pods, events and logs of a namespace, as recorded from real failures."""

import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import Container
from airflow_stack.cli.status.model import PodProblem
from airflow_stack.cli.status.problems import find_problems

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


class RecordedNamespace(NamespaceReader):
    """A namespace with these pods, events and log lines."""

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

    def problems(self, now: datetime = NOW) -> list[PodProblem]:
        return find_problems(self.objects["pods"], self.objects["events"], self, now)


def only(found: Sequence[PodProblem]) -> PodProblem:
    (problem,) = found
    return problem
