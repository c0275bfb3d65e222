"""What happens to volumes, and to the data on them: pure, from the two sides.

What Kubernetes and Pulumi do with a changed claim: a claim may only grow, and only where its StorageClass allows it
(https://kubernetes.io/docs/concepts/storage/persistent-volumes/); its class and access modes replace it
(pulumi-kubernetes, provider/pkg/provider/diff.go). Claim templates replace a StatefulSet, while the claims it has made stay as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lightkube.utils.quantity import parse_quantity

from airflow_stack.cli.diff.model import Finding, dangerous
from airflow_stack.cli.diff.quoting import code
from airflow_stack.cli.diff.renderings import Manifest, Side
from airflow_stack.cli.immutable_fields import REFUSED_BY_KUBERNETES, REPLACED_BY_PROVIDER


@dataclass(frozen=True)
class Volume:
    """Volumes of one kind that an object asks for."""

    name: str
    count: int
    size: str
    storage_class: str | None
    modes: tuple[str, ...] = ()

    @property
    def bytes(self) -> Decimal:
        """Size of each."""
        return parse_quantity(self.size) or Decimal()


def volumes(side: Side) -> dict[str, Volume]:
    """Every volume that a side asks for, by object and claim."""
    return {volume.name: volume for key, manifest in side.objects.items() for volume in _volumes(key, manifest)}


def _volumes(key: str, manifest: Manifest) -> Iterator[Volume]:
    kind, _, _ = key.partition("/")
    spec = manifest.get("spec", {})
    if kind == "PersistentVolumeClaim":
        yield _claim(key, 1, spec)
    if kind == "StatefulSet":
        for template in spec.get("volumeClaimTemplates") or []:
            yield _claim(f"{key}/{template['metadata']['name']}", int(spec.get("replicas", 1)), template["spec"])
    if kind == "Cluster":  # CloudNativePG
        storage = spec.get("storage", {})
        yield Volume(key, int(spec.get("instances", 1)), str(storage.get("size", "0")), storage.get("storageClass"))


def _claim(name: str, count: int, spec: Mapping[str, Any]) -> Volume:
    size = str(spec.get("resources", {}).get("requests", {}).get("storage", "0"))
    return Volume(name, count, size, spec.get("storageClassName"), tuple(spec.get("accessModes") or ()))


def storage(before: Side, after: Side) -> Iterator[Finding]:
    """What is found about the volumes and their data."""
    old, new = volumes(before), volumes(after)
    for name in sorted(old.keys() | new.keys()):
        if name in old and name in new:
            yield from _changed(old[name], new[name])
        elif name in old:
            yield _gone(name, old[name])
        else:
            yield Finding("volume", f"A volume of {code(new[name].size)} is made for {code(name)}.")
    for key in sorted(before.objects.keys() & after.objects.keys()):
        if key.startswith("StatefulSet/"):
            yield from _replaced(key, before, after)


def _gone(name: str, volume: Volume) -> Finding:
    if name.startswith("StatefulSet/"):
        text = f"{code(name)} goes; its volume of {code(volume.size)} stays behind, unused, until somebody deletes the claim."
        return dangerous("data", text)
    return dangerous("data", f"{code(name)} is deleted, and all data on its volume of {code(volume.size)} with it.")


def _changed(old: Volume, new: Volume) -> Iterator[Finding]:
    name, sizes = code(new.name), f"from {code(old.size)} to {code(new.size)}"
    template = new.name.startswith("StatefulSet/")
    if new.bytes > old.bytes:
        stays = " The volume that is there stays as it is: raise its claim by hand too." if template else ""
        yield Finding(
            "volume grows", f"{name} grows {sizes}, which its StorageClass must allow (allowVolumeExpansion).{stays}"
        )
    if new.bytes < old.bytes:
        ends = "the volume that is there keeps its size" if template else "the update fails"
        yield dangerous("volume shrinks", f"{name} is to shrink {sizes}: Kubernetes shrinks no volume, so {ends}.")
    for what, left, right in (
        ("StorageClass", old.storage_class, new.storage_class),
        ("access modes", old.modes, new.modes),
    ):
        if left != right:
            was, then = (code(", ".join(v) if isinstance(v, tuple) else v or "the default") for v in (left, right))
            if template:
                ends = "a volume that is there stays where it is, and only a new one would follow."
            elif new.name.startswith("Cluster/"):
                ends = "instances that are there keep their volumes; the operator moves no data."
            else:
                ends = "the claim is deleted and made anew once no pod uses it, and all data on it is lost."
            yield dangerous("volume replaced", f"The {what} of {name} changes from {was} to {then}: {ends}")


def _replaced(key: str, before: Side, after: Side) -> Iterator[Finding]:
    old, new = (side.objects[key].get("spec", {}) for side in (before, after))
    immutable = (REFUSED_BY_KUBERNETES if key in after.released else REPLACED_BY_PROVIDER)["StatefulSet"]
    fields = [name for name in (path.removeprefix("spec.") for path in immutable) if old.get(name) != new.get(name)]
    if not fields:
        return
    if key in after.released:
        text = f"{code(key)} cannot change {code(', '.join(fields))}: Helm's upgrade fails until the StatefulSet is deleted by hand."
        yield dangerous("refused", text)
    else:
        yield dangerous(
            "replaced",
            f"{code(key)} is deleted and made anew ({code(', '.join(fields))} changes): it is away meanwhile.",
        )


def protected(before: Side, gone: list[str]) -> Iterator[Finding]:
    """What Pulumi will refuse, because it is protected and would be deleted."""
    for key in sorted(before.protected & set(gone)):
        yield dangerous("protected", f"{code(key)} is protected: `pulumi up` stops before it deletes it.")
