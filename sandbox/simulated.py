"""Cluster with nodes simulated by kwok. Needs neither root nor Docker.

API server, controllers, scheduling, admission and Pod Security are real. Pods run no process.
"""

from collections.abc import Mapping
from pathlib import Path

from lightkube import Client
from lightkube.resources.core_v1 import Node

from sandbox import SandboxError
from sandbox.control_plane import HERE, ControlPlane, Groups
from sandbox.pins import CONTROL_PLANE, KWOK_TOOL
from sandbox.toolchain import LocatedTool


class SimulatedCluster(ControlPlane):
    """Control plane and kwok."""

    about = "a real Kubernetes API with simulated nodes, where pods run no process and answer no request"
    runs_pods = False
    tools = (*CONTROL_PLANE, KWOK_TOOL)

    def __init__(self, folder: Path) -> None:
        # Kubernetes rejects loopback addresses in endpoints. No client uses this one.
        super().__init__(folder, bind="127.0.0.1", address="192.0.2.1")

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Start the processes that are not running, and wait for the cluster."""
        if not Path("/proc/self/environ").exists():
            raise SandboxError(
                "CLUSTER=simulated needs Linux. Start Docker for a kind cluster, "
                "or name a cluster of yours: CLUSTER=<kubeconfig context>"
            )
        super().start(tools)

    def groups(self) -> Groups:
        """Processes of the control plane, with kwok beside the controllers."""
        *first, last = super().groups()
        # Without a lease the node is lost after 50 s. A new kwok waits until the old lease ends, so it is short.
        kwok = ["--kubeconfig=kubeconfig", "--config={here}/stages.yaml", "--manage-all-nodes"]
        kwok += ["--node-lease-duration-seconds=5", "--server-address=127.0.0.1:{kwok}"]
        return [*first, {**last, "kwok": kwok}]

    def initial_objects(self, client: Client) -> str:
        """One simulated node and a default storage class."""
        return (HERE / "simulated.yaml").read_text()

    def wait_for_node(self, client: Client) -> None:
        """Wait until kwok has made the node ready."""
        self.wait("kwok", lambda: accepts_pods(client.get(Node, "simulated")))


def accepts_pods(node: Node) -> bool:
    """Whether a node is ready and has no taints."""
    conditions = (node.status.conditions if node.status else None) or []
    ready = any(each.type == "Ready" and each.status == "True" for each in conditions)
    return ready and not (node.spec and node.spec.taints)
