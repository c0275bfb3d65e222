"""Workloads whose pods restart, and why. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Manifest, ObjectChange, RenderedStack
from .object_changes import changed_checksums, field_changes, normalized
from .quoting import code, listed

_READ_KINDS = ("Secret", "ConfigMap")
_WORKLOAD_KINDS = ("Deployment/", "StatefulSet/", "DaemonSet/")
# Checksums in the charts whose object is not called `airflow-<name>`.
_OBJECTS = {"statsd-config": "ConfigMap/airflow-statsd", "webserver-config": "ConfigMap/airflow-webserver-config"}
_GIT_SYNC = ("GITSYNC_", "GIT_SYNC_", "GIT_KNOWN_HOSTS", "GIT_SSH_")
# Patterns of fields of a pod, and reasons.
_REASONS = {
    r"\.image$": "the image changes",
    r"ontainers\[[^\]]*\]$": "containers are added or removed",
    r"\.(args|command)\b": "the command changes",
    r"\.resources\.": "the resources change",
    r"\.volumeMounts\b|^spec\.volumes\b": "the volumes change",
    r"\.ports\b": "the ports change",
    r"Probe\.": "the probes change",
    r"\bsecurityContext\b": "the security context changes",
    r"^metadata\.labels\b": "the labels change",
}


@dataclass(frozen=True)
class Restart:
    """A workload whose pods are recreated."""

    workload: str
    reasons: tuple[str, ...]


def short_name(key: str) -> str:
    """`Deployment/airflow-scheduler` is `scheduler`."""
    return key.split("/", 1)[1].removeprefix("airflow-")


def is_workload(key: str) -> bool:
    """Whether an object keeps pods running."""
    return key.startswith(_WORKLOAD_KINDS)


def pod_template(manifest: Manifest) -> Mapping[str, Any]:
    """The pod template of a workload or Job."""
    found: Mapping[str, Any] = manifest.get("spec", {}).get("template", {})
    return found


def restarts(before: RenderedStack, after: RenderedStack, changes: list[ObjectChange]) -> list[Restart]:
    """The workloads of both renderings whose pod templates differ."""
    by_key = {change.key: change for change in changes}
    found = []
    for key in sorted(filter(is_workload, before.objects.keys() & after.objects.keys())):
        old, new = (normalized(pod_template(rendered.objects[key])) for rendered in (before, after))
        if old != new:
            found.append(Restart(key, tuple(_reasons(old, new, by_key))))
    return found


def _reasons(old: Mapping[str, Any], new: Mapping[str, Any], changes: Mapping[str, ObjectChange]) -> list[str]:
    found = list(_field_reasons([change.path for change in field_changes(old, new)]))
    found += [_checksum_reason(name, changes) for name in changed_checksums(old, new)]
    return found or ["generated checksums change"]


def _checksum_reason(checksum: str, changes: Mapping[str, ObjectChange]) -> str:
    """The object of a checksum; of a ConfigMap also its changed keys."""
    names = (checksum, f"airflow-{checksum}")
    keys = [_OBJECTS.get(checksum, ""), *(f"{kind}/{name}" for name in names for kind in _READ_KINDS)]
    key = next((key for key in keys if key in changes), "")
    if not key:
        return f"{code(checksum)} changes"
    kind, _, name = key.partition("/")
    if kind == "Secret":
        return f"Secret {code(name)} changes"
    paths = (re.sub(r"^data\.(airflow\.cfg\.)?|(?<=\.yaml)\..*", "", field.path) for field in changes[key].fields)
    return f"ConfigMap {code(name)} changes ({listed(map(code, sorted(set(paths))), 3)})"


def _field_reasons(paths: list[str]) -> Iterator[str]:
    variables = {match[1]: None for path in paths if (match := re.search(r"\.env\[(.*?)\]", path))}
    others = [name for name in variables if not name.startswith(_GIT_SYNC)]
    if others != list(variables):
        yield "git-sync's settings change"
    if others:
        yield f"the environment changes ({listed(map(code, others), 4)})"
    reasons = {path: next((text for form, text in _REASONS.items() if re.search(form, path)), "") for path in paths}
    yield from dict.fromkeys(text for text in _REASONS.values() if text in reasons.values())
    if unknown := [path for path, text in reasons.items() if not text and ".env[" not in path]:
        yield f"the pod changes ({listed(map(code, unknown), 2)})"
