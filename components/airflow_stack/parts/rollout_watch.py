"""Program of the rollout Job: waits until every workload of the release has rolled out, or ends early with the cause.

It runs in the cluster, in Airflow's image, from its own source: only the standard library, nothing of this project. Exit code 0 means ready.
With exit code 1 the termination message has the cause, and `pulumi up` prints it.

Only pods of the newest revision and current failures count: earlier failures and other pods are ignored.
"""

import json
import os
import re
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from http.client import HTTPException
from pathlib import Path
from typing import Any

PATIENCE = 60.0
"""Seconds of uninterrupted failure of a pod. A short outage of a registry or a git host ends by itself."""
PATIENCE_FOR_A_NODE = 300.0
"""Seconds of a pod without a node. Autoscalers and volumes take minutes, and not all of them write an event."""
CRASHES = 3
"""Restarts that count as a crash loop. Fewer occur while a sidecar or a database starts."""
CALM = 60.0
"""Seconds without a crash before a rollout is complete: a container without a readiness probe is ready between two crashes."""
MOUNTS = 4
"""Consecutive failed mounts. Fewer end by themselves."""
PERIOD = 2.0
"""Seconds between two checks."""
NEXT = "`airflow-stack status` shows details and fixes."
_STARTING = ("", "ContainerCreating", "PodInitializing", "CrashLoopBackOff")
_REFUSAL = re.compile(r"exceeded quota|violates PodSecurity|denied the request|forbidden", re.IGNORECASE)
_UNREACHABLE = (OSError, ValueError, HTTPException)

Object = Mapping[str, Any]
Read = Callable[[str, str], Any]
"""Reads one namespace: given an API (`apis/apps/v1`) and a path below it, the `items` of a list or the lines of a log."""


def unready(workloads: Iterable[Object]) -> Iterator[str]:
    """Workloads that have not rolled out, by the rules of `kubectl rollout status`."""
    for each in workloads:
        spec, status = each["spec"], each.get("status", {})
        wanted, strategy = spec.get("replicas", 1), spec.get("updateStrategy", {})
        to_update = max(0, wanted - strategy.get("rollingUpdate", {}).get("partition", 0))
        if strategy.get("type") == "OnDelete" or spec.get("paused"):
            to_update = 0
        updated, ready, total = (status.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "replicas"))
        seen = status.get("observedGeneration", 0) >= each["metadata"].get("generation", 0)
        if not seen or updated < to_update or ready < wanted or total > wanted:
            yield f"{each['metadata']['name']} ({ready} of {wanted} ready, {min(updated, wanted)} updated)"


class Look:
    """State of the release's newest revision at one moment."""

    def __init__(self, read: Read, release: str) -> None:
        self._read, self._now = read, datetime.now(timezone.utc)  # noqa: UP017  the image may have Python 3.10
        of = f"?labelSelector=release={release}"
        deployments, sets = read("apis/apps/v1", f"deployments{of}"), read("apis/apps/v1", f"statefulsets{of}")
        self.workloads: list[Object] = [*deployments, *sets]
        newest = _newest(deployments, read("apis/apps/v1", f"replicasets{of}"))
        self._makers: dict[str, Object] = {each["metadata"]["uid"]: each for each in [*newest, *sets]}
        pods = read("api/v1", f"pods{of},!dag_id")
        self._pods = [pod for pod in pods if self._counts(pod)]

    def crashed_lately(self) -> bool:
        """Whether a container failed or crashed repeatedly within `CALM`."""
        return any(self._age(last.get("finishedAt")) < CALM for pod in self._pods for _, last in _crashes(pod))

    def failures(self) -> Iterator[tuple[str, float, str]]:
        """Failures that keep pods from being ready: pod and container, seconds that the failure must last, and the cause."""
        for uid, maker in self._makers.items():
            if maker.get("status", {}).get("replicas", 0) < maker["spec"].get("replicas", 1):
                yield from self._refusals(uid, maker["metadata"]["name"])
        for pod in self._pods:
            name, states = pod["metadata"]["name"], [status["state"] for status in _statuses(pod)]
            for condition in pod["status"].get("conditions", []):
                if (condition["type"], condition["status"]) == ("PodScheduled", "False"):
                    yield from self._without_node(pod, condition.get("message", ""))
            if states and all("waiting" in state for state in states):
                yield from self._without_volume(pod)
            for status in _statuses(pod):
                where = f"{name}, container {status['name']}"
                yield from ((where, patience, f"{where}{cause}") for patience, cause in self._causes(pod, status))

    def _counts(self, pod: Object) -> bool:
        if pod["metadata"].get("deletionTimestamp") or pod["status"].get("phase") in ("Failed", "Succeeded"):
            return False
        for owner in pod["metadata"].get("ownerReferences", []):
            if maker := self._makers.get(owner["uid"]):
                revision = maker.get("status", {}).get("updateRevision")  # a StatefulSet's
                return not revision or pod["metadata"].get("labels", {}).get("controller-revision-hash") == revision
        return False

    def _causes(self, pod: Object, status: Object) -> Iterator[tuple[float, str]]:
        state, name = status["state"], status["name"]
        waits = state.get("waiting", {}).get("reason", "")
        if waits not in _STARTING:
            yield PATIENCE, f": {waits}: {_short(state['waiting'].get('message', ''))}"
        elif crash := next((last for each, last in _crashes(pod) if each is status), None):
            if status.get("restartCount", 0) >= CRASHES and not status.get("ready"):
                reason = f"{crash.get('reason', 'Error')}, exit code {crash.get('exitCode')}"
                yield 0.0, f" ended {status['restartCount']} times ({reason}): {self._last_words(pod, name)}"
        elif name == "git-sync-init" and "running" in state and (error := _git_error(self._log(pod, name))):
            yield PATIENCE, f": {error}"

    def _refusals(self, uid: str, name: str) -> Iterator[tuple[str, float, str]]:
        for event in self._events(uid, "FailedCreate"):
            if _REFUSAL.search(message := event.get("message", "")):
                yield name, PATIENCE, f"{name} cannot create a pod: {_short(message.split('is forbidden: ')[-1])}"

    def _without_node(self, pod: Object, message: str) -> Iterator[tuple[str, float, str]]:
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        if not any(
            self._events(uid, reason) for reason in ("TriggeredScaleUp", "Nominated")
        ):  # otherwise one is coming
            yield name, PATIENCE_FOR_A_NODE, f"{name} has no node: {_short(message)}"

    def _without_volume(self, pod: Object) -> Iterator[tuple[str, float, str]]:
        name = pod["metadata"]["name"]
        for reason in ("FailedMount", "FailedAttachVolume"):
            for event in self._events(pod["metadata"]["uid"], reason):
                if event.get("count", 1) >= MOUNTS:
                    yield name, PATIENCE, f"{name} lacks a volume: {_short(event['message'])}"

    def _events(self, uid: str, reason: str) -> list[Object]:
        """Recent events of one object. The kubelet repeats an event at least every two minutes."""
        found = self._read("api/v1", f"events?fieldSelector=involvedObject.uid={uid},reason={reason}")
        return [event for event in found if self._age(event.get("lastTimestamp") or event.get("eventTime")) < 150]

    def _age(self, timestamp: str | None) -> float:
        if not timestamp:
            return 0.0
        return (self._now - datetime.fromisoformat(timestamp.replace("Z", "+00:00"))).total_seconds()

    def _last_words(self, pod: Object, container: str) -> str:
        log = self._log(pod, container)
        return _git_error(log) or _short(next((line for line in reversed(log) if line.strip()), "no output"))

    def _log(self, pod: Object, container: str) -> list[str]:
        path = f"pods/{pod['metadata']['name']}/log?container={container}&tailLines=20"
        lines: list[str] = self._read("api/v1", path) or self._read("api/v1", f"{path}&previous=true")
        return lines


def _newest(deployments: Iterable[Object], replica_sets: Iterable[Object]) -> list[Object]:
    """ReplicaSets with the current template of their Deployment."""

    def revision(each: Object) -> int:
        return int(each["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision", 0))

    found = []
    for deployment in deployments:
        uid = deployment["metadata"]["uid"]
        own = [
            each
            for each in replica_sets
            if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", []))
        ]
        found += sorted(own, key=revision)[-1:]
    return found


def _crashes(pod: Object) -> Iterator[tuple[Object, Object]]:
    """Containers that ended but should run, each with its last termination. An init container may succeed."""
    for status in _statuses(pod):
        ended = status["state"].get("terminated")
        last = ended or status.get("lastState", {}).get("terminated") or {}
        if last.get("exitCode") or (last and not ended):
            yield status, last


def _git_error(log: Sequence[str]) -> str:
    """`error` of the newest line: git-sync retries by itself (its log is JSON: kubernetes/git-sync, pkg/logging)."""
    try:
        error = json.loads(log[-1])["error"]
    except (IndexError, KeyError, TypeError, ValueError):
        return ""
    return _short(re.sub(r'^.*stderr: "|" }$', "", str(error), flags=re.DOTALL).replace("\\n", " "))


def _statuses(pod: Object) -> list[Object]:
    return [*pod["status"].get("initContainerStatuses", []), *pod["status"].get("containerStatuses", [])]


def _short(text: str) -> str:
    """One line, without users and passwords in addresses: Pulumi keeps the message in its state."""
    return re.sub(r"://[^/@\s]+@", "://[hidden]@", " ".join(text.split()))[:400]


def watch(read: Read, release: str, seconds: float) -> list[str]:
    """Wait until every workload has rolled out or a failure lasts: an empty list, or one line per cause.

    Args:
        read: Reads the namespace.
        release: Name of the Helm release, which is a label of its objects.
        seconds: Timeout.
    """
    end, printed = time.monotonic() + seconds, list[str]()
    since: dict[str, float] = {}
    while True:
        try:
            look = Look(read, release)
            missing = list(unready(look.workloads))
            if look.workloads and not missing and not look.crashed_lately():
                return []
            found = list(look.failures())
        except _UNREACHABLE as error:
            missing, found = [], [("", PATIENCE, f"a pod cannot read the Kubernetes API: {error}")]
        now = time.monotonic()
        since = {key: since.get(key, now) for key, _, _ in found}
        if lasting := [cause for key, patience, cause in found if now - since[key] >= patience]:
            return lasting
        if now > end:
            return [f"not ready after {seconds:.0f} s: {', '.join(missing)}", *(cause for _, _, cause in found)]
        if missing != printed:
            print("waiting for", ", ".join(missing) or "a minute without a crash", flush=True)
            printed = missing
        time.sleep(PERIOD)


def in_cluster(namespace: str) -> Read:
    """Read the API with the account of this pod."""
    account = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"https://{f'[{host}]' if ':' in host else host}:{port}"

    def read(api: str, path: str) -> Any:  # noqa: ANN401  what the API server answers
        headers = {"Authorization": f"Bearer {(account / 'token').read_text()}"}
        request = urllib.request.Request(f"{address}/{api}/namespaces/{namespace}/{path}", headers=headers)  # noqa: S310
        is_log = "/log?" in path
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310
                text = answer.read().decode(errors="replace")
        except _UNREACHABLE as error:
            if is_log:
                return []  # the container has not started, is gone, or its node does not answer
            raise OSError(f"{error} for {path.partition('?')[0]}") from error
        return text.splitlines() if is_log else json.loads(text)["items"]

    return read


def main() -> None:
    """Watch the release named by the environment, and write the result to the termination message."""
    environment = os.environ
    causes = watch(in_cluster(environment["NAMESPACE"]), environment["RELEASE"], float(environment["SECONDS"]))
    text = "\n".join([*causes, NEXT] if causes else ["every workload is ready"])
    Path("/dev/termination-log").write_text(text[:4000])
    print(text, flush=True)
    sys.exit(bool(causes))


if __name__ == "__main__":
    main()
