"""A cluster whose nodes are simulated by kwok: needs no root and no Docker.

The API, the controllers, scheduling, admission and Pod Security are real; pods run no process.
"""

from collections.abc import Mapping
from pathlib import Path

from lightkube import Client
from lightkube.resources.core_v1 import Node

from sandbox import SandboxError
from sandbox.control_plane import HERE, ControlPlane, Groups
from sandbox.pins import CONTROL_PLANE, KWOK_TOOL, Tool
from sandbox.toolchain import LocatedTool


class SimulatedCluster(ControlPlane):
    """A control plane and kwok."""

    about = (
        "a real Kubernetes API with simulated nodes: every object is real, but pods run no process, "
        "so nothing answers on the network"
    )
    runs_pods = False
    tools: tuple[Tool, ...] = (*CONTROL_PLANE, KWOK_TOOL)

    def __init__(self, folder: Path) -> None:
        # An endpoint of the API server must not be loopback; nobody uses this one.
        super().__init__(folder, bind="127.0.0.1", address="192.0.2.1")

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Start what does not run yet, and return when the cluster can be used."""
        if not Path("/proc/self/environ").exists():
            raise SandboxError(
                "the simulated cluster needs Linux; start Docker for a kind cluster, "
                "or name a cluster of yours with CLUSTER=<kubeconfig context>"
            )
        super().start(tools)

    def groups(self) -> Groups:
        """The control plane's, with kwok beside the controllers."""
        *first, last = super().groups()
        # Without a lease the node is lost after 50 seconds. Short, as a new kwok waits for the end of the old one's.
        kwok = ["--kubeconfig=kubeconfig", "--config={here}/stages.yaml", "--manage-all-nodes"]
        kwok += ["--node-lease-duration-seconds=5", "--server-address=127.0.0.1:{kwok}"]
        return [*first, {**last, "kwok": kwok}]

    def initial_objects(self, client: Client) -> str:
        """One simulated node and a default storage class."""
        return (HERE / "simulated.yaml").read_text()

    def wait_for_node(self, client: Client) -> None:
        """Return when kwok has the node take pods."""
        self.wait("kwok", lambda: accepts_pods(client.get(Node, "simulated")))


def accepts_pods(node: Node) -> bool:
    """Whether a node is ready, and free of taints."""
    conditions = (node.status.conditions if node.status else None) or []
    ready = any(each.type == "Ready" and each.status == "True" for each in conditions)
    return ready and not (node.spec and node.spec.taints)
