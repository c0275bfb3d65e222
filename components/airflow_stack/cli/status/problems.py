"""Finds the problems that keep the pods of a namespace from becoming ready: summary, cause and fix.

Works on plain objects of the Kubernetes API; logs are read only of containers that failed. A problem counts when waiting does not help: two
failed attempts are enough for an error that needs a person, such as a wrong key. An outage gets three minutes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import Container, containers, creation_time, event_time, failing, workload

from .known_errors import KNOWN_ERRORS, ErrorLine
from .model import PodProblem

_ATTEMPTS = 2
_OUTAGE_SECONDS = 180.0
_UNSCHEDULED_SECONDS = 45.0  # a rolling update frees its room sooner
_PULL_FAILURES = {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_SETUP_FAILURES = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_SETUP_SECONDS = 20.0
_MISSING = re.compile(r"not found|couldn't find key")
_CRASHES = 3
_NO_ANSWER = re.compile(r"timeout|no such host|refused|unreachable|TLS|EOF|\b50\d\b")
_REFUSAL = re.compile(r"exceeded quota|violates PodSecurity|denied the request|forbidden", re.IGNORECASE)


@dataclass
class _Occurrences:
    attempts: int
    seconds: float
    workloads: set[str]


def find_problems(
    pods: Iterable[KubernetesObject], events: Sequence[KubernetesObject], reader: NamespaceReader, now: datetime
) -> list[PodProblem]:
    """Each problem once, with the workloads that have it.

    Args:
        pods: Pods of a namespace.
        events: Events of the namespace.
        reader: Reads logs and public keys.
        now: Current time.

    Raises:
        ClusterError: the API server does not answer or refuses.
    """
    found: dict[PodProblem, _Occurrences] = defaultdict(lambda: _Occurrences(0, 0.0, set()))
    by_pod = defaultdict(list)
    for event in events:
        by_pod[event["involvedObject"].get("uid")].append(event)
    for pod in pods:
        age = (now - creation_time(pod)).total_seconds()
        for problem, attempts in _of_pod(pod, by_pod[pod["metadata"]["uid"]], reader, age):
            occurrences = found[problem]
            occurrences.attempts += attempts
            occurrences.seconds = max(occurrences.seconds, age)
            occurrences.workloads.add(workload(pod))
    for problem, owner, attempts in _refused_pods(events):
        found[problem].attempts += attempts
        found[problem].workloads.add(owner)
    return [replace(p, workloads=", ".join(sorted(each.workloads))) for p, each in found.items() if _lasts(p, each)]


def _lasts(problem: PodProblem, occurrences: _Occurrences) -> bool:
    waited = not problem.may_recover or occurrences.seconds > _OUTAGE_SECONDS
    return waited and occurrences.attempts >= _ATTEMPTS


def _of_pod(
    pod: KubernetesObject, events: list[KubernetesObject], reader: NamespaceReader, age: float
) -> Iterator[tuple[PodProblem, int]]:
    if (unscheduled := _unscheduled(pod, events)) and age > _UNSCHEDULED_SECONDS:
        yield unscheduled, _ATTEMPTS
    mounts = [each for each in events if each.get("reason") in ("FailedMount", "FailedAttachVolume")]
    if mounts and all(container.waiting_reason for container in containers(pod)):
        yield _volume(mounts[-1]["message"], may_recover=True), mounts[-1].get("count", 1)
    for container in containers(pod):
        if container.waiting_reason in _PULL_FAILURES:
            yield _image(container, events), _ATTEMPTS
        elif container.waiting_reason in _SETUP_FAILURES and age > _SETUP_SECONDS:
            yield _setup(container), _ATTEMPTS
        elif container.out_of_memory:
            once = pod["spec"].get("restartPolicy") == "Never"
            yield _memory(pod, container), _ATTEMPTS if once else container.failures
        elif failing(container):
            yield from _failure(pod, container, reader)


def _failure(pod: KubernetesObject, container: Container, reader: NamespaceReader) -> Iterator[tuple[PodProblem, int]]:
    lines = reader.log(pod, container)
    for error in KNOWN_ERRORS:
        hits = [match for line in lines if (match := error.pattern.search(line))]
        if hits:
            # Of git-sync, which retries without an exit, a line is an attempt. Of other containers an exit is one.
            attempts = max(container.failures, len(hits) if container.name.startswith("git-sync") else 0)
            yield error.problem(ErrorLine(hits[-1], container, partial(reader.public_key, pod))), attempts
            return
    if container.failures >= _CRASHES:
        last_line = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        yield (
            PodProblem(
                f"container {container.name} exits repeatedly with exit code {container.exit_code}",
                f"last line of its log: {last_line[-300:]}",
                "see the log: `airflow-stack logs`",
            ),
            _ATTEMPTS,
        )


def _unscheduled(pod: KubernetesObject, events: list[KubernetesObject]) -> PodProblem | None:
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            if any(event.get("reason") == "TriggeredScaleUp" for event in events):
                return None  # the cluster autoscaler adds a node
            why = condition.get("message", "").split(". ")[0]
            if "PersistentVolumeClaim" in why:
                return _volume(why)
            return PodProblem(
                "no node has room for a pod",
                why,
                "lower airflow:size, or cpu and memory in airflow:components, or give the cluster a larger node",
            )
    return None


def _volume(why: str, *, may_recover: bool = False) -> PodProblem:
    return PodProblem(
        "a volume is not available",
        why,
        "see `kubectl get pvc,storageclass`; set a storageClass in airflow:database or airflow:logs",
        may_recover,
    )


def _image(container: Container, events: Sequence[KubernetesObject]) -> PodProblem:
    messages = [
        each["message"] for each in events if each.get("reason") == "Failed" and container.image in each["message"]
    ]
    text = max((container.message, *messages), key=len)
    summary = f"the image {container.image} cannot be pulled"
    if re.search(r"unauthorized|denied|forbidden|authentication required", text, re.IGNORECASE):
        return PodProblem(summary, "the registry denies access", "name a pull Secret in airflow:images.pullSecrets")
    if _NO_ANSWER.search(text) and not container.image.startswith("localhost/"):
        fix = "make the registry reachable from the nodes, or name a mirror in airflow:images.registry"
        return PodProblem(summary, _short(text), fix, may_recover=True)
    return PodProblem(summary, "the registry has no such image", "correct repository and tag in airflow:images")


def _short(text: str) -> str:
    """The end of a chain of Go errors, which names the cause."""
    return ": ".join(text.strip().splitlines()[-1].split(": ")[-2:])[:200]


def _setup(container: Container) -> PodProblem:
    return PodProblem(
        f"container {container.name} cannot start",
        container.message,
        "create the Secret or ConfigMap that a setting names, with that key, in the namespace",
        may_recover=not _MISSING.search(container.message),  # else the kubelet met a change halfway, and retries
    )


def _memory(pod: KubernetesObject, container: Container) -> PodProblem:
    limit = container.memory_limit or "the node's memory"
    key = re.sub(r"-(\w)", lambda letter: letter[1].upper(), workload(pod))
    return PodProblem(
        f"container {container.name} ran out of memory",
        f"it needs more than its limit of {limit} (OOMKilled)",
        f"raise the limit: pulumi config set --path 'airflow:components.{key}.memory' 2Gi, or airflow:size",
    )


def _refused_pods(events: Iterable[KubernetesObject]) -> Iterator[tuple[PodProblem, str, int]]:
    """Pods that the API server refuses, by the events of their controllers."""
    latest: dict[str, KubernetesObject] = {}
    for event in sorted(events, key=event_time):
        if event.get("reason") == "FailedCreate" and _REFUSAL.search(event.get("message", "")):
            latest[event["involvedObject"]["name"]] = event
    for event in latest.values():
        message = event["message"].split("is forbidden: ")[-1]
        quota = "exceeded quota" in message
        yield (
            PodProblem(
                "the cluster refuses a pod",
                message[:300],
                "raise airflow:quota, or lower airflow:size"
                if quota
                else "ask the operators of the cluster: the rule is theirs",
            ),
            re.sub(r"(-[0-9a-f]{8,10})?$", "", event["involvedObject"]["name"]).removeprefix("airflow-"),
            event.get("count", 1),
        )
