"""Base class of the clusters for stacks."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from airflow_stack.settings.images import Images
from sandbox.pins import Tool
from sandbox.toolchain import LocatedTool


class Cluster:
    """A Kubernetes cluster for stacks. The defaults suit a throwaway cluster whose nodes pull images and reach this machine."""

    about: str
    """Description for the user. Names the simulated parts."""
    throwaway = True
    """Whether the sandbox owns the cluster and may delete it."""
    runs_pods = True
    """Whether pods run processes and answer on the network."""
    tools: tuple[Tool, ...]
    """Tools that the cluster needs."""
    kubeconfig: str
    """Value of KUBECONFIG."""
    stacks: Path
    """Folder of the stacks' state. Deleted with a throwaway cluster."""

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Start the cluster, or its missing parts."""
        raise NotImplementedError

    def stop(self, *, keep: bool = False) -> list[str]:
        """Stop a throwaway cluster, and delete its data unless `keep`. Returns the names of the stopped processes."""
        raise NotImplementedError

    def running(self) -> bool:
        """Whether the cluster runs."""
        raise NotImplementedError

    def provide_images(self, images: Images) -> str | None:
        """Make a stack's images available. Returns the registry that replaces their own, if any."""
        return None

    def git_server_address(self) -> str:
        """Address at which pods reach the sandbox's git server."""
        return "127.0.0.1"

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """Wrap a command so that it can listen at `git_server_address`."""
        return command
