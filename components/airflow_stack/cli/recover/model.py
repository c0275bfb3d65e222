"""Leftovers of an interrupted update: what each means, and its repair. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_stack.cli.pulumi_state import State

from .cluster_objects import HelmRevision
from .lock import Lock, LockOwner, parse_locks
from .state_repair import PendingOperation, Presence, is_kubernetes, releases

_HELM_SECONDS = 900  # Helm's timeout if the release has none


@dataclass(frozen=True)
class Leftover:
    """One leftover of an interrupted update."""

    description: str
    remedy: str
    repairable: bool = True
    """False: nothing may be repaired, because an update may still run."""

    def __str__(self) -> str:
        """Description and remedy on one line."""
        return f"{self.description}: {self.remedy}"


def of_truncated_file(name: str) -> Leftover:
    """A truncated sidecar of a state file. It is removed at once, because Pulumi could not read the state with it."""
    return Leftover(f"Pulumi could not read its state, because {name} was truncated", "removed; it held no state")


def of_locks(locked: str, stack: str, gone: str) -> Iterator[Leftover]:
    """Each lock in a message of Pulumi. `gone` is the holder whose update has ended, as the user confirms."""
    locks = parse_locks(locked)
    if locked and not locks:
        remedy = f"if no update runs any more, `pulumi cancel --stack {stack}`, then run this command again"
        yield Leftover(f"the stack is locked ({locked.strip()})", remedy, False)
    for lock in locks:
        yield _of_lock(lock, gone)


def _of_lock(lock: Lock, gone: str) -> Leftover:
    owner = lock.owner()
    if owner is LockOwner.RUNNING:
        return Leftover(f"an update is running ({lock})", "not touched; wait until it has ended", False)
    if owner is LockOwner.DEAD:
        return Leftover(f"the stack is locked by a dead update ({lock})", "unlock")
    description = f"the stack is locked from another machine ({lock})"
    if gone == lock.holder:
        return Leftover(description, "unlock, because you confirmed that its update has ended")
    return Leftover(description, f"not touched; if its update has ended for certain, add `--gone {lock.holder}`", False)


def of_revision(revision: HelmRevision, state: State, *, interrupted: bool) -> Leftover:
    """A revision that blocks Helm. Helm itself gives up after the release's timeout."""
    description = f"Helm's revision {revision.number} in namespace {revision.namespace} is {revision.status}"
    seconds = max((each["inputs"].get("timeout", _HELM_SECONDS) for each in releases(state)), default=0)
    end = revision.created + timedelta(seconds=seconds or _HELM_SECONDS)
    if not interrupted and datetime.now(UTC) < end:
        return Leftover(description, f"Helm may still work on it; run this command after {end:%H:%M:%S} UTC", False)
    return Leftover(description, "delete Helm's record of it; its objects stay, and the next `up` takes them over")


def of_operation(operation: PendingOperation, presence: Presence) -> Leftover:
    """An operation without a recorded end."""
    description = f"{operation.subject} was interrupted while {operation.type}"
    if operation.type == "creating":
        return Leftover(description, _remedy_of_creation(operation, presence))
    if operation.type == "updating" and is_kubernetes(operation.resource):
        return Leftover(description, "mark it as unfinished; the next `up` applies it again")
    return Leftover(description, "remove the operation; the next `up` repeats it if it is still needed")


def _remedy_of_creation(operation: PendingOperation, presence: Presence) -> str:
    if not operation.is_object:
        return "remove the operation; the next `up` creates it"
    return {
        Presence.ABSENT: "it is not in the cluster; the next `up` creates it",
        Presence.PULUMI: "it is in the cluster; add it to the state as unfinished, and the next `up` completes it",
        Presence.FOREIGN: "the cluster has an object of that name that is not Pulumi's; delete or rename it before the next `up`",
    }[presence]
