"""What DAG code may reach in the cluster: Roles narrower than the chart's, and network policies for its connections.

The chart's one Role for scheduler, tasks and triggerer lets each create pods and enter them, so each can read every Secret of the namespace.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import NotRequired

import pulumi

from airflow_stack.names import API_SERVER_PORT, RELEASE

from .kubernetes import KubernetesObject, Manifest, PlacedArgs, metadata

METADATA_ADDRESSES = {
    4: ("169.254.169.254/32", "100.100.100.200/32", "168.63.129.16/32"),
    6: ("fd00:ec2::254/128", "fd20:ce::254/128"),
}
"""Metadata endpoints by IP version: AWS, Google Cloud, Azure, Oracle and OpenStack share the first; then Alibaba Cloud, Azure's WireServer, and AWS
and Google Cloud again."""
_RBAC = "rbac.authorization.k8s.io"
_STATSD_PORT = 9125
_WATCHES_PODS: list[Manifest] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
]
_RUNS_PODS: list[Manifest] = [
    *_WATCHES_PODS,
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "patch"]},
]
# The operator reads XCom files by `exec`, and its trigger deletes the pod of a cancelled task (provider 10, hooks/kubernetes.py).
_ENTERS_PODS: Manifest = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]}


class TaskAccessArgs(PlacedArgs):
    """Arguments of `TaskAccess`."""

    scheduler: NotRequired[str]
    """Service account that runs task pods; left out: tasks have no pods of their own."""
    task_accounts: NotRequired[Sequence[str]]
    """Service accounts of tasks and triggers."""
    pod_namespaces: NotRequired[Sequence[str]]
    """Namespaces in which those accounts may create pods."""
    components: Sequence[str]
    """Components whose pods run DAG code."""
    networks: NotRequired[Sequence[str]]
    """Networks that tasks may reach, as CIDR; left out: all."""
    cloud_metadata: NotRequired[bool]
    """Whether DAG code reaches the cloud's metadata endpoint."""


class TaskAccess(pulumi.ComponentResource):
    """Roles of scheduler, tasks and triggers, and egress policies for the pods that run DAG code."""

    def __init__(self, name: str, args: TaskAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:TaskAccess", name, None, opts)
        self._name, self._args = name, args
        if scheduler := args.get("scheduler"):
            self._role("task-pods", args, f"{RELEASE}-task-pods", _RUNS_PODS, [scheduler])
        for namespace in args.get("pod_namespaces", []):
            there: PlacedArgs = {"namespace": namespace, "labels": args.get("labels", {})}
            role = pulumi.Output.concat(args["namespace"], "-tasks")  # several Airflows may share a namespace for pods
            self._role(f"pods-{namespace}", there, role, [*_RUNS_PODS, _ENTERS_PODS], args.get("task_accounts", []))
        networks, is_open = args.get("networks", []), args.get("cloud_metadata", False)
        if not is_open:
            everywhere = [each for each in args["components"] if not (networks and each == "worker")]
            self._policy("dag-code-egress", everywhere, _anywhere())
        if networks:
            self._policy("task-egress", ["worker"], _only(networks, is_open=is_open))
        self.register_outputs({})

    def _role(
        self,
        suffix: str,
        placed: PlacedArgs,
        role: pulumi.Input[str],
        rules: Sequence[Manifest],
        accounts: Sequence[str],
    ) -> None:
        subjects = [{"kind": "ServiceAccount", "name": each, "namespace": self._args["namespace"]} for each in accounts]
        child = pulumi.ResourceOptions(parent=self)
        manifests: Mapping[str, tuple[str, Manifest]] = {
            "role": ("Role", {"rules": rules}),
            "binding": (
                "RoleBinding",
                {"roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role}, "subjects": subjects},
            ),
        }
        for what, (kind, content) in manifests.items():
            manifest = {"metadata": metadata(role, placed), **content}
            KubernetesObject(f"{self._name}-{suffix}-{what}", f"{_RBAC}/v1", kind, manifest, child)

    def _policy(self, suffix: str, components: Sequence[str], egress: Sequence[Manifest]) -> None:
        selector = {
            "matchLabels": {"tier": "airflow", "release": RELEASE},
            "matchExpressions": [{"key": "component", "operator": "In", "values": list(components)}],
        }
        spec = {"podSelector": selector, "policyTypes": ["Egress"], "egress": [_dns(), *egress]}
        manifest = {"metadata": metadata(f"{RELEASE}-{suffix}", self._args), "spec": spec}
        child = pulumi.ResourceOptions(parent=self)
        KubernetesObject(f"{self._name}-{suffix}", "networking.k8s.io/v1", "NetworkPolicy", manifest, child)


def _dns() -> Manifest:
    """Any server: of the cluster, of the node, or of the cloud, which may have the address of its metadata endpoint."""
    return {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}


def _block(network: str) -> Manifest:
    version = 6 if ":" in network else 4
    inside = [each for each in METADATA_ADDRESSES[version] if _contains(network, each)]
    return {"ipBlock": {"cidr": network, **({"except": inside} if inside else {})}}


def _anywhere() -> list[Manifest]:
    # Not all network plugins count the addresses of pods as part of an ipBlock.
    pods = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}
    return [{"to": [{"namespaceSelector": pods}, _block("0.0.0.0/0"), _block("::/0")]}]


def _only(networks: Sequence[str], *, is_open: bool) -> list[Manifest]:
    metadata_endpoint = [each for version in METADATA_ADDRESSES.values() for each in version]
    blocks = [_block(each) for each in networks]
    blocks += [{"ipBlock": {"cidr": each}} for each in metadata_endpoint] if is_open else []

    def pods_of(component: str, port: int, protocol: str) -> Manifest:
        labels = {"tier": "airflow", "release": RELEASE, "component": component}
        return {
            "to": [{"podSelector": {"matchLabels": labels}}],
            "ports": [{"port": port, "protocol": protocol}],
        }

    ours = (("api-server", API_SERVER_PORT, "TCP"), ("statsd", _STATSD_PORT, "UDP"), ("redis", 6379, "TCP"))
    return [*(pods_of(*each) for each in ours), {"to": blocks}]


def _contains(network: str, address: str) -> bool:
    """Whether the address is a part of the network, of the same IP version; Kubernetes refuses an exception that equals its network."""
    inner, outer = ipaddress.ip_network(address), ipaddress.ip_network(network)
    return inner != outer and inner.network_address in outer
