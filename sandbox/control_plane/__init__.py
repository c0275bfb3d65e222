"""A Kubernetes control plane of plain processes, started in order of dependency, in one folder.

What plays or runs the nodes is for its two kinds: `simulated.py` and `node.py`.
"""

import json
import random
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import yaml
from lightkube import Client, KubeConfig, codecs

from airflow_stack.settings.images import Images
from sandbox import SandboxError, daemons, pki
from sandbox.pins import CONTROL_PLANE, Tool
from sandbox.toolchain import LocatedTool

HERE = Path(__file__).parent
_HEALTH = {"etcd": "health", "kube-apiserver": "readyz", "containerd": "v1/metrics", "coredns": "health"}
_PLAIN_HTTP = ("kwok", "containerd", "coredns", "kubelet", "kube-proxy")
_START_SECONDS = 60
Groups = list[dict[str, list[str]]]


class ControlPlane:
    """One cluster in one folder; every process has a port on this machine's loopback."""

    tools: tuple[Tool, ...] = CONTROL_PLANE
    throwaway = True

    def __init__(self, folder: Path, bind: str, address: str) -> None:
        self.folder = folder.absolute()
        self.kubeconfig = str(self.folder / "kubeconfig")
        self.stacks = self.folder / "stacks"
        self._bind, self._address = bind, address

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Start what does not run yet, and return when the cluster can be used."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.running():
            self._prepare()
        self.prepare_host()
        values = {**self.placeholders(), **self.ports()}
        for group in self.groups():
            live = daemons.running(self.folder)
            for name in group.keys() - live.keys():
                arguments = [each.format(**values) for each in group[name]]
                program = tools[name].path if name in tools else name
                daemons.start(self.folder, name, self.wrapped([program, *arguments]))
            for name in group:
                self.wait(name, partial(self._healthy, name))
        client: Client = Client(KubeConfig.from_file(self.kubeconfig), field_manager="sandbox", trust_env=False)
        for thing in codecs.load_all_yaml(self.initial_objects(client)):
            client.apply(thing, force=True)
        self.wait_for_node(client)

    def stop(self, *, keep: bool = False) -> list[str]:
        """End the cluster; the names of the processes that ran. Its data goes too, unless it is to be kept."""
        stopped = daemons.stop(self.folder)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return stopped

    def running(self) -> bool:
        """Whether any process of the cluster lives."""
        return bool(daemons.running(self.folder))

    # What the kinds of node add.

    def groups(self) -> Groups:
        """The processes, in the order of their start; those of a group start together."""
        groups: Groups = yaml.safe_load((HERE / "arguments.yaml").read_text())
        return groups

    def placeholders(self) -> dict[str, str]:
        """What the arguments of processes may name, besides ports."""
        return {"bind": self._bind, "address": self._address, "here": str(HERE), "folder": str(self.folder)}

    def wrapped(self, command: Sequence[str]) -> Sequence[str]:
        """How a process is started."""
        return command

    def prepare_host(self) -> None:
        """Make what every process stands on; idempotent."""

    def initial_objects(self, client: Client) -> str:
        """What the cluster has before anybody uses it, as YAML."""
        raise NotImplementedError

    def wait_for_node(self, client: Client) -> None:
        """Return when pods can be placed."""
        raise NotImplementedError

    def provide_images(self, images: Images) -> str | None:
        """Make a stack's images available; the registry to take them from instead of their own."""
        return None

    def git_server_address(self) -> str:
        """The address at which pods find a server of ours."""
        return "127.0.0.1"

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """How a server of ours is started, so that it can listen at that address."""
        return command

    # Ports, certificates, health.

    def ports(self) -> dict[str, int]:
        """The port of each process."""
        ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return ports

    def _prepare(self) -> None:
        """Choose free ports and make certificates; data and ports of an earlier run are kept."""
        chosen = self.folder / "ports.json"
        if not chosen.exists():  # an API server never corrects the port in the endpoints of one before it
            names = ["etcd-peer", *(name for group in self.groups() for name in group)]
            chosen.write_text(json.dumps(dict(zip(names, free_ports(len(names)), strict=True))))
        pki.issue(self.folder / "pki", self._address)
        server = f"https://127.0.0.1:{self.ports()['kube-apiserver']}"
        pki.write_kubeconfig(Path(self.kubeconfig), self.folder / "pki", server)

    def wait(self, name: str, done: Callable[[], bool]) -> None:
        """Return when it is done, for which that process must live."""
        began = time.monotonic()
        while not done():
            waited = time.monotonic() - began
            # For its first moments a process that is being born cannot be told from a dead one.
            dead = waited > 1 and name not in daemons.running(self.folder)
            if dead or waited > _START_SECONDS:
                raise SandboxError.from_log(f"{name} did not come up", daemons.log_file(self.folder, name))
            time.sleep(0.1)

    def _healthy(self, name: str) -> bool:
        plain = name in _PLAIN_HTTP
        context = None if plain else pki.client_context(self.folder / "pki")
        url = f"{'http' if plain else 'https'}://127.0.0.1:{self.ports()[name]}/{_HEALTH.get(name, 'healthz')}"
        try:
            with urllib.request.urlopen(url, timeout=2, context=context):  # noqa: S310  (loopback)
                return True
        except OSError:
            return False


def free_ports(count: int) -> list[int]:
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
