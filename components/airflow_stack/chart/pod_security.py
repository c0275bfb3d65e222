"""Security contexts that Pod Security `restricted` demands (https://kubernetes.io/docs/concepts/security/pod-security-standards/)."""

from collections.abc import Mapping
from typing import Any

CONTAINER: Mapping[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""`securityContext` of a container. In the chart's values such a map replaces the chart's default, so a container that needs a user sets it too."""


def pod(user: int, group: int) -> dict[str, Any]:
    """`securityContext` of a pod that runs as a user, and whose volumes belong to the group."""
    return {
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def airflow_pod() -> dict[str, Any]:
    """The same for Airflow's image, whose user is 50000 and whose group is root's (chart 1.22.0, values.yaml, `uid` and `gid`)."""
    return pod(50000, 0)
