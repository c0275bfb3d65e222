"""Rule against pods with privileges of the node or of root, anywhere in the chart's values or in a manifest."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.choices import Tier

from .model import UNKNOWN, Resource, Rule, Violation, at, leaves, truth
from .places import Path, maps, parsed, without_comments

# Maps with names that users choose, and definitions of other types.
_OTHER_NAMES = frozenset(
    "labels annotations podAnnotations podLabels matchLabels nodeSelector config quotas stringData airflowPodAnnotations".split()
)
_OTHER_TYPES = ("CustomResourceDefinition", "ConfigMap", "Secret", "WebhookConfiguration", "ClusterPolicy")
_HARMLESS_CAPABILITIES = ("NET_BIND_SERVICE",)
_IN_TEMPLATE = re.compile(
    r"""\b(?:(privileged|hostNetwork|hostPID|hostIPC|allowPrivilegeEscalation)["']?:\s*["']?true\b|(hostPath)["']?:|(runAsUser)["']?:\s*["']?0\b)""",
    re.IGNORECASE,
)


def _privileges(resource: Resource) -> Iterator[Violation]:
    is_object = resource.type.startswith("kubernetes:") and not resource.type.endswith(_OTHER_TYPES)
    root = "values" if resource.is_airflow else "spec"
    if not (resource.is_airflow or is_object):
        return
    content = resource.at(root, {})
    for path, inner in maps(content, (root,)):
        if not _OTHER_NAMES & set(path):
            for key, reason in _reasons(inner, path):
                yield _violation(".".join((*path, key)), reason)
    for path, text in leaves(content):
        if "{{" in text and parsed(text) is None and (match := _IN_TEMPLATE.search(without_comments(text))):
            name = next(filter(None, match.groups()))
            yield _violation(".".join((root, *path)), f"has {name} in a template")
    if resource.is_airflow:
        yield from _redis(content)


def _reasons(inner: Mapping[str, Any], path: Path) -> Iterator[tuple[str, str]]:
    """Keys of a map that give privileges, each with a reason."""
    for key in ("privileged", "allowPrivilegeEscalation"):
        if _is_true(inner.get(key)):
            yield key, "lets a container take over its node"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if _is_true(inner.get(key)):
            yield key, "shares the node's network or processes with a pod"
    if isinstance(inner.get("hostPath"), Mapping | str):
        yield "hostPath", "gives a pod files of its node"
    user, non_root = inner.get("runAsUser"), inner.get("runAsNonRoot")
    if str(user) == "0":
        yield "runAsUser", "runs a container as root"
    elif user is None and non_root is not None and non_root is not UNKNOWN and not truth(non_root):
        yield "runAsNonRoot", "allows an image to run as root"
    if len(path) <= 2 and path[0] == "values" and str(inner.get("uid")) == "0":
        yield "uid", "runs a container as root"
    added = at(inner, "capabilities.add", [])
    if more := [str(each) for each in added if str(each).removeprefix("CAP_") not in _HARMLESS_CAPABILITIES]:
        yield "capabilities.add", f"adds rights of root: {', '.join(more)}"


def _redis(values: Mapping[str, Any]) -> Iterator[Violation]:
    runs = "Celery" in str(at(values, "executor", "CeleryExecutor")) and truth(at(values, "redis.enabled", True))
    own = [at(values, f"redis.{key}") for key in ("uid", "securityContext", "securityContexts")]
    if runs and not any(each not in (None, {}) for each in own):
        yield _violation("values.redis.uid", "is 0 by the chart's default, so Redis runs as root")


def _is_true(value: object) -> bool:
    return value is not UNKNOWN and truth(value)


def _violation(path: str, reason: str) -> Violation:
    return Violation(
        path,
        reason,
        "leave it out: no pod of this program needs it",
    )


RULES = (
    Rule(
        "no-privileges",
        "No pod has privileges of its node or of root.",
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
        _privileges,
        Tier.PRODUCTION,
    ),
)
