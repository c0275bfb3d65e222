"""Pods that a removed NetworkPolicy leaves open. Pure.

A pod that no policy selects accepts every connection (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Effect, Manifest, RenderedStack, dangerous
from .quoting import code, listed
from .restarts import is_workload, pod_template, short_name


def network_effects(before: RenderedStack, after: RenderedStack) -> Iterator[Effect]:
    """Effects of removed and changed NetworkPolicies on the workloads of both renderings."""
    both = sorted(filter(is_workload, before.objects.keys() & after.objects.keys()))
    opened = [key for key in both if _is_guarded(key, before) and not _is_guarded(key, after)]
    if opened:
        names = listed(code(short_name(key)) for key in opened)
        yield dangerous("network", f"No NetworkPolicy selects {names} any more: every pod of the cluster can connect.")


def _is_guarded(workload: str, rendered: RenderedStack) -> bool:
    """Whether a policy about incoming connections selects the pods of a workload."""
    labels = pod_template(rendered.objects[workload]).get("metadata", {}).get("labels") or {}
    policies = (manifest for key, manifest in rendered.objects.items() if key.startswith("NetworkPolicy/"))
    return any(_selects(policy, labels) for policy in policies)


def _selects(policy: Manifest, labels: Mapping[str, Any]) -> bool:
    spec = policy.get("spec") or {}
    if "Ingress" not in (spec.get("policyTypes") or ["Ingress"]):
        return False
    selector = spec.get("podSelector") or {}
    # Expressions are not evaluated: no chart uses them here, and a wrong alarm would hide right ones.
    return (selector.get("matchLabels") or {}).items() <= labels.items()
