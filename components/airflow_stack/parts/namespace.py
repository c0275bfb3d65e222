"""Airflow's namespace: Pod Security, an optional quota, and no ingress traffic without a policy. An existing one is not changed."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from .kubernetes import KubernetesObject, PlacedArgs, metadata


class AirflowNamespaceArgs(TypedDict):
    """Arguments of `AirflowNamespace`."""

    name: pulumi.Input[str]
    """Name of the namespace."""
    create: NotRequired[bool]
    """False for an existing namespace: no resource is created."""
    labels: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Labels of the namespace and of the objects in it."""
    tier: NotRequired[str]
    """Deployment tier, as the label `airflow-stack/tier` of the namespace; left out: none."""
    quota: NotRequired[Mapping[str, pulumi.Input[str]]]
    """`hard` of a ResourceQuota; left out: none."""


class AirflowNamespace(pulumi.ComponentResource):
    """A namespace that enforces Pod Security `restricted` and denies every incoming connection that no policy allows.

    The chart (`networkPolicies.enabled`) and the database have policies that let Airflow's components connect.
    """

    name: pulumi.Output[str]
    """Name of the namespace, known once it exists."""
    resource: KubernetesObject | None = None
    """The namespace itself, unless it existed."""

    def __init__(self, name: str, args: AirflowNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowNamespace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = args.get("labels", {})
        if not args.get("create", True):
            self.name = pulumi.Output.from_input(args["name"])
            self.register_outputs({"name": self.name})
            return

        level = {
            f"pod-security.kubernetes.io/{mode}": "restricted"  # https://kubernetes.io/docs/concepts/security/pod-security-standards/
            for mode in ("enforce", "audit", "warn")
        }
        tier = {"airflow-stack/tier": args["tier"]} if "tier" in args else {}
        namespace = KubernetesObject(
            f"{name}-namespace",
            "v1",
            "Namespace",
            {"metadata": {"name": args["name"], "labels": {**labels, **tier, **level}}},
            child,
        )
        self.resource = namespace
        self.name = namespace.metadata["name"].apply(str)

        placed: PlacedArgs = {"namespace": self.name, "labels": labels}
        KubernetesObject(
            f"{name}-deny-ingress",
            "networking.k8s.io/v1",
            "NetworkPolicy",
            # No podSelector: every pod.
            {"metadata": metadata("deny-ingress", placed), "spec": {"policyTypes": ["Ingress"]}},
            child,
        )
        if quota := args.get("quota"):
            manifest = {"metadata": metadata("airflow", placed), "spec": {"hard": quota}}
            KubernetesObject(f"{name}-quota", "v1", "ResourceQuota", manifest, child)
        self.register_outputs({"name": self.name})
