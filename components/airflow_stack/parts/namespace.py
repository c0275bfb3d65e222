"""The namespace that Airflow runs in: Pod Security, an optional quota, and no way in but the ones that are named.

One that exists is used as it is.
"""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi

from airflow_stack.parts.kubernetes import KubernetesObject, PlacedArgs, metadata


class AirflowNamespaceArgs(TypedDict):
    """What a caller decides about the namespace."""

    name: pulumi.Input[str]
    """Name of the namespace."""
    create: NotRequired[bool]
    """False for one that exists: nothing is made."""
    labels: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Labels of the namespace and of what is in it."""
    quota: NotRequired[Mapping[str, pulumi.Input[str]]]
    """`hard` of a ResourceQuota; left out: none."""


class AirflowNamespace(pulumi.ComponentResource):
    """A namespace that enforces Pod Security `restricted` and denies every connection that no policy allows.

    The policies that let Airflow's components talk are the chart's (`networkPolicies.enabled`) and the database's own.
    """

    name: pulumi.Output[str]
    """Name of the namespace, known once it exists."""
    resource: KubernetesObject | None = None
    """The namespace itself, if it is made here."""

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
        namespace = KubernetesObject(
            f"{name}-namespace",
            "v1",
            "Namespace",
            {"metadata": {"name": args["name"], "labels": {**labels, **level}}},
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
