"""Effects of the first `up` on the objects of a release, from its manifest and the stack's. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_stack.cli.immutable_fields import REFUSED_BY_KUBERNETES

_ObjectKey = tuple[str, str]
"""Kind and name."""

# In other kinds the API server sets defaults of immutable fields, so two manifests may differ without an effect.
_COMPARED = ("Deployment", "PersistentVolumeClaim", "StatefulSet")
_CLAIM_FIELDS = ("accessModes", "storageClassName", "resources")


@dataclass(frozen=True)
class FirstUpdate:
    """Objects by kind and name."""

    removed: list[_ObjectKey]
    created: list[_ObjectKey]
    refused: list[str]
    """Changes that Kubernetes refuses: the upgrade fails."""
    left_behind: list[str]
    """Volumes that are no longer used and not deleted."""


def first_update(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> FirstUpdate:
    """Compare two manifests."""
    old, new = _by_key(before), _by_key(after)
    removed = sorted(old.keys() - new.keys())
    refused = [
        f"{kind} {name}: its {field} cannot be changed"
        for kind, name in sorted(old.keys() & new.keys())
        if kind in _COMPARED
        for field in (path.removeprefix("spec.") for path in REFUSED_BY_KUBERNETES[kind])
        if _comparable(old[kind, name], field) != _comparable(new[kind, name], field)
    ]
    left = [claim for kind, name in removed if kind == "StatefulSet" for claim in _claims(old[kind, name], name)]
    return FirstUpdate(removed, sorted(new.keys() - old.keys()), refused, left)


def _by_key(manifest: list[dict[str, Any]]) -> dict[_ObjectKey, dict[str, Any]]:
    return {(each["kind"], each["metadata"]["name"]): each for each in manifest}


def _comparable(manifest: dict[str, Any], field: str) -> object:
    value = (manifest.get("spec") or {}).get(field)
    if field != "volumeClaimTemplates":
        return value
    return [(each["metadata"]["name"], [each["spec"].get(key) for key in _CLAIM_FIELDS]) for each in value or []]


def _claims(stateful_set: dict[str, Any], name: str) -> Iterator[str]:
    for template in stateful_set["spec"].get("volumeClaimTemplates") or []:
        yield f"{template['metadata']['name']}-{name}-*"
