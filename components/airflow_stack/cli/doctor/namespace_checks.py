"""What `doctor` looks at in a namespace that exists (`createNamespace: false`): whether it has what the program would have given it."""

from collections.abc import Callable
from typing import Any

from airflow_stack.cli.doctor.model import Status, UnwellError

Read = Callable[[str], dict[str, Any] | None]


def examine(name: str, read: Read) -> str:
    """Say that the namespace is there, and guarded; `read` returns an object or a list by its path.

    Raises:
        UnwellError: it is not there, or lacks Pod Security or a policy that denies ingress.
    """
    namespace = read(f"/api/v1/namespaces/{name}")
    if namespace is None:
        raise UnwellError(
            f"{name!r} is not there, and airflow:createNamespace is false", "make it, or leave createNamespace out"
        )
    lacks = []
    if "pod-security.kubernetes.io/enforce" not in (namespace["metadata"].get("labels") or {}):
        lacks.append("no label pod-security.kubernetes.io/enforce, such as 'restricted'")
    policies = read(f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies") or {}
    if not any(_denies(policy["spec"]) for policy in policies.get("items", [])):
        lacks.append("no NetworkPolicy that denies ingress by default")
    if lacks:
        way_out = "have them added by whoever owns the namespace: Airflow runs with both"
        raise UnwellError(f"{name!r} is there, and has {' and '.join(lacks)}", way_out, Status.WARN)
    return f"{name!r} is there, with Pod Security and denied ingress"


def _denies(policy: dict[str, Any]) -> bool:
    selects_all = not any((policy.get("podSelector") or {}).values())
    return selects_all and "Ingress" in policy.get("policyTypes", ["Ingress"]) and not policy.get("ingress")
