"""A pod of the Kubernetes API as a workload, a state in a few words, and containers. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_stack.cli.kubernetes_client import KubernetesObject

LONG_AGO = datetime.fromtimestamp(0, UTC)
WAITS_FOR_MIGRATION = "waiting for the migration"
_STATES = {
    "git-sync-init": "syncing git",
    "wait-for-airflow-migrations": WAITS_FOR_MIGRATION,
    "migrate-database": "migrating the database",
    "create-user": "creating the admin user",
    "rollout": "watching the rollout",
}


@dataclass(frozen=True)
class Container:
    """Spec and status of a container."""

    name: str
    image: str
    init: bool
    ready: bool
    running: bool
    completed: bool
    """Whether it exited with status 0."""
    waiting_reason: str
    """Reason of the state `waiting`, such as `ImagePullBackOff`; empty in other states."""
    message: str
    restarts: int
    failures: int
    """Number of failed attempts."""
    exit_code: int
    out_of_memory: bool
    memory_limit: str
    env: Mapping[str, str]


def containers(pod: KubernetesObject) -> Iterator[Container]:
    """Yield the containers of a pod in start order."""
    for kind in ("initContainer", "container"):
        statuses = {each["name"]: each for each in pod["status"].get(f"{kind}Statuses") or []}
        for spec in pod["spec"].get(f"{kind}s") or []:
            yield _container(spec, statuses.get(spec["name"], {}), init=kind == "initContainer")


def _container(spec: KubernetesObject, status: KubernetesObject, *, init: bool) -> Container:
    state, restarts = status.get("state") or {}, status.get("restartCount", 0)
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    last = ended or (status.get("lastState") or {}).get("terminated") or {}
    failed = bool(ended.get("exitCode")) or waiting.get("reason") == "CrashLoopBackOff"
    return Container(
        name=spec["name"],
        image=spec["image"],
        init=init and spec.get("restartPolicy") != "Always",
        ready=bool(status.get("ready")),
        running="running" in state,
        completed=bool(ended) and not ended.get("exitCode"),
        waiting_reason=waiting.get("reason", ""),
        message=waiting.get("message", "") or ended.get("message", ""),
        restarts=restarts,
        failures=restarts + failed,
        exit_code=last.get("exitCode", 0),
        out_of_memory=last.get("reason") == "OOMKilled",
        memory_limit=((spec.get("resources") or {}).get("limits") or {}).get("memory", ""),
        env={each["name"]: each.get("value") or "" for each in spec.get("env") or []},
    )


def failing(container: Container) -> bool:
    """Whether a container's log may show an error: it failed before, or it is git-sync, which retries without an exit."""
    retries = container.running and container.name == "git-sync-init"
    return not container.completed and not container.ready and (container.failures > 0 or retries)


def is_task(pod: KubernetesObject) -> bool:
    """Whether a pod runs one task of a DAG instead of an Airflow component."""
    return "dag_id" in (pod["metadata"].get("labels") or {})


def workload(pod: KubernetesObject) -> str:
    """Name of a pod's workload, such as `scheduler`, or of its task."""
    labels = pod["metadata"].get("labels") or {}
    if is_task(pod):
        return f"task {labels['dag_id']}.{labels.get('task_id', '')}"
    return str(labels.get("component") or labels.get("job-name") or pod["metadata"]["name"])


def state_of(pod: KubernetesObject, pulled_image: str = "") -> str:
    """State of a pod in a few words. `pulled_image` is the image that its node is pulling."""
    status = pod["status"]
    if status.get("phase") in ("Succeeded", "Failed"):
        return "done" if status["phase"] == "Succeeded" else "failed"
    if not pod["spec"].get("nodeName"):
        return "waiting for a node"
    if pulled_image:
        return f"pulling {pulled_image}"
    every = list(containers(pod))
    container = next((each for each in every if each.init and not each.completed), None)
    if container is None:
        # Pods of Jobs and tasks never become ready.
        ends = pod["spec"].get("restartPolicy") in ("Never", "OnFailure")
        container = next((each for each in every if not each.init and (ends or not each.ready)), None)
    if container is None:
        return "ready"
    if container.completed:
        return "done"
    if container.waiting_reason not in ("", "ContainerCreating", "PodInitializing"):
        return f"{container.name}: {container.waiting_reason}"
    if container.running:
        other = f"running {container.name}" if container.init else "running" if is_task(pod) else "starting"
        return _STATES.get(container.name, other)
    return "starting"


def pulled_images(events: Iterable[KubernetesObject]) -> dict[str, str]:
    """Images that nodes are pulling, by the uid of the pod."""
    pulling: dict[str, str] = {}
    for event in sorted(events, key=event_time):
        uid, reason = event["involvedObject"].get("uid", ""), event.get("reason")
        if reason == "Pulling":
            pulling[uid] = event["message"].split('"')[1]
        elif reason in ("Pulled", "Failed"):
            pulling.pop(uid, None)
    return pulling


def creation_time(each: KubernetesObject) -> datetime:
    """Creation time of an object."""
    return parse_time(each["metadata"].get("creationTimestamp"))


def event_time(event: KubernetesObject) -> datetime:
    """Time at which an event was last seen."""
    return parse_time(
        event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    )


def parse_time(text: str | None) -> datetime:
    """A timestamp of the Kubernetes API; `LONG_AGO` without one."""
    return datetime.fromisoformat(text) if text else LONG_AGO
