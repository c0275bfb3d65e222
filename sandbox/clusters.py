"""Which cluster a stack is deployed on: one that the user names, kind, a node of our own, simulated.

A cluster of the user's is used only when it is named, and is never stopped. A further kind of
cluster is one more class with the members of `Cluster`.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import yaml

from airflow_stack.cli.console import say
from airflow_stack.settings.images import Images
from sandbox import SandboxError, tool_sources
from sandbox.node import NodeCluster, machine
from sandbox.pins import KIND_TOOL, KUBECTL, Tool
from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool

_KIND_NAME = "airflow-stack"
_KIND_NETWORK = ("docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}")


class Cluster(Protocol):
    """A place for stacks."""

    about: str
    """What it is, and what is not real about it, in plain words."""
    throwaway: bool
    """Whether it is ours, with nothing in it worth keeping."""
    runs_pods: bool
    """Whether its pods run, and answer on the network."""
    tools: tuple[Tool, ...]
    """The tools it needs."""
    kubeconfig: str
    """The value of KUBECONFIG that leads to it."""
    stacks: Path
    """Where the stacks on it have their state, which is gone with a throwaway cluster."""

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Make it usable; idempotent."""

    def provide_images(self, images: Images) -> str | None:
        """Make a stack's images available; the registry to take them from instead of their own."""

    def git_server_address(self) -> str:
        """The address at which pods find a server of ours."""

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """How a server of ours is started, so that it can listen at that address."""

    def stop(self, *, keep: bool = False) -> list[str]:
        """End it if it is ours, and remove its data unless that is to be kept; what was ended."""

    def running(self) -> bool:
        """Whether it is there."""


class KindCluster:
    """A kind cluster of ours: real nodes in Docker."""

    about = "a kind cluster in Docker: real nodes that run real pods"
    throwaway = True
    runs_pods = True
    tools: tuple[Tool, ...] = (KIND_TOOL, KUBECTL)

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.kubeconfig = str(self._folder / "kubeconfig")
        self.stacks = self._folder / "stacks"

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Create the cluster, or take the one that is there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "kind").write_text(tools["kind"].path)
        verb = ["export", "kubeconfig"] if self.running() else ["create", "cluster", "--wait=180s"]
        if self._kind(*verb, f"--name={_KIND_NAME}", f"--kubeconfig={self.kubeconfig}").returncode != 0:
            raise SandboxError("kind could not make a cluster; its message is above")

    def provide_images(self, images: Images) -> str | None:
        """Leave pulling to its nodes."""
        return None

    def git_server_address(self) -> str:
        """This machine in Docker's network."""
        return subprocess.run(_KIND_NETWORK, capture_output=True, text=True, check=True).stdout.split()[0]

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """Here."""
        return command

    def stop(self, *, keep: bool = False) -> list[str]:
        """Delete the cluster; kind cannot stop and keep one."""
        found = [f"kind cluster {_KIND_NAME}"] if self.running() else []
        if found and self._kind("delete", "cluster", f"--name={_KIND_NAME}").returncode != 0:
            raise SandboxError("kind could not delete its cluster; its message is above")
        shutil.rmtree(self._folder, ignore_errors=True)
        return found

    def running(self) -> bool:
        """Whether kind knows the cluster."""
        return (self._folder / "kind").exists() and _KIND_NAME in self._kind("get", "clusters").stdout.split()

    def _kind(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [(self._folder / "kind").read_text(), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


class NamedCluster:
    """A cluster of the user's, by its kubeconfig context. Never started or stopped."""

    throwaway = False
    runs_pods = True
    tools: tuple[Tool, ...] = (KUBECTL,)

    def __init__(self, state: Path, context: str) -> None:
        files = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        known = _contexts(files)
        if context not in known:
            raise SandboxError(
                f"CLUSTER={context} is neither {', '.join(_OURS)} nor a context of {files}; "
                f"it has: {', '.join(known) or 'none'}"
            )
        self.about = f"your cluster {context!r}"
        self.stacks = state.absolute() / f"context-{quote(context, safe='')}"
        self._context = context
        # Of several kubeconfig files the first to name a current context wins.
        self.kubeconfig = f"{self.stacks / 'context.yaml'}{os.pathsep}{files}"

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Select the context, in a file of ours; nothing else is touched."""
        self.stacks.mkdir(mode=0o700, parents=True, exist_ok=True)
        choice = {"apiVersion": "v1", "kind": "Config", "current-context": self._context}
        (self.stacks / "context.yaml").write_text(yaml.safe_dump(choice))

    def provide_images(self, images: Images) -> str | None:
        """Leave pulling to its nodes."""
        return None

    def git_server_address(self) -> str:
        """Refuse: nothing of this machine is served to a cluster of the user's."""
        raise SandboxError(
            "on a cluster of yours the stack needs a repository that it can reach: "
            "pulumi config set --path 'airflow:dags.repository' git@github.com:acme/dags.git"
        )

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """Here."""
        return command

    def stop(self, *, keep: bool = False) -> list[str]:
        """Leave it alone."""
        return []

    def running(self) -> bool:
        """Whether it answers is for Pulumi to find out."""
        return True


_OURS: dict[str, Callable[[Path], Cluster]] = {"kind": KindCluster, "node": NodeCluster, "simulated": SimulatedCluster}


def present(state: Path, name: str | None) -> Cluster | None:
    """Find the cluster as named, else the one of ours that is there."""
    if name and name not in _OURS:
        return NamedCluster(state, name)
    folder = state / "cluster"
    if not folder.exists():
        return None
    there = (folder / "type").read_text()
    if name and name != there:
        raise SandboxError(f"CLUSTER={name}, but there is one of type {there}; `make down` removes it")
    return _OURS[there](folder)


def choose(state: Path, name: str | None, may_install: Callable[[str], bool]) -> Cluster:
    """Pick the cluster: as named, else the one that is there, else the best to be had.

    Args:
        state: The folder for what belongs to the sandbox.
        name: `kind`, `node`, `simulated`, or a context of the user's kubeconfig.
        may_install: Asks the user whether these packages may be installed.
    """
    if there := present(state, name):
        return there
    folder = state / "cluster"
    if name is None:
        name = "kind" if _docker_answers() and _kind_can_be_had() else "node"
        if name == "node" and (why := _unfit(folder, may_install)):
            say(f"Nodes will be simulated: {why}. An Airflow that runs needs that, or Docker, or CLUSTER=<context>.")
            name = "simulated"
    elif name == "node" and (why := _unfit(folder, may_install)):
        raise SandboxError(f"{why}; next best: start Docker and `make up CLUSTER=kind`, or CLUSTER=simulated")
    folder.mkdir(mode=0o700, parents=True)
    (folder / "type").write_text(name)
    return _OURS[name](folder)


def _unfit(folder: Path, may_install: Callable[[str], bool]) -> str | None:
    """Say why a node cannot run here, after having installed what it needs if that is allowed."""
    if why := machine.unsupported_reason(folder):
        return why
    if missing := machine.missing_packages():
        if not may_install(" and ".join(missing)):
            return f"a node needs {' and '.join(missing)} of the distribution, which YES=1 installs"
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


def _kind_can_be_had() -> bool:
    """Its node image comes from the internet, so Go alone is not enough."""
    return shutil.which("kind") is not None or tool_sources.internet_available()
