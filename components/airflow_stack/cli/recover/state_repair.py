"""Pending operations of an interrupted update, and a state with which the next `up` can continue. Pure.

Pulumi records an operation before it begins, and removes the record when the result is saved. A recorded operation may or may not have
happened. Its resource becomes what it would be after an ordinary failure: known, but not known to be ready (`initErrors`). The next `up`
applies it again and waits for it, even if no setting has changed.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from airflow_stack.cli.pulumi_state import RELEASE, State, StateResource, resources

_INTERRUPTED = "interrupted, and not known to be ready"


class Presence(Enum):
    """Whether the cluster has an object, and its creator."""

    ABSENT = "absent"
    PULUMI = "created by Pulumi"
    FOREIGN = "created by something else"


@dataclass(frozen=True)
class PendingOperation:
    """An operation without a recorded end."""

    type: str
    """creating, updating, deleting, reading or importing."""
    resource: StateResource

    @property
    def is_object(self) -> bool:
        """Whether it is about an object of the cluster: not a Helm release, and not a value in the state alone."""
        return is_kubernetes(self.resource) and self.resource["type"] != RELEASE

    @property
    def subject(self) -> str:
        """Kind and name of the resource."""
        metadata = self.resource.get("inputs", {}).get("metadata", {})
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{self.resource['type'].rsplit(':', 1)[1]} {name or self.resource['urn'].rsplit('::', 1)[1]}"


def is_kubernetes(resource: StateResource) -> bool:
    """Whether the Kubernetes provider manages a resource."""
    return str(resource["type"]).startswith("kubernetes:")


def pending_operations(state: State) -> list[PendingOperation]:
    """The operations without a recorded end."""
    pending = state["deployment"].get("pending_operations") or []
    return [PendingOperation(each["type"], each["resource"]) for each in pending]


def releases(state: State) -> Iterator[StateResource]:
    """Every Helm release in the state or in a pending operation."""
    pending = [operation.resource for operation in pending_operations(state)]
    return (resource for resource in [*resources(state), *pending] if resource["type"] == RELEASE)


def repaired(state: State, presence: Callable[[StateResource], Presence]) -> State:
    """The state without pending operations, their resources marked as unfinished."""
    state = copy.deepcopy(state)
    known = state["deployment"]["resources"] = list(resources(state))
    for operation in pending_operations(state):
        if operation.type == "creating" and operation.is_object:
            if presence(operation.resource) is Presence.PULUMI:
                _add_created(known, operation.resource)
        elif operation.type == "updating" and is_kubernetes(operation.resource):
            for resource in known:
                if resource["urn"] == operation.resource["urn"] and not resource.get("delete"):
                    resource["initErrors"] = [_INTERRUPTED]
    state["deployment"].pop("pending_operations", None)
    return state


def _add_created(known: list[StateResource], resource: StateResource) -> None:
    """Add an existing object to the state. Otherwise the next `up` would create it again and fail with "already exists"."""
    inputs = resource["inputs"]
    metadata = inputs["metadata"]
    added = {
        **resource,
        "id": "/".join(filter(None, (metadata.get("namespace"), metadata["name"]))),
        # As the provider records it (checkpointObject in pulumi-kubernetes), which reads its old inputs from here.
        "outputs": {**inputs, "__inputs": inputs, "__initialApiVersion": inputs["apiVersion"]},
        "initErrors": [_INTERRUPTED],
    }
    same = [i for i, old in enumerate(known) if old["urn"] == resource["urn"] and not old.get("delete")]
    if not same:
        known.append(added)
        return
    old = known[same[0]]
    if old.get("pendingReplacement"):  # already deleted
        known[same[0]] = added
    elif old["id"] != added["id"]:  # to be deleted once its replacement exists
        known[same[0]] = added
        known.append({**old, "delete": True})
