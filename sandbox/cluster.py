"""Which cluster a stack is deployed on: one that the user names, kind where Docker runs, simulated.

A cluster of the user's is used only when it is named, and is never stopped. A further kind of
cluster is one more class with the members of `Cluster`.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import yaml

from sandbox import SandboxError, sources
from sandbox.pins import KIND_TOOL, Tool
from sandbox.simulated import Simulated
from sandbox.toolchain import Found

_KIND_NAME = "airflow-stack"


class Cluster(Protocol):
    """A place for stacks."""

    about: str
    """What it is, and what is not real about it, in plain words."""
    throwaway: bool
    """Whether it is ours, with nothing in it worth keeping."""
    serves: bool
    """Whether its pods answer on the network."""
    tools: tuple[Tool, ...]
    """The tools it needs."""
    kubeconfig: str
    """The value of KUBECONFIG that leads to it."""
    stacks: Path
    """Where the stacks on it have their state, which is gone with a throwaway cluster."""

    def start(self, tools: Mapping[str, Found]) -> None:
        """Make it usable; idempotent."""

    def stop(self) -> list[str]:
        """Remove it if it is ours; what was ended."""

    def running(self) -> bool:
        """Whether it is there."""


class Kind:
    """A kind cluster of ours: real nodes in Docker."""

    about = "a kind cluster in Docker: real nodes that run real pods"
    throwaway = True
    serves = True
    tools: tuple[Tool, ...] = (KIND_TOOL,)

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.kubeconfig = str(self._folder / "kubeconfig")
        self.stacks = self._folder / "stacks"

    def start(self, tools: Mapping[str, Found]) -> None:
        """Create the cluster, or take the one that is there."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "kind").write_text(tools["kind"].path)
        verb = ["export", "kubeconfig"] if self.running() else ["create", "cluster", "--wait=180s"]
        if self._kind(*verb, f"--name={_KIND_NAME}", f"--kubeconfig={self.kubeconfig}").returncode != 0:
            raise SandboxError("kind could not make a cluster; its message is above")

    def stop(self) -> list[str]:
        """Delete the cluster."""
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


class Named:
    """A cluster of the user's, by its kubeconfig context. Never started or stopped."""

    throwaway = False
    serves = True
    tools: tuple[Tool, ...] = ()

    def __init__(self, state: Path, context: str) -> None:
        files = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        known = _contexts(files)
        if context not in known:
            raise SandboxError(f"CLUSTER={context} is no context of {files}; it has: {', '.join(known) or 'none'}")
        self.about = f"your cluster {context!r}"
        self.stacks = state.absolute() / f"context-{quote(context, safe='')}"
        self._context = context
        # Of several kubeconfig files the first to name a current context wins.
        self.kubeconfig = f"{self.stacks / 'context.yaml'}{os.pathsep}{files}"

    def start(self, tools: Mapping[str, Found]) -> None:
        """Select the context, in a file of ours; nothing else is touched."""
        self.stacks.mkdir(mode=0o700, parents=True, exist_ok=True)
        choice = {"apiVersion": "v1", "kind": "Config", "current-context": self._context}
        (self.stacks / "context.yaml").write_text(yaml.safe_dump(choice))

    def stop(self) -> list[str]:
        """Leave it alone."""
        return []

    def running(self) -> bool:
        """Whether it answers is for Pulumi to find out."""
        return True


def choose(state: Path, context: str | None) -> Cluster:
    """Pick the cluster: as named, else the one that is already there, else the best to be had."""
    if context:
        return Named(state, context)
    folder = state / "cluster"
    kind = (folder / "kind").exists() if folder.exists() else _docker_answers() and _kind_can_be_had()
    return Kind(folder) if kind else Simulated(folder)


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
    return shutil.which("kind") is not None or sources.internet_reached()
