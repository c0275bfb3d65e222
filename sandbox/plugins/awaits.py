"""When an object is ready, and in words what it still waits for. Polls; never changes anything."""

import threading
import time
from collections.abc import Callable, Iterator

from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.wire import Properties

_DEFAULT_TIMEOUT = 600.0  # seconds, as the official provider has it
_PERIOD = 0.25  # seconds


class AwaitError(Exception):
    """The object failed for good, time is up or the run was cancelled; the message says what was missing."""


def missing(live: Properties) -> str | None:
    """Say what an object lacks to be ready, or why it never will be; None when it is ready."""
    wish = live["metadata"].get("annotations", {}).get("pulumi.com/waitFor", "")
    if wish.startswith("condition="):
        wanted = wish.removeprefix("condition=")
        return None if _is_true(live, wanted) else f"its condition {wanted} is not met"
    check = _CHECKS.get(live["kind"])
    return check(live) if check else None


def until_ready(api: Api, live: Properties, timeout: float, cancelled: threading.Event) -> Properties:
    """Wait until an object is ready; return it as it is then."""

    def poll() -> Properties | str:
        current = get_again(api, live)
        if current is None:
            raise AwaitError("it was deleted while it was awaited")
        lacking = missing(current)
        if lacking and current["kind"] == "Job" and _is_true(current, "Failed"):
            raise AwaitError(lacking)
        return lacking or current

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
            raise AwaitError(f"timed out: {state}")
        if cancelled.wait(_PERIOD):
            raise AwaitError(f"cancelled: {state}")


def get_again(api: Api, live: Properties) -> Properties | None:
    """Fetch an object as it is now."""
    metadata = live["metadata"]
    return api.get(live["apiVersion"], live["kind"], metadata.get("namespace", ""), metadata["name"])


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


def _is_true(live: Properties, condition: str) -> bool:
    return bool(_conditions(live).get(condition, {}).get("status") == "True")


def _job(live: Properties) -> str | None:
    if _is_true(live, "Failed"):
        failed = _conditions(live)["Failed"]
        return f"the Job failed [{failed['reason']}]: {failed.get('message', '')}"
    if _is_true(live, "Complete"):
        return None
    counts = (f"{live.get('status', {}).get(key, 0)} {key}" for key in ("active", "succeeded", "failed"))
    return f"the Job is not complete ({', '.join(counts)})"


def _rolled_out(live: Properties) -> str | None:
    status, wanted = live.get("status", {}), live["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return "its controller has not seen the change yet"
    counts = {key: status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")}
    if set(counts.values()) == {wanted}:
        return None
    return ", ".join(f"{key} {count} of {wanted}" for key, count in counts.items())


def _claim(live: Properties) -> str | None:
    phase = live.get("status", {}).get("phase")
    return None if phase == "Bound" else f"the volume is not bound (phase {phase})"


_CHECKS: dict[str, Callable[[Properties], str | None]] = {
    "Deployment": _rolled_out,
    "StatefulSet": _rolled_out,
    "Job": _job,
    "PersistentVolumeClaim": _claim,
}
