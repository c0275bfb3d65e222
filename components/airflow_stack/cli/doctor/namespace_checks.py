"""Check of a namespace that already exists (`createNamespace: false`): Pod Security and denied ingress, as the program sets them."""

from collections.abc import Callable
from typing import Any

from .model import CheckError, Status

Read = Callable[[str], dict[str, Any] | None]


def check_existing_namespace(name: str, read: Read) -> str:
    """Check a namespace. `read` returns an object or a list by its path.

    Raises:
        CheckError: it does not exist, or lacks Pod Security or a policy that denies ingress.
    """
    namespace = read(f"/api/v1/namespaces/{name}")
    if namespace is None:
        raise CheckError(
            f"{name!r} does not exist, and airflow:createNamespace is false", "create it, or remove createNamespace"
        )
    missing = []
    if "pod-security.kubernetes.io/enforce" not in (namespace["metadata"].get("labels") or {}):
        missing.append("no label pod-security.kubernetes.io/enforce, such as 'restricted'")
    policies = read(f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies") or {}
    if not any(_denies_ingress(policy["spec"]) for policy in policies.get("items", [])):
        missing.append("no NetworkPolicy that denies ingress by default")
    if missing:
        fix = "let the namespace's owner add them: Airflow runs with both"
        raise CheckError(f"{name!r} exists, with {' and '.join(missing)}", fix, Status.WARN)
    return f"{name!r} exists, with Pod Security and denied ingress"


def _denies_ingress(policy: dict[str, Any]) -> bool:
    selects_all = not any((policy.get("podSelector") or {}).values())
    return selects_all and "Ingress" in policy.get("policyTypes", ["Ingress"]) and not policy.get("ingress")
