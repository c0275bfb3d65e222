"""The namespace that Airflow runs in: Pod Security, an optional quota, and no way in but the ones that are named.

One that exists is used as it is. There is one Airflow in each, for its objects have fixed names there (docs/decisions/0009).
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict
from weakref import WeakKeyDictionary

import pulumi
import pulumi_kubernetes as k8s
from pulumi.runtime.settings import get_monitor

from .given import ArgumentsError
from .stack_config import Problem

# For each program that runs: who has which namespace of which cluster, known by its provider.
_taken: WeakKeyDictionary[Any, dict[tuple[pulumi.ProviderResource | None, str], str]] = WeakKeyDictionary()


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
    resource: k8s.core.v1.Namespace | None = None
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


def one_in_each_namespace(airflow: pulumi.Resource, name: str, namespace: str | None) -> None:
    """Refuse a second Airflow in a namespace; None is one that is known late, which the API server refuses.

    Raises:
        ArgumentsError: another Airflow of the program is there.
    """
    if namespace is None:
        return
    place = airflow.get_provider("kubernetes:core/v1:Namespace"), namespace
    if (first := _taken.setdefault(get_monitor(), {}).setdefault(place, name)) != name:
        reason = f"is the namespace of {first!r} already, and the objects of both would have the same names"
        problem = Problem("namespace", reason, f"give {name!r} a namespace of its own", repr(namespace))
        raise ArgumentsError(name, [problem])
