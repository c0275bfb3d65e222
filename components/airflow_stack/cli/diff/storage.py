"""Effects on volumes and their data. Pure.

A claim may only grow, and only if its StorageClass allows it (https://kubernetes.io/docs/concepts/storage/persistent-volumes/). A change of
its class or access modes replaces it (pulumi-kubernetes, provider/pkg/provider/diff.go). `replacements.py` has the other objects.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from airflow_stack.settings.kubernetes_rules import quantity

from .model import Effect, Manifest, RenderedStack, dangerous
from .quoting import code


@dataclass(frozen=True)
class Volume:
    """Volumes of one claim of an object."""

    name: str
    """Key of the object, and name of a claim template."""
    count: int
    size: str
    storage_class: str | None
    modes: tuple[str, ...] = ()

    @property
    def bytes(self) -> Decimal:
        """Size of each."""
        return quantity(self.size) or Decimal()


def volumes(rendered: RenderedStack) -> dict[str, Volume]:
    """Every volume of a rendering, by name."""
    return {volume.name: volume for key, manifest in rendered.objects.items() for volume in _volumes(key, manifest)}


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


def storage_effects(before: RenderedStack, after: RenderedStack) -> Iterator[Effect]:
    """Effects on the volumes and their data."""
    old, new = volumes(before), volumes(after)
    for name in sorted(old.keys() | new.keys()):
        if name in old and name in new:
            yield from _changed(old[name], new[name], is_released=name in after.released)
        elif name in old:
            yield _removed(name, old[name])
        else:
            yield Effect("volume", f"A volume of {code(new[name].size)} is created for {code(name)}.")


def _removed(name: str, volume: Volume) -> Effect:
    size = code(volume.size)
    if name.startswith("StatefulSet/"):
        return dangerous("data", f"{code(name)} is deleted; its volume of {size} stays, unused, until its claim is deleted by hand.")  # fmt: skip
    return dangerous("data", f"{code(name)} is deleted, with all data on its volume of {size}.")


def _changed(old: Volume, new: Volume, *, is_released: bool) -> Iterator[Effect]:
    name, sizes = code(new.name), f"from {code(old.size)} to {code(new.size)}"
    template = new.name.startswith("StatefulSet/")
    if new.bytes > old.bytes:
        existing = " The existing volume keeps its size: enlarge its claim by hand too." if template else ""
        yield Effect("volume grows", f"{name} grows {sizes}, if its StorageClass allows it (allowVolumeExpansion).{existing}")  # fmt: skip
    if new.bytes < old.bytes:
        result = "the existing volume keeps its size" if template else "the update fails"
        yield dangerous("volume shrinks", f"{name} would shrink {sizes}, which Kubernetes does not allow: {result}.")
    for what, left, right in (
        ("StorageClass", old.storage_class, new.storage_class),
        ("access modes", old.modes, new.modes),
    ):
        if left != right:
            was, then = (code(", ".join(v) if isinstance(v, tuple) else v or "the default") for v in (left, right))
            if template:
                result = "the existing volume stays as it is, and only a new volume gets the new value."
            elif new.name.startswith("Cluster/"):
                result = "existing instances keep their volumes; the operator moves no data."
            elif is_released:
                result = "Helm's upgrade fails."
            else:
                result = "the claim is deleted and recreated once no pod uses it, and all data on it is lost."
            yield dangerous("volume replaced", f"The {what} of {name} changes from {was} to {then}: {result}")
