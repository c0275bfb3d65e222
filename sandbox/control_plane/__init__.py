"""Kubernetes control plane of plain processes in one folder. `simulated` and `node` add the nodes."""

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

from sandbox import SandboxError, daemons, pki
from sandbox.cluster import Cluster
from sandbox.toolchain import LocatedTool

HERE = Path(__file__).parent
_HEALTH = {"etcd": "health", "kube-apiserver": "readyz", "containerd": "v1/metrics", "coredns": "health"}
_PLAIN_HTTP = ("kwok", "containerd", "coredns", "kubelet", "kube-proxy")
_START_SECONDS = 60
Groups = list[dict[str, list[str]]]


class ControlPlane(Cluster):
    """A cluster in one folder. Each process listens on a port of this machine's loopback."""

    def __init__(self, folder: Path, bind: str, address: str) -> None:
        self.folder = folder.absolute()
        self.kubeconfig = str(self.folder / "kubeconfig")
        self.stacks = self.folder / "stacks"
        self._bind, self._address = bind, address

    def start(self, tools: Mapping[str, LocatedTool]) -> None:
        """Start the processes that are not running, and wait for the cluster."""
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
        for manifest in codecs.load_all_yaml(self.initial_objects(client)):
            client.apply(manifest, force=True)
        self.wait_for_node(client)

    def stop(self, *, keep: bool = False) -> list[str]:
        """Stop the processes, and delete the data unless `keep`. Returns the names of the processes."""
        stopped = daemons.stop(self.folder)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return stopped

    def running(self) -> bool:
        """Whether any process of the cluster runs."""
        return bool(daemons.running(self.folder))

    # Overridden by the types of cluster.

    def groups(self) -> Groups:
        """Processes in groups. The groups start one after the other."""
        groups: Groups = yaml.safe_load((HERE / "arguments.yaml").read_text())
        return groups

    def placeholders(self) -> dict[str, str]:
        """Values of placeholders in the arguments of processes, besides ports."""
        return {"bind": self._bind, "address": self._address, "here": str(HERE), "folder": str(self.folder)}

    def wrapped(self, command: Sequence[str]) -> Sequence[str]:
        """Command that starts a process where the cluster runs."""
        return command

    def prepare_host(self) -> None:
        """Prepare the ground for the processes. Idempotent."""

    def initial_objects(self, client: Client) -> str:
        """Objects of an empty cluster, as YAML."""
        raise NotImplementedError

    def wait_for_node(self, client: Client) -> None:
        """Wait until a node accepts pods."""
        raise NotImplementedError

    # Ports, certificates, health.

    def ports(self) -> dict[str, int]:
        """Port of each process."""
        ports: dict[str, int] = json.loads((self.folder / "ports.json").read_text())
        return ports

    def _prepare(self) -> None:
        """Choose free ports and issue certificates. Data and ports of an earlier run stay."""
        chosen = self.folder / "ports.json"
        if not chosen.exists():  # an API server never corrects the port in endpoints of its predecessor
            names = ["etcd-peer", *(name for group in self.groups() for name in group)]
            chosen.write_text(json.dumps(dict(zip(names, free_ports(len(names)), strict=True))))
        pki.issue(self.folder / "pki", self._address)
        server = f"https://127.0.0.1:{self.ports()['kube-apiserver']}"
        pki.write_kubeconfig(Path(self.kubeconfig), self.folder / "pki", server)

    def wait(self, name: str, done: Callable[[], bool]) -> None:
        """Wait until `done`, as long as the named process runs.

        Raises:
            SandboxError: The process ended, or 60 seconds have passed.
        """
        began = time.monotonic()
        while not done():
            waited = time.monotonic() - began
            # In its first moments a starting process looks like a dead one.
            dead = waited > 1 and name not in daemons.running(self.folder)
            if dead or waited > _START_SECONDS:
                raise SandboxError.from_log(f"{name} did not start", daemons.log_file(self.folder, name))
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
    """Free loopback ports below the kernel's range for outgoing connections.

    In that range a client that retries while its server is down can be given the server's own port. It then connects to itself, and the
    server cannot restart.
    """
    free = []
    with ExitStack() as held:  # all open at once, so that none is chosen twice
        for port in random.sample(range(20000, 32000), 1000):
            with suppress(OSError):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
                free.append(port)
            if len(free) == count:
                return free
    raise SandboxError("no free ports between 20000 and 32000 on 127.0.0.1")
