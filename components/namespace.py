"""The namespace that Airflow runs in: Pod Security, an optional quota, and no way in but the ones that are named."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s


class AirflowNamespaceArgs(TypedDict):
    """What a caller decides about the namespace."""

    name: pulumi.Input[str]
    """Name of the namespace."""
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
    resource: k8s.core.v1.Namespace
    """The namespace itself."""

    def __init__(self, name: str, args: AirflowNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowNamespace", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = args.get("labels", {})

        level = {
            f"pod-security.kubernetes.io/{mode}": "restricted"  # https://kubernetes.io/docs/concepts/security/pod-security-standards/
            for mode in ("enforce", "audit", "warn")
        }
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace", metadata={"name": args["name"], "labels": {**labels, **level}}, opts=child
        )
        self.resource = namespace
        self.name = namespace.metadata["name"].apply(str)

        k8s.networking.v1.NetworkPolicy(
            f"{name}-deny-ingress",
            metadata={"name": "deny-ingress", "namespace": self.name, "labels": labels},
            spec={"pod_selector": {}, "policy_types": ["Ingress"]},
            opts=child,
        )
        if quota := args.get("quota"):
            k8s.core.v1.ResourceQuota(
                f"{name}-quota",
                metadata={"name": "airflow", "namespace": self.name, "labels": labels},
                spec={"hard": quota},
                opts=child,
            )
        self.register_outputs({"name": self.name})
