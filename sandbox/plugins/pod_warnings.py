"""Warnings about pods that are not ready, with the messages of the official provider: await/checker/pod/check.go."""

from collections.abc import Iterator

from sandbox.plugins.property_values import Properties


def warnings(pod: Properties) -> list[str]:
    """Reasons that a pod is not initialized or not ready. Empty before it is scheduled."""
    status = pod.get("status", {})
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    if conditions.get("PodScheduled", {}).get("status") != "True":
        return []
    for kind in ("Initialized", "Ready"):
        condition = conditions.get(kind)
        if condition is None:
            return []
        if condition["status"] == "True" or (kind == "Ready" and status.get("phase") == "Succeeded"):
            continue
        errors = "\n".join(line for each in status.get("containerStatuses") or [] for line in _errors(each))
        message = condition.get("message", "")
        if errors or message:
            return [f"[Pod {full_name(pod)}]: {message if condition.get('reason') else ''}{errors}"]
        return []
    return []


def full_name(live: Properties) -> str:
    """Name of an object, with its namespace unless that is `default`."""
    namespace, name = live["metadata"].get("namespace", ""), live["metadata"]["name"]
    return name if namespace in ("", "default") else f"{namespace}/{name}"


def is_owned_by(live: Properties, owner: Properties) -> bool:
    """Whether an object belongs to an owner."""
    owners = live["metadata"].get("ownerReferences") or []
    return any(each["uid"] == owner["metadata"]["uid"] for each in owners)


def _errors(container: Properties) -> Iterator[str]:
    if container.get("ready"):
        return
    state, last = container.get("state") or {}, (container.get("lastState") or {}).get("terminated")
    waits, ended = state.get("waiting"), state.get("terminated")
    if waits and waits.get("reason") != "ContainerCreating":
        yield f"[{waits.get('reason', '')}] {_trimmed(waits.get('message', ''))}"
    if ended and ended.get("reason"):
        message = ended.get("message")
        plain = f'container "{container["name"]}" completed with exit code {ended.get("exitCode", 0)}'
        yield f"[{ended['reason']}] {_trimmed(message)}" if message else plain
    if last:
        code = f"{last.get('reason', '')}: exit code {last.get('exitCode', 0)}"
        yield f'container "{container["name"]}" terminated at {last.get("finishedAt", "")} ({code})'
        if last.get("message"):
            yield last["message"]


def _trimmed(message: str) -> str:
    before = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(before).removesuffix(": manifest unknown")
