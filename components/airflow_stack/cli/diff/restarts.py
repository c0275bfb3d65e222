"""Which pods restart, and why: pure, from the two sides."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_stack.cli.diff.object_changes import Change, checksums, fields, normal
from airflow_stack.cli.diff.quoting import code, listed
from airflow_stack.cli.diff.renderings import Manifest, Side

_READ = ("Secret", "ConfigMap")
KINDS = ("Deployment", "StatefulSet", "DaemonSet")
# The charts' names of checksums whose object is not called `airflow-<name>`.
_OBJECTS = {"statsd-config": "ConfigMap/airflow-statsd", "webserver-config": "ConfigMap/airflow-webserver-config"}


_GIT_SYNC = ("GITSYNC_", "GIT_SYNC_", "GIT_KNOWN_HOSTS", "GIT_SSH_")
# Where a pod differs, in words.
_REASONS = {
    r"\.image$": "the image changes",
    r"ontainers\[[^\]]*\]$": "containers come or go",
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
    """A workload whose pods are made anew."""

    workload: str
    because: tuple[str, ...]


def part(key: str) -> str:
    """A workload in words: `Deployment/airflow-scheduler` is the scheduler."""
    return key.split("/", 1)[1].removeprefix("airflow-")


def is_workload(key: str) -> bool:
    """Whether an object keeps pods running."""
    return key.startswith(tuple(f"{kind}/" for kind in KINDS))


def template(manifest: Manifest) -> Mapping[str, Any]:
    """The pod of a workload."""
    found: Mapping[str, Any] = manifest.get("spec", {}).get("template", {})
    return found


def restarts(before: Side, after: Side, changed: list[Change]) -> list[Restart]:
    """The workloads on both sides whose pods differ."""
    keys = {change.key: change for change in changed}
    found = []
    for key in sorted(filter(is_workload, before.objects.keys() & after.objects.keys())):
        old, new = normal(template(before.objects[key])), normal(template(after.objects[key]))
        if old != new:
            found.append(Restart(key, tuple(_reasons(old, new, keys))))
    return found


def _reasons(old: Mapping[str, Any], new: Mapping[str, Any], changed: Mapping[str, Change]) -> list[str]:
    found = list(_own_reasons([field.path for field in fields(old, new)]))
    found += [_cause(name, changed) for name in checksums(old, new)]
    return found or ["generated checksums change"]


def _cause(checksum: str, changed: Mapping[str, Change]) -> str:
    """The object behind a checksum; of a ConfigMap what changed in it."""
    names = [_OBJECTS.get(checksum, ""), *(f"{kind}/{n}" for n in (checksum, f"airflow-{checksum}") for kind in _READ)]
    key = next((name for name in names if name in changed), "")
    if not key:
        return f"{code(checksum)} changes"
    kind, _, name = key.partition("/")
    if kind == "Secret":
        return f"Secret {code(name)} changes"
    paths = (re.sub(r"^data\.(airflow\.cfg\.)?|(?<=\.yaml)\..*", "", field.path) for field in changed[key].fields)
    return f"ConfigMap {code(name)} changes ({listed(map(code, sorted(set(paths))), 3)})"


def _own_reasons(paths: list[str]) -> Iterator[str]:
    variables = {match[1]: None for path in paths if (match := re.search(r"\.env\[(.*?)\]", path))}
    others = [name for name in variables if not name.startswith(_GIT_SYNC)]
    if others != list(variables):
        yield "git-sync's settings change"
    if others:
        yield f"the environment changes ({listed(map(code, others), 4)})"
    said = {path: next((words for form, words in _REASONS.items() if re.search(form, path)), "") for path in paths}
    yield from dict.fromkeys(words for words in _REASONS.values() if words and words in said.values())
    if unsaid := [path for path, words in said.items() if not words and ".env[" not in path]:
        yield f"the pod changes ({listed(map(code, unsaid), 2)})"
