"""What `recover` says: each thing that was found, what it means and what is done about it, in the user's words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_stack.cli.pulumi_cli import State
from airflow_stack.cli.recover import state_repair as recover_state
from airflow_stack.cli.recover.cluster_objects import HelmRevision
from airflow_stack.cli.recover.lock import Lock, Owner, parse
from airflow_stack.cli.recover.state_repair import Operation, Presence

_HELM_SECONDS = 900  # where the release says nothing else


@dataclass(frozen=True)
class Finding:
    """One thing that was found, what it means and what is done about it."""

    found: str
    remedy: str
    mendable: bool = True

    def __str__(self) -> str:
        """Both on one line."""
        return f"{self.found}: {self.remedy}"


def of_torn(file: str) -> Finding:
    """A sidecar of a state file, which had to go before anything else could be found."""
    return Finding(
        f"Pulumi could not read its state, for {file} was cut short", "removed; it held nothing of the state"
    )


def of_lock(held: str, stack: str, gone: str) -> Iterator[Finding]:
    """Each lock that Pulumi names; `gone` is the holder of which the user knows that it is."""
    locks = parse(held)
    if held and not locks:
        way_out = f"if nobody runs it any more, `pulumi cancel --stack {stack}`, then this command again"
        yield Finding(f"the stack is held ({held.strip()})", way_out, False)
    for lock in locks:
        yield _one_lock(lock, gone)


def _one_lock(lock: Lock, gone: str) -> Finding:
    owner = lock.owner()
    if owner is Owner.RUNS:
        return Finding(f"an update is running ({lock})", "left alone; wait for its end", False)
    if owner is Owner.DEAD:
        return Finding(f"the stack is locked by an update that is dead ({lock})", "unlocked")
    if gone == lock.holder:
        return Finding(f"the stack is locked from another machine ({lock})", "unlocked, as you say that it is gone")
    way_out = f"if you know that it no longer runs there, add `--gone {lock.holder}`"
    return Finding(f"the stack is locked from another machine ({lock})", f"left alone; {way_out}", False)


def of_revision(revision: HelmRevision, state: State, *, interrupted: bool) -> Finding:
    """A revision that keeps Helm from working; Helm gives up by itself after the release's timeout."""
    found = f"Helm's revision {revision.number} in namespace {revision.namespace} is {revision.status}"
    seconds = max((each["inputs"].get("timeout", _HELM_SECONDS) for each in recover_state.releases(state)), default=0)
    until = revision.created + timedelta(seconds=seconds or _HELM_SECONDS)
    if not interrupted and datetime.now(UTC) < until:
        return Finding(found, f"a Helm elsewhere may still work on it; ask again after {until:%H:%M:%S} UTC", False)
    return Finding(found, "Helm's record of it is deleted; its objects stay, and the next `up` takes them over")


def of_operation(operation: Operation, presence: Presence) -> Finding:
    """An operation of which only the beginning was noted."""
    found = f"{operation.subject} was interrupted while {operation.type}"
    if operation.type == "creating":
        return Finding(found, _created(operation, presence))
    if operation.type == "updating" and recover_state.is_kubernetes(operation.resource):
        return Finding(found, "noted as unfinished; the next `up` applies it again")
    return Finding(found, "the note is removed; the next `up` does it again if it is still wanted")


def _created(operation: Operation, presence: Presence) -> str:
    if not operation.is_object:
        return "the note is removed; the next `up` makes it"
    return {
        Presence.ABSENT: "it is not in the cluster; the next `up` makes it",
        Presence.OURS: "it is in the cluster; taken into the state as unfinished, and the next `up` finishes it",
        Presence.FOREIGN: "what is in the cluster by that name is not Pulumi's; delete or rename that before the next `up`",
    }[presence]
