"""Choice of the cluster: one that the user names, kind, a node of our own, or simulated nodes.

A cluster of the user is used only by name, and never stopped. To add a type of cluster, derive a class from `Cluster`.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import yaml

from airflow_stack.cli.console import say
from sandbox import SandboxError, tool_sources
from sandbox.cluster import Cluster
from sandbox.node import NodeCluster, machine
from sandbox.pins import KIND_TOOL, KUBECTL
from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool

_KIND_NAME = "airflow-stack"
_KIND_NETWORK = ("docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")


class KindCluster(Cluster):
    """A kind cluster: real nodes in Docker."""

    about = "a kind cluster in Docker with real nodes and pods"
    tools = (KIND_TOOL, KUBECTL)

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.kubeconfig = str(self._folder / "kubeconfig")
        self.stacks = self._folder / "stacks"

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Create the cluster, or use the existing one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "kind").write_text(tools["kind"].path)
        verb = ["export", "kubeconfig"] if self.running() else ["create", "cluster", "--wait=180s"]
        if self._kind(*verb, f"--name={_KIND_NAME}", f"--kubeconfig={self.kubeconfig}").returncode != 0:
            raise SandboxError("kind did not create the cluster, for the reason above")

    def git_server_address(self) -> str:
        """Address of this machine in Docker's network."""
        return subprocess.run(_KIND_NETWORK, capture_output=True, text=True, check=True).stdout.split()[0]

    def stop(self, *, keep: bool = False) -> list[str]:
        """Delete the cluster. kind cannot stop one and keep its data."""
        found = [f"kind cluster {_KIND_NAME}"] if self.running() else []
        if found and self._kind("delete", "cluster", f"--name={_KIND_NAME}").returncode != 0:
            raise SandboxError("kind did not delete the cluster, for the reason above")
        shutil.rmtree(self._folder, ignore_errors=True)
        return found

    def running(self) -> bool:
        """Whether kind lists the cluster."""
        return (self._folder / "kind").exists() and _KIND_NAME in self._kind("get", "clusters").stdout.split()

    def _kind(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [(self._folder / "kind").read_text(), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


class NamedCluster(Cluster):
    """A cluster of the user, named by its kubeconfig context. Never started or stopped."""

    throwaway = False
    tools = (KUBECTL,)

    def __init__(self, state: Path, context: str) -> None:
        files = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        known = _contexts(files)
        if context not in known:
            raise SandboxError(
                f"CLUSTER={context}: no such cluster. Use {', '.join(_OURS)}, or a context of {files}: "
                f"{', '.join(known) or 'it has none'}"
            )
        self.about = f"your cluster {context!r}"
        self.stacks = state.absolute() / f"context-{quote(context, safe='')}"
        self._context = context
        # kubectl takes the current context from the first file that has one.
        self.kubeconfig = f"{self.stacks / 'context.yaml'}{os.pathsep}{files}"

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Select the context in a file of the sandbox. The user's kubeconfig is not changed."""
        self.stacks.mkdir(mode=0o700, parents=True, exist_ok=True)
        choice = {"apiVersion": "v1", "kind": "Config", "current-context": self._context}
        (self.stacks / "context.yaml").write_text(yaml.safe_dump(choice))

    def git_server_address(self) -> str:
        """Refuse: the sandbox serves DAGs only to its own clusters."""
        raise SandboxError(
            f"airflow:dags.repository is required on {self.about}, whose pods cannot reach this machine. Set it: "
            "pulumi config set --path airflow:dags.repository git@github.com:acme/dags.git"
        )

    def stop(self, *, keep: bool = False) -> list[str]:
        """Nothing to do: the cluster is the user's."""
        return []

    def running(self) -> bool:
        """Always true: Pulumi reports an unreachable cluster."""
        return True


_OURS: dict[str, Callable[[Path], Cluster]] = {"kind": KindCluster, "node": NodeCluster, "simulated": SimulatedCluster}


def present(state: Path, name: str | None) -> Cluster | None:
    """The named cluster of the user, or the sandbox's existing cluster."""
    if name and name not in _OURS:
        return NamedCluster(state, name)
    folder = state / "cluster"
    if not folder.exists():
        return None
    existing = (folder / "type").read_text()
    if name and name != existing:
        raise SandboxError(f"CLUSTER={name}: a cluster of type {existing} exists. Remove it with `make down` first")
    return _OURS[existing](folder)


def choose(state: Path, name: str | None, may_install: Callable[[str], bool]) -> Cluster:
    """The named cluster, the existing one, or a new one: kind, node or simulated, the first that this machine supports.

    Args:
        state: Folder of the sandbox's data.
        name: `kind`, `node`, `simulated`, or a context of the user's kubeconfig.
        may_install: Asks the user for permission to install the named packages.

    Raises:
        SandboxError: The named cluster does not exist or cannot run here.
    """
    if existing := present(state, name):
        return existing
    folder = state / "cluster"
    if name is None:
        name = "kind" if _docker_answers() and _kind_available() else "node"
        if name == "node" and (reason := _why_no_node(folder, may_install)):
            say(f"Using simulated nodes, without a running Airflow: {reason}.")
            say("For a running Airflow start Docker, or name a cluster of yours: CLUSTER=<kubeconfig context>.")
            name = "simulated"
    elif name == "node" and (reason := _why_no_node(folder, may_install)):
        raise SandboxError(f"CLUSTER=node: {reason}. Use CLUSTER=kind with Docker, or CLUSTER=simulated")
    folder.mkdir(mode=0o700, parents=True)
    (folder / "type").write_text(name)
    return _OURS[name](folder)


def _why_no_node(folder: Path, may_install: Callable[[str], bool]) -> str | None:
    """Install missing packages if permitted. Returns the reason if a node still cannot run here."""
    if reason := machine.unsupported_reason(folder):
        return reason
    if missing := machine.missing_packages():
        if not may_install(" and ".join(missing)):
            return f"a node needs the packages {' and '.join(missing)}, which YES=1 installs"
        machine.install(missing)
    return None


def _contexts(files: str) -> list[str]:
    present = [Path(file) for file in files.split(os.pathsep) if file and Path(file).exists()]
    contents = [yaml.safe_load(file.read_text()) or {} for file in present]
    return [context["name"] for content in contents for context in content.get("contexts") or []]


def _docker_answers() -> bool:
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, timeout=5, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _kind_available() -> bool:
    """Whether kind is installed or can be downloaded. A build from Go would lack the node image."""
    return shutil.which("kind") is not None or tool_sources.internet_available()
