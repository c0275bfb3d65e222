"""Objects whose immutable fields change: replaced by Pulumi, refused by Helm, or protected. Pure."""

from collections.abc import Iterator, Sequence

from airflow_stack.cli.immutable_fields import REFUSED_BY_KUBERNETES, REPLACED_BY_PROVIDER

from .model import Effect, ObjectChange, RenderedStack, dangerous
from .quoting import code
from .restarts import is_workload

_OF_VOLUMES = ("spec.accessModes", "spec.storageClassName")
"""Fields of a claim; `storage.py` has their effects."""
_REPLACED_BY_DESIGN = ("ConfigMap", "Job")
"""Own objects that Pulumi replaces with each change, without a loss."""


def replacement_effects(
    before: RenderedStack, after: RenderedStack, changes: Sequence[ObjectChange]
) -> Iterator[Effect]:
    """Effects of changed immutable fields, and of deletions that Pulumi refuses."""
    for change in changes:
        kind = change.key.partition("/")[0]
        is_own = change.key not in after.released
        is_protected = change.key in before.protected
        fields = [] if change.what != "changed" else _immutable(change, is_own=is_own)
        if is_own and kind in _REPLACED_BY_DESIGN:
            fields = []
        of_volume = is_own and bool(fields) and kind == "PersistentVolumeClaim" and set(fields) <= set(_OF_VOLUMES)
        if is_protected and (change.what == "removed" or of_volume):
            yield dangerous("protected", f"{code(change.key)} is protected: `pulumi up` stops before it deletes it.")
        if not fields or of_volume:
            continue
        changed = code(", ".join(field.removeprefix("spec.") for field in fields))
        if not is_own:
            yield dangerous("refused", f"{code(change.key)} cannot change {changed}: Helm's upgrade fails until the {kind} is deleted by hand.")  # fmt: skip
        elif is_protected:
            yield dangerous("protected", f"{code(change.key)} is protected and cannot change {changed} in place: `pulumi up` stops before it replaces it.")  # fmt: skip
        else:
            outage = ": an outage meanwhile" if is_workload(change.key) else ""
            yield dangerous("replaced", f"{code(change.key)} is deleted and recreated, because {changed} changes{outage}.")  # fmt: skip


def _immutable(change: ObjectChange, *, is_own: bool) -> list[str]:
    """The immutable fields of an object that change."""
    known = (REPLACED_BY_PROVIDER if is_own else REFUSED_BY_KUBERNETES).get(change.key.partition("/")[0], ())
    paths = [field.path for field in change.fields]
    return [name for name in known if any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in paths)]
