"""Why a stack will not come up by itself, in the user's words: what fails, why, and the way out.

Pure: plain objects of the Kubernetes API in, problems out; only the logs of containers that failed are asked for. A problem is told when
waiting does not help. Two failed attempts are enough for what only a person can mend (a wrong key); what mends itself (an outage) gets time.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import Container, containers, creation, failing, time_of, workload
from airflow_stack.cli.status.causes import CAUSES, Line, Problem

_ATTEMPTS = 2
_PATIENCE = 180.0  # seconds for what may mend itself
_UNSCHEDULED = 45.0  # seconds; a rolling update gives its room back sooner
_PULL_FAILURES = {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_SETUP_FAILURES = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_SETUP_SECONDS = 20.0
_MISSING = re.compile(r"not found|couldn't find key")
_CRASHES = 3
_NO_ANSWER = re.compile(r"timeout|no such host|refused|unreachable|TLS|EOF|\b50\d\b")
_REFUSAL = re.compile(r"exceeded quota|violates PodSecurity|denied the request|forbidden", re.IGNORECASE)


@dataclass
class _Sightings:
    attempts: int
    seconds: float
    where: set[str]


def find(
    pods: Iterable[KubernetesObject], events: Sequence[KubernetesObject], reader: NamespaceReader, now: datetime
) -> list[Problem]:
    """Name each lasting problem once, with the workloads that have it."""
    seen: dict[Problem, _Sightings] = defaultdict(lambda: _Sightings(0, 0.0, set()))
    of_pod = defaultdict(list)
    for event in events:
        of_pod[event["involvedObject"].get("uid")].append(event)
    for pod in pods:
        age = (now - creation(pod)).total_seconds()
        for problem, attempts in _of_pod(pod, of_pod[pod["metadata"]["uid"]], reader, age):
            sightings = seen[problem]
            sightings.attempts += attempts
            sightings.seconds = max(sightings.seconds, age)
            sightings.where.add(workload(pod))
    for problem, owner, attempts in _refusals(events):
        seen[problem].attempts += attempts
        seen[problem].where.add(owner)
    return [replace(p, where=", ".join(sorted(s.where))) for p, s in seen.items() if _lasts(p, s)]


def _lasts(problem: Problem, sightings: _Sightings) -> bool:
    return sightings.attempts >= _ATTEMPTS and (not problem.may_mend_itself or sightings.seconds > _PATIENCE)


def _of_pod(
    pod: KubernetesObject, events: list[KubernetesObject], reader: NamespaceReader, age: float
) -> Iterator[tuple[Problem, int]]:
    if (unscheduled := _unscheduled(pod, events)) and age > _UNSCHEDULED:
        yield unscheduled, _ATTEMPTS
    mounts = [each for each in events if each.get("reason") in ("FailedMount", "FailedAttachVolume")]
    if mounts and all(container.waits for container in containers(pod)):
        yield _volume(mounts[-1]["message"], may_mend_itself=True), mounts[-1].get("count", 1)
    for container in containers(pod):
        if container.waits in _PULL_FAILURES:
            yield _image(container, events), _ATTEMPTS
        elif container.waits in _SETUP_FAILURES and age > _SETUP_SECONDS:
            yield _setup(container), _ATTEMPTS
        elif container.out_of_memory:
            once = pod["spec"].get("restartPolicy") == "Never"
            yield _memory(pod, container), _ATTEMPTS if once else container.failures
        elif failing(container):
            yield from _failure(pod, container, reader)


def _failure(pod: KubernetesObject, container: Container, reader: NamespaceReader) -> Iterator[tuple[Problem, int]]:
    lines = reader.log(pod, container)
    for cause in CAUSES:
        hits = [match for line in lines if (match := cause.pattern.search(line))]
        if hits:
            # git-sync tries again by itself, so that a line is an attempt; elsewhere an exit is one.
            attempts = max(container.failures, len(hits) if container.name.startswith("git-sync") else 0)
            yield cause.problem(Line(hits[-1], container, partial(reader.public_key, pod))), attempts
            return
    if container.failures >= _CRASHES:
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
        yield (
            Problem(
                f"container {container.name} ends again and again, with exit code {container.exit_code}",
                f"its last words: {said[-300:]}",
                "`make logs` shows more",
            ),
            _ATTEMPTS,
        )


def _unscheduled(pod: KubernetesObject, events: list[KubernetesObject]) -> Problem | None:
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            if any(event.get("reason") == "TriggeredScaleUp" for event in events):
                return None  # a node is on its way
            why = condition.get("message", "").split(". ")[0]
            if "PersistentVolumeClaim" in why:
                return _volume(why)
            return Problem(
                "no node has room for a pod",
                why,
                "lower airflow:size, or cpu and memory in airflow:components, or give the cluster a larger node",
            )
    return None


def _volume(why: str, *, may_mend_itself: bool = False) -> Problem:
    return Problem(
        "a volume cannot be used",
        why,
        "`kubectl get pvc,storageclass` shows what there is; name a storageClass in airflow:database or airflow:logs",
        may_mend_itself,
    )


def _image(container: Container, events: Sequence[KubernetesObject]) -> Problem:
    said = [each["message"] for each in events if each.get("reason") == "Failed" and container.image in each["message"]]
    text = max((container.message, *said), key=len)
    what = f"the image {container.image} cannot be pulled"
    if re.search(r"unauthorized|denied|forbidden|authentication required", text, re.IGNORECASE):
        return Problem(what, "the registry refuses access", "name a pull Secret in airflow:images.pullSecrets")
    if _NO_ANSWER.search(text) and not container.image.startswith("localhost/"):
        way_out = "is the registry reachable from the nodes? airflow:images.registry names a mirror"
        return Problem(what, _short(text), way_out, may_mend_itself=True)
    return Problem(what, "there is no such image", "correct its repository and tag in airflow:images")


def _short(text: str) -> str:
    """Keep the end of a chain of Go errors, which says it."""
    return ": ".join(text.strip().splitlines()[-1].split(": ")[-2:])[:200]


def _setup(container: Container) -> Problem:
    return Problem(
        f"container {container.name} cannot be started",
        container.message,
        "a Secret or ConfigMap that a setting names must exist in the namespace, with that key",
        may_mend_itself=not _MISSING.search(
            container.message
        ),  # else the kubelet met a change halfway, and tries again
    )


def _memory(pod: KubernetesObject, container: Container) -> Problem:
    limit = container.memory_limit or "the node's memory"
    key = re.sub(r"-(\w)", lambda letter: letter[1].upper(), workload(pod))
    return Problem(
        f"container {container.name} ran out of memory",
        f"it needs more than its limit of {limit}, and the kernel ended it (OOMKilled)",
        f"raise the limit: pulumi config set --path 'airflow:components.{key}.memory' <such as 2Gi>, or airflow:size",
    )


def _refusals(events: Iterable[KubernetesObject]) -> Iterator[tuple[Problem, str, int]]:
    """Pods that were never made, by what their controller was told."""
    latest: dict[str, KubernetesObject] = {}
    for event in sorted(events, key=time_of):
        if event.get("reason") == "FailedCreate" and _REFUSAL.search(event.get("message", "")):
            latest[event["involvedObject"]["name"]] = event
    for event in latest.values():
        message = event["message"].split("is forbidden: ")[-1]
        quota = "exceeded quota" in message
        yield (
            Problem(
                "the cluster refuses to make a pod",
                message[:300],
                "raise airflow:quota, or lower airflow:size"
                if quota
                else "the rule is the cluster's; ask its operators",
            ),
            re.sub(r"(-[0-9a-f]{8,10})?$", "", event["involvedObject"]["name"]).removeprefix("airflow-"),
            event.get("count", 1),
        )
