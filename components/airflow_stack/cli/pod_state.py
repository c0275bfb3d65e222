"""Reads a pod as the Kubernetes API gives it: whose it is, what it is doing in a few words, and how its containers fare. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_stack.cli.kubernetes_client import KubernetesObject

_LONG_AGO = datetime.fromtimestamp(0, UTC)
WAITS_FOR_MIGRATION = "waiting for the migration"
_WORDS = {
    "git-sync-init": "syncing git",
    "wait-for-airflow-migrations": WAITS_FOR_MIGRATION,
    "migrate-database": "migrating the database",
    "create-user": "creating the admin user",
    "rollout": "watching the rollout",
}


@dataclass(frozen=True)
class Container:
    """A container's declaration and status in one."""

    name: str
    image: str
    init: bool
    ready: bool
    running: bool
    done: bool
    """Whether it ended well."""
    waits: str
    """Why it does not run: the reason, such as `ImagePullBackOff`."""
    message: str
    restarts: int
    failures: int
    """How many of its attempts have failed."""
    exit_code: int
    out_of_memory: bool
    memory_limit: str
    env: Mapping[str, str]


def containers(pod: KubernetesObject) -> Iterator[Container]:
    """Yield the containers of a pod in the order in which they start."""
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
        done=bool(ended) and not ended.get("exitCode"),
        waits=waiting.get("reason", ""),
        message=waiting.get("message", "") or ended.get("message", ""),
        restarts=restarts,
        failures=restarts + failed,
        exit_code=last.get("exitCode", 0),
        out_of_memory=last.get("reason") == "OOMKilled",
        memory_limit=((spec.get("resources") or {}).get("limits") or {}).get("memory", ""),
        env={each["name"]: each.get("value") or "" for each in spec.get("env") or []},
    )


def failing(container: Container) -> bool:
    """Tell whether a container's log may say what is wrong: it failed before, or it is git-sync, which tries again by itself."""
    tries = container.running and container.name == "git-sync-init"
    return not container.done and not container.ready and (container.failures > 0 or tries)


def is_task(pod: KubernetesObject) -> bool:
    """Tell whether a pod runs one task of a DAG and not a part of Airflow."""
    return "dag_id" in (pod["metadata"].get("labels") or {})


def workload(pod: KubernetesObject) -> str:
    """Name the part that a pod belongs to, such as `scheduler`, or the task that it runs."""
    labels = pod["metadata"].get("labels") or {}
    if is_task(pod):
        return f"task {labels['dag_id']}.{labels.get('task_id', '')}"
    return str(labels.get("component") or labels.get("job-name") or pod["metadata"]["name"])


def doing(pod: KubernetesObject, pulling: str = "") -> str:
    """Say what a pod is doing; `pulling` is the image that its node is getting for it."""
    status = pod["status"]
    if status.get("phase") in ("Succeeded", "Failed"):
        return "done" if status["phase"] == "Succeeded" else "failed"
    if not pod["spec"].get("nodeName"):
        return "waiting for a node"
    if pulling:
        return f"pulling {pulling}"
    every = list(containers(pod))
    container = next((each for each in every if each.init and not each.done), None)
    if container is None:
        ends = pod["spec"].get("restartPolicy") in ("Never", "OnFailure")  # a Job's pod, or a task's, is never ready
        container = next((each for each in every if not each.init and (ends or not each.ready)), None)
    if container is None:
        return "ready"
    if container.done:
        return "done"
    if container.waits not in ("", "ContainerCreating", "PodInitializing"):
        return f"{container.name}: {container.waits}"
    if container.running:
        other = f"running {container.name}" if container.init else "running" if is_task(pod) else "starting"
        return _WORDS.get(container.name, other)
    return "starting"


def pulls(events: Iterable[KubernetesObject]) -> dict[str, str]:
    """Tell which image is being pulled for which pod, by the pod's uid."""
    under_way: dict[str, str] = {}
    for event in sorted(events, key=time_of):
        uid, reason = event["involvedObject"].get("uid", ""), event.get("reason")
        if reason == "Pulling":
            under_way[uid] = event["message"].split('"')[1]
        elif reason in ("Pulled", "Failed"):
            under_way.pop(uid, None)
    return under_way


def creation(thing: KubernetesObject) -> datetime:
    """When an object was made."""
    return _time(thing["metadata"].get("creationTimestamp"))


def time_of(event: KubernetesObject) -> datetime:
    """When an event was last seen."""
    return _time(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp"))


def last_failure(pod: KubernetesObject, events: Iterable[KubernetesObject]) -> datetime:
    """When something last went wrong with a pod."""
    statuses = [*(pod["status"].get("initContainerStatuses") or []), *(pod["status"].get("containerStatuses") or [])]
    ends = [
        state
        for each in statuses
        for key in ("state", "lastState")
        if (state := (each.get(key) or {}).get("terminated"))
    ]
    failures = [_time(end.get("finishedAt")) for end in ends if end.get("exitCode")]
    told = [time_of(event) for event in events if event.get("reason", "").startswith("Failed")]
    return max([*failures, *told], default=_LONG_AGO)


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else _LONG_AGO
