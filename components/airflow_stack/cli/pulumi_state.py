"""The state of a stack, as `pulumi stack export` prints it. Pure."""

from typing import Any

State = dict[str, Any]
"""A state; secrets in it are encrypted, unless it was exported decrypted."""
StateResource = dict[str, Any]
"""A resource in a state: `urn`, `type`, `id`, `inputs`, `outputs` and more."""

RELEASE = "kubernetes:helm.sh/v3:Release"
"""Type of a Helm release."""
NAMESPACE = "kubernetes:core/v1:Namespace"
"""Type of a namespace."""


def resources(state: State) -> list[StateResource]:
    """The resources in a state."""
    return state["deployment"].get("resources") or []
