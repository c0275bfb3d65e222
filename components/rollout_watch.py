"""The program of the rollout Job: waits until every workload of the release has rolled out, or says early why one will not.

It runs in the cluster, in Airflow's image, from its own text: standard library only, nothing of this project. It ends with exit code 0
when all is ready, and otherwise with 1; its termination message, which `pulumi up` prints, then says why.
"""

import json
import os
import re
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds for which a pod has to fail without a pause; a short outage, of a registry or a git host, ends by itself."""
PERIOD = 1.0
"""Seconds between two looks."""
NEXT = "`airflow-stack status` says more, and what to do about it."

Object = Mapping[str, Any]
Read = Callable[[str, str], Any]
"""Reads one namespace: given an API (`apis/apps/v1`) and a path below it, the `items` of a list or the lines of a log."""


def unready(workloads: Iterable[Object]) -> Iterator[str]:
    """Name the workloads that have not rolled out, by the rules of `kubectl rollout status`."""
    for each in workloads:
        spec, status = each["spec"], each.get("status", {})
        wanted = spec.get("replicas", 1)
        updated, ready, total = (status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas"))
        if spec.get("updateStrategy", {}).get("type") == "OnDelete":
            updated = total
        seen = status.get("observedGeneration", 0) >= each["metadata"].get("generation", 0)
        if not seen or updated < wanted or ready < wanted or total > wanted:
            yield f"{each['metadata']['name']} ({min(updated, ready)} of {wanted} ready)"


def failures(
    pods: Sequence[Object], replica_sets: Sequence[Object], events: Sequence[Object], read: Read
) -> dict[str, str]:
    """Say what keeps pods of the newest revision from being ready, by pod and container."""
    replaced = {each["metadata"]["uid"] for each in replica_sets if not each["spec"].get("replicas")}
    found = dict(_refused(events))
    for pod in pods:
        owners = {owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])}
        if not owners & replaced and not pod["metadata"].get("deletionTimestamp"):
            own = [event for event in events if event["involvedObject"].get("uid") == pod["metadata"]["uid"]]
            found |= dict([*_unplaced(pod, own), *_failing(pod, read)])
    return found


def _refused(events: Sequence[Object]) -> Iterator[tuple[str, str]]:
    """Pods that the cluster refused to make."""
    for event in events:
        if event.get("reason") == "FailedCreate" and "forbidden" in (message := event.get("message", "")):
            owner = event["involvedObject"]["name"]
            yield owner, f"{owner} may not make a pod: {_short(message.split('is forbidden: ')[-1])}"


def _unplaced(pod: Object, events: Sequence[Object]) -> Iterator[tuple[str, str]]:
    name, reasons = pod["metadata"]["name"], {event.get("reason"): event for event in events}
    for condition in pod["status"].get("conditions", []):
        if (condition["type"], condition["status"]) == ("PodScheduled", "False") and "TriggeredScaleUp" not in reasons:
            yield name, f"{name} has no node: {_short(condition.get('message', ''))}"
    failed = reasons.get("FailedMount") or reasons.get("FailedAttachVolume")
    if failed and all("waiting" in each["state"] for each in _statuses(pod)):
        yield name, f"{name} lacks a volume: {_short(failed['message'])}"


def _failing(pod: Object, read: Read) -> Iterator[tuple[str, str]]:
    for status in _statuses(pod):
        state, name = status["state"], status["name"]
        where = f"{pod['metadata']['name']}, container {name}"
        waits = state.get("waiting", {}).get("reason", "")
        ended = state.get("terminated") or status.get("lastState", {}).get("terminated") or {}
        if waits not in ("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"):
            yield where, f"{where}: {waits}: {_short(state['waiting'].get('message', ''))}"
        elif ended.get("exitCode") and not status.get("ready"):
            reason = f"{ended.get('reason', 'Error')}, exit code {ended['exitCode']}"
            yield where, f"{where} ended ({reason}): {_last_words(pod, name, read)}"
        elif name == "git-sync-init" and "running" in state and (said := _git_error(_log(pod, name, read))):
            yield where, f"{where}: {said}"


def _last_words(pod: Object, container: str, read: Read) -> str:
    log = _log(pod, container, read)
    return _git_error(log) or _short(next((line for line in reversed(log) if line.strip()), "it printed nothing"))


def _log(pod: Object, container: str, read: Read) -> list[str]:
    path = f"pods/{pod['metadata']['name']}/log?container={container}&tailLines=20"
    lines: list[str] = read("api/v1", path) or read("api/v1", f"{path}&previous=true")
    return lines


def _git_error(log: Sequence[str]) -> str:
    """The newest line's `error`, for git-sync tries again by itself (its log is JSON: kubernetes/git-sync, pkg/logging)."""
    try:
        said = json.loads(log[-1])["error"]
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
    return _short(re.sub(r'^.*stderr: "|" }$', "", str(said), flags=re.DOTALL).replace("\\n", " "))


def _statuses(pod: Object) -> list[Object]:
    return [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]


def _short(text: str) -> str:
    return " ".join(text.split())[:400]


def watch(read: Read, release: str, seconds: float, patience: float = PATIENCE) -> list[str]:
    """Look until all has rolled out or something lasts that hinders it: an empty list, or a line for each cause.

    Args:
        read: Reads the namespace.
        release: Name of the Helm release, which its objects have as a label.
        seconds: Until it gives up.
        patience: Seconds for which a pod has to fail without a pause.
    """
    selector, end, told = f"?labelSelector=release={release}", time.monotonic() + seconds, [""]
    since: dict[str, float] = {}
    while True:
        try:
            workloads = [
                each for kind in ("deployments", "statefulsets") for each in read("apis/apps/v1", f"{kind}{selector}")
            ]
            missing = list(unready(workloads))
            if workloads and not missing:
                return []
            pods = [pod for pod in read("api/v1", f"pods{selector}") if _is_of_workload(pod)]
            replica_sets = read("apis/apps/v1", f"replicasets{selector}")
            found = failures(pods, replica_sets, read("api/v1", "events"), read)
        except OSError as error:
            missing, found = [], {"": f"a pod cannot reach the Kubernetes API: {error}"}
        now = time.monotonic()
        since = {key: since.get(key, now) for key in found}
        if lasting := [found[key] for key in found if now - since[key] >= patience]:
            return lasting
        if now > end:
            return [f"not ready after {seconds:.0f} s: {', '.join(missing)}", *found.values()]
        if missing != told:
            print("waiting for", ", ".join(missing), flush=True)
            told = missing
        time.sleep(PERIOD)


def _is_of_workload(pod: Object) -> bool:
    """Neither a Job's pod nor one that runs a task."""
    return any(owner["kind"] in ("ReplicaSet", "StatefulSet") for owner in pod["metadata"].get("ownerReferences", []))


def in_cluster(namespace: str) -> Read:
    """Read the API with the account of this pod."""
    account = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"https://{f'[{host}]' if ':' in host else host}:{port}"

    def read(api: str, path: str) -> Any:  # noqa: ANN401  what the API server answers
        headers = {"Authorization": f"Bearer {(account / 'token').read_text()}"}
        request = urllib.request.Request(f"{address}/{api}/namespaces/{namespace}/{path}", headers=headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310
                text = answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            if "/log?" in path:
                return []  # it has not begun, or is gone
            raise OSError(f"{error} for {path}") from error
        return text.splitlines() if "/log?" in path else json.loads(text)["items"]

    return read


def main() -> None:
    """Watch the release that the environment names, and leave the outcome as the termination message."""
    environment = os.environ
    causes = watch(in_cluster(environment["NAMESPACE"]), environment["RELEASE"], float(environment["SECONDS"]))
    text = "\n".join([*causes, NEXT] if causes else ["every workload is ready"])
    Path("/dev/termination-log").write_text(text[:4000])
    print(text, flush=True)
    sys.exit(bool(causes))


if __name__ == "__main__":
    main()
