"""What the first `up` does to the objects of a release, by its manifest and the one that the stack renders."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_stack.cli.immutable_fields import REFUSED_BY_KUBERNETES

_Object = tuple[str, str]

# Of other kinds the API server fills in immutable fields, so that two manifests may differ and yet mean the same.
_COMPARED = ("Deployment", "PersistentVolumeClaim", "StatefulSet")
_CLAIM_FIELDS = ("accessModes", "storageClassName", "resources")


@dataclass(frozen=True)
class Changes:
    """Objects by kind and name."""

    removed: list[_Object]
    made: list[_Object]
    refused: list[str]
    """What Kubernetes would refuse to change: the upgrade fails on it."""
    left_behind: list[str]
    """Volumes that nothing uses any more and nobody deletes."""


def compare(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Changes:
    """What changes from one manifest to another."""
    old, new = _by_name(before), _by_name(after)
    removed = sorted(old.keys() - new.keys())
    refused = [
        f"{kind} {name}: its {field} cannot be changed"
        for kind, name in sorted(old.keys() & new.keys())
        if kind in _COMPARED
        for field in (path.removeprefix("spec.") for path in REFUSED_BY_KUBERNETES[kind])
        if _comparable(old[kind, name], field) != _comparable(new[kind, name], field)
    ]
    left = [claim for kind, name in removed if kind == "StatefulSet" for claim in _claims(old[kind, name], name)]
    return Changes(removed, sorted(new.keys() - old.keys()), refused, left)


def _by_name(manifest: list[dict[str, Any]]) -> dict[_Object, dict[str, Any]]:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifest}


def _comparable(manifest: dict[str, Any], field: str) -> object:
    value = (manifest.get("spec") or {}).get(field)
    if field != "volumeClaimTemplates":
        return value
    return [(each["metadata"]["name"], [each["spec"].get(key) for key in _CLAIM_FIELDS]) for each in value or []]


def _claims(stateful_set: dict[str, Any], name: str) -> Iterator[str]:
    for template in stateful_set["spec"].get("volumeClaimTemplates") or []:
        yield f"{template['metadata']['name']}-{name}-*"
