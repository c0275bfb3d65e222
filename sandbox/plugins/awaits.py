"""When an object is ready, and in words what it still waits for. Polls; never changes anything."""

import threading
import time
from collections.abc import Callable, Iterator

from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.wire import Properties, Value

_DEFAULT_TIMEOUT = 600.0  # seconds, as the official provider has it
_PERIOD = 0.25  # seconds


class NeverReadyError(Exception):
    """The object failed for good."""


class TimedOutError(Exception):
    """Time is up, or the run was cancelled; the message says what was missing last."""


def missing(api: Api, live: Properties) -> str | None:
    """Say what an object lacks to be ready, or None. Raises `NeverReadyError` if it will not be."""
    wish = live["metadata"].get("annotations", {}).get("pulumi.com/waitFor", "")
    if wish.startswith("condition="):
        wanted = wish.removeprefix("condition=")
        met = _conditions(live).get(wanted, {}).get("status") == "True"
        return None if met else f"its condition {wanted} is not met"
    check = _CHECKS.get(f"{live['apiVersion']}/{live['kind']}")
    return check(api, live) if check else None


def until_ready(api: Api, live: Properties, timeout: float, cancelled: threading.Event) -> Properties:
    """Wait until an object is ready; return it as it is then."""

    def poll() -> Properties | str:
        current = get_again(api, live)
        if current is None:
            raise NeverReadyError("it was deleted while it was awaited")
        return missing(api, current) or current

    return _poll(poll, timeout, cancelled)


def until_gone(api: Api, live: Properties, timeout: float, cancelled: threading.Event) -> None:
    """Wait until an object, and not one of the same name made later, is gone."""

    def poll() -> Properties | str:
        current = get_again(api, live)
        if current is None or current["metadata"]["uid"] != live["metadata"]["uid"]:
            return {}
        messages = [c["message"] for c in _conditions(current).values() if c["status"] == "True"]
        return "; ".join(["it is still there", *messages])

    _poll(poll, timeout, cancelled)


def _poll(poll: Callable[[], Properties | str], timeout: float, cancelled: threading.Event) -> Properties:
    end = time.monotonic() + (timeout or _DEFAULT_TIMEOUT)
    while True:
        try:
            state = poll()
        except ApiError as error:
            state = str(error)  # the API server may be back soon
        if not isinstance(state, str):
            return state
        if time.monotonic() > end:
            raise TimedOutError(f"timed out: {state}")
        if cancelled.wait(_PERIOD):
            raise TimedOutError(f"cancelled: {state}")


def get_again(api: Api, live: Properties) -> Properties | None:
    """Fetch an object as it is now."""
    metadata = live["metadata"]
    where = metadata.get("namespace", ""), metadata["name"]
    return api.get(live["apiVersion"], live["kind"], *where)


def troubles(api: Api, live: Properties) -> list[str]:
    """Say, a line each, what hinders the pods of a workload."""
    labels = live.get("spec", {}).get("selector", {}).get("matchLabels")
    if not labels:
        return []
    pods = api.list("v1", "Pod", live["metadata"].get("namespace", ""), labels)
    return [line for pod in pods for line in _pod_troubles(pod)]


def _pod_troubles(pod: Properties) -> Iterator[str]:
    name, status = pod["metadata"]["name"], pod.get("status", {})
    scheduled = _conditions(pod).get("PodScheduled", {})
    if scheduled.get("status") == "False":
        yield f"pod {name}: not scheduled: {scheduled.get('message', scheduled.get('reason'))}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state, last = container.get("state", {}), container.get("lastState", {})
        ended = state.get("terminated") or last.get("terminated")
        waits = state.get("waiting", {})
        if ended and ended.get("exitCode"):
            reason = f"{ended.get('reason', 'Error')}, exit code {ended['exitCode']}"
            yield f"pod {name}: container {container['name']} ended ({reason}){_said(ended)}"
        elif waits and waits.get("reason") not in ("ContainerCreating", "PodInitializing"):
            yield f"pod {name}: container {container['name']} waits ({waits['reason']}){_said(waits)}"


def _said(state: Properties) -> str:
    return f": {state['message'].strip()}" if state.get("message") else ""


def _conditions(live: Properties) -> dict[str, Properties]:
    return {c["type"]: c for c in live.get("status", {}).get("conditions") or []}


def _job(api: Api, live: Properties) -> str | None:
    conditions = _conditions(live)
    failed = conditions.get("Failed", {})
    if failed.get("status") == "True":
        raise NeverReadyError(f"the Job failed [{failed['reason']}]: {failed.get('message', '')}")
    if conditions.get("Complete", {}).get("status") == "True":
        return None
    status = live.get("status", {})
    counts = (f"{status.get(key, 0)} {key}" for key in ("active", "succeeded", "failed"))
    return f"the Job is not complete ({', '.join(counts)})"


def _deployment(api: Api, live: Properties) -> str | None:
    return _rolled_out(live, "updatedReplicas", "availableReplicas")


def _stateful_set(api: Api, live: Properties) -> str | None:
    if live["spec"].get("updateStrategy", {}).get("type") == "OnDelete":
        return _rolled_out(live, "readyReplicas")
    return _rolled_out(live, "updatedReplicas", "readyReplicas")


def _rolled_out(live: Properties, *counts: str) -> str | None:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return "its controller has not seen the change yet"
    lacking = [f"{key} {status.get(key, 0)} of {wanted}" for key in counts]
    done = all(status.get(key, 0) == wanted for key in counts)
    return None if done and status.get("replicas", 0) == wanted else ", ".join(lacking)


def _claim(api: Api, live: Properties) -> str | None:
    phase = live.get("status", {}).get("phase")
    if phase == "Bound":
        return None
    class_name = live["spec"].get("storageClassName")
    storage = api.get("storage.k8s.io/v1", "StorageClass", "", class_name) if class_name else None
    if phase == "Pending" and (storage or {}).get("volumeBindingMode") == "WaitForFirstConsumer":
        return None
    return f"the volume is not bound (phase {phase}, storage class {class_name or 'none'})"


_CHECKS: dict[str, Callable[[Api, Value], str | None]] = {
    "apps/v1/Deployment": _deployment,
    "apps/v1/StatefulSet": _stateful_set,
    "batch/v1/Job": _job,
    "v1/PersistentVolumeClaim": _claim,
}
