"""A Kubernetes control plane of plain processes whose nodes are simulated by kwok.

The API, the controllers, scheduling, admission and Pod Security are real; pods run no process.
Needs no root and no Docker. All its state, and that of the stacks on it, lies in one folder.
"""

import json
import random
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import yaml
from lightkube import Client, KubeConfig, codecs
from lightkube.resources.core_v1 import Node

from sandbox import SandboxError, pki, processes
from sandbox.pins import CONTROL_PLANE, Tool
from sandbox.toolchain import Found

_HERE = Path(__file__).with_name("control_plane")
_HEALTH = {"etcd": "health", "kube-apiserver": "readyz"}
_START_SECONDS = 60


class Simulated:
    """One control plane in one folder."""

    about = (
        "a real Kubernetes API with simulated nodes: every object is real, but pods run no process, "
        "so nothing answers on the network"
    )
    throwaway = True
    serves = False
    tools: tuple[Tool, ...] = CONTROL_PLANE

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.kubeconfig = str(self._folder / "kubeconfig")
        self.stacks = self._folder / "stacks"
        self._groups: list[dict[str, list[str]]] = yaml.safe_load((_HERE / "arguments.yaml").read_text())

    def start(self, tools: Mapping[str, Found]) -> None:
        """Start what does not run yet, and return when the cluster can be used."""
        if not Path("/proc/self/environ").exists():
            raise SandboxError(
                "the simulated cluster needs Linux; start Docker for a kind cluster, "
                "or name a cluster of yours with CLUSTER=<kubeconfig context>"
            )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.running():
            self._prepare()
        ports: dict[str, int] = json.loads((self._folder / "ports.json").read_text())
        for group in self._groups:
            live = processes.running(self._folder)
            for name in group.keys() - live.keys():
                arguments = [each.format(here=_HERE, **ports) for each in group[name]]
                processes.start(self._folder, name, [tools[name].path, *arguments])
            for name in group:
                self._wait(name, partial(self._healthy, name, ports[name]))
        client: Client = Client(KubeConfig.from_file(self.kubeconfig), field_manager="sandbox")
        for thing in codecs.load_all_yaml((_HERE / "objects.yaml").read_text()):
            client.apply(thing, force=True)
        self._wait("kwok", lambda: _takes_pods(client.get(Node, "simulated")))

    def stop(self) -> list[str]:
        """End the cluster and remove its data; the names of the processes that ran."""
        stopped = processes.stop(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        return stopped

    def running(self) -> bool:
        """Whether any process of the cluster lives."""
        return bool(processes.running(self._folder))

    def _prepare(self) -> None:
        """Choose free ports and make certificates; data of an earlier run is kept."""
        names = ["etcd-peer", *(name for group in self._groups for name in group)]
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        (self._folder / "ports.json").write_text(json.dumps(ports))
        pki.issue(self._folder / "pki")
        server = f"https://127.0.0.1:{ports['kube-apiserver']}"
        pki.write_kubeconfig(Path(self.kubeconfig), self._folder / "pki", server)

    def _wait(self, name: str, done: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not done():
            waited = time.monotonic() - began
            # For its first moments a process that is being born cannot be told from a dead one.
            dead = waited > 1 and name not in processes.running(self._folder)
            if dead or waited > _START_SECONDS:
                raise SandboxError.from_log(f"{name} did not come up", processes.log_file(self._folder, name))
            time.sleep(0.1)

    def _healthy(self, name: str, port: int) -> bool:
        scheme, context = ("http", None) if name == "kwok" else ("https", pki.client_context(self._folder / "pki"))
        url = f"{scheme}://127.0.0.1:{port}/{_HEALTH.get(name, 'healthz')}"
        try:
            with urllib.request.urlopen(url, timeout=2, context=context):  # noqa: S310  (loopback)
                return True
        except OSError:
            return False


def _free_ports(count: int) -> list[int]:
    """Choose loopback ports below those that the kernel gives to outgoing connections.

    A client that keeps trying a port of that range while its server is down can be given the very port and connect to itself, and the
    server then cannot come back.
    """
    free = []
    with ExitStack() as held:  # all at once, so that no two are the same
        for port in random.sample(range(20000, 32000), 1000):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                free.append(port)
            if len(free) == count:
                return free
    raise SandboxError("no free ports between 20000 and 32000 on 127.0.0.1")


def _takes_pods(node: Node) -> bool:
    conditions = (node.status.conditions if node.status else None) or []
    ready = any(each.type == "Ready" and each.status == "True" for each in conditions)
    return ready and not (node.spec and node.spec.taints)
