"""What an interrupted update left in a stack's state, and the state as the next `up` can go on from it. Pure: no engine, no cluster.

Pulumi notes an operation before it begins and takes the note away when the result is saved. What is noted may or may not have happened, so
that every resource concerned becomes what it would be after an ordinary failure: known, but not known to be ready (`initErrors`). The next
`up` then applies it again and waits for it, even where no setting has changed.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_stack.cli.pulumi_cli import State

Resource = dict[str, Any]
RELEASE = "kubernetes:helm.sh/v3:Release"
_INTERRUPTED = "interrupted, and not known to be ready"


class Presence(Enum):
    """Whether an object is in the cluster."""

    ABSENT = "absent"
    OURS = "made by Pulumi"
    FOREIGN = "made by something else"


@dataclass(frozen=True)
class Operation:
    """An operation that was begun and whose end was not noted."""

    type: str
    """creating, updating, deleting, reading or importing."""
    resource: Resource

    @property
    def is_object(self) -> bool:
        """Whether it is about an object of the cluster: not a Helm release, and not a value that only the state holds."""
        return is_kubernetes(self.resource) and self.resource["type"] != RELEASE

    @property
    def subject(self) -> str:
        """The resource in words."""
        metadata = self.resource.get("inputs", {}).get("metadata", {})
        name = metadata.get("name") if isinstance(metadata, dict) else None
        return f"{self.resource['type'].rsplit(':', 1)[1]} {name or self.resource['urn'].rsplit('::', 1)[1]}"


def is_kubernetes(resource: Resource) -> bool:
    """Whether the Kubernetes provider makes it."""
    return str(resource["type"]).startswith("kubernetes:")


def operations(state: State) -> list[Operation]:
    """The operations whose end is not known."""
    pending = state["deployment"].get("pending_operations") or []
    return [Operation(each["type"], each["resource"]) for each in pending]


def resources(state: State) -> list[Resource]:
    """The resources that the state knows."""
    return state["deployment"].get("resources") or []


def releases(state: State) -> Iterator[Resource]:
    """Every Helm release that the state knows or that an operation is about."""
    pending = [operation.resource for operation in operations(state)]
    return (resource for resource in [*resources(state), *pending] if resource["type"] == RELEASE)


def mended(state: State, presence: Callable[[Resource], Presence]) -> State:
    """The state without pending operations, and with what they concern marked as unfinished."""
    state = copy.deepcopy(state)
    known = state["deployment"]["resources"] = list(resources(state))
    for operation in operations(state):
        if operation.type == "creating" and operation.is_object:
            if presence(operation.resource) is Presence.OURS:
                _adopt(known, operation.resource)
        elif operation.type == "updating" and is_kubernetes(operation.resource):
            for resource in known:
                if resource["urn"] == operation.resource["urn"] and not resource.get("delete"):
                    resource["initErrors"] = [_INTERRUPTED]
    state["deployment"].pop("pending_operations", None)
    return state


def _adopt(known: list[Resource], resource: Resource) -> None:
    """Take an object that exists into the state, from what the note of its creation says.

    Without this the next `up` would create it anew and end in "already exists".
    """
    inputs = resource["inputs"]
    metadata = inputs["metadata"]
    adopted = {
        **resource,
        "id": "/".join(filter(None, (metadata.get("namespace"), metadata["name"]))),
        # As the provider records it (checkpointObject in pulumi-kubernetes), which reads its old inputs from here.
        "outputs": {**inputs, "__inputs": inputs, "__initialApiVersion": inputs["apiVersion"]},
        "initErrors": [_INTERRUPTED],
    }
    same = [i for i, old in enumerate(known) if old["urn"] == resource["urn"] and not old.get("delete")]
    if not same:
        known.append(adopted)
        return
    old = known[same[0]]
    if old.get("pendingReplacement"):  # it is gone already
        known[same[0]] = adopted
    elif old["id"] != adopted["id"]:  # it is to go when its replacement is there
        known[same[0]] = adopted
        known.append({**old, "delete": True})
