"""Cluster with one node of plain processes that runs real pods, for Linux without Docker.

Like a container, the node has its own namespaces and its own Debian root. It changes no service, interface, rule, mount or setting of
the machine. When its first process ends, the kernel releases everything that the node holds.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

import yaml
from lightkube import Client
from lightkube.resources.core_v1 import Node as NodeResource
from lightkube.resources.core_v1 import PersistentVolume

from airflow_stack.cli.console import say
from airflow_stack.settings.images import Images
from sandbox import SandboxError, daemons, debian, stand_in_images, tool_sources
from sandbox.control_plane import ControlPlane, Groups
from sandbox.node import image_cache, machine
from sandbox.pins import CONTROL_PLANE, KUBECTL, NODE, PAUSE
from sandbox.simulated import accepts_pods
from sandbox.step_progress import step_progress
from sandbox.toolchain import cache_folder

_HERE = Path(__file__).parent
_ADDRESS, _PODS = "10.244.0.1", "10.244.0.0/16"
_REGISTRY = "localhost/stand-in"
_VOLUMES = 16


class NodeCluster(ControlPlane):
    """Control plane, and one node with containerd, kubelet, kube-proxy and CoreDNS."""

    about = "a Kubernetes node on this machine with real pods"
    tools = (*CONTROL_PLANE, *NODE, KUBECTL)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, bind="0.0.0.0", address=_ADDRESS)  # noqa: S104  (all interfaces of the node)
        self._cache = cache_folder()
        self._containerd, self._loaded = self.folder / "containerd", self.folder / "images"
        self._cgroup = f"airflow-sandbox-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    def groups(self) -> Groups:
        """Processes of the control plane, then those of the node."""
        own: Groups = yaml.safe_load((_HERE / "arguments.yaml").read_text())
        return [*super().groups(), *own]

    def wrapped(self, command: Sequence[str]) -> Sequence[str]:
        """Command that runs inside the node, in the cluster's folder."""
        enter = ["nsenter", f"--target={self._first_process()}", *machine.NAMESPACES]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(self.folder), *command]

    def prepare_host(self) -> None:
        """Start the node's first process, the relay into the node, and its connection to the outside."""
        if self._first_process() is None:
            machine.make_control_group(self._cgroup)
            if not self._containerd.exists():
                self._loaded.write_text(image_cache.restore(self._cache, self._containerd))
            with step_progress({} if debian.tree_folder(self._cache).exists() else debian.BUILD_SECONDS) as shown:
                tree = debian.ensure_tree(self._cache, shown)
            script = ["sh", str(_HERE / "init.sh"), str(tree), str(self.folder), str(self._cache), _ADDRESS]
            daemons.start(self.folder, "node", ["unshare", *machine.NAMESPACES, "--fork", *script])
            self.wait("node", self._is_up)
        self._write_files()
        live, target = daemons.running(self.folder), str(self._first_process())
        if "relay" not in live:
            ports = [str(port) for name, port in self.ports().items() if name != "etcd-peer"]
            daemons.start(self.folder, "relay", [sys.executable, str(_HERE / "relay.py"), target, *ports])
        if "slirp4netns" not in live and Path("/dev/net/tun").exists():
            egress = ["slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", target, "tap0"]
            daemons.start(self.folder, "slirp4netns", egress)

    def initial_objects(self, client: Client) -> str:
        """A default storage class and volumes. Released volumes are emptied and made available again."""
        for volume in client.list(PersistentVolume):
            if volume.metadata and volume.metadata.name and volume.status and volume.status.phase == "Released":
                shutil.rmtree(self.folder / "volumes" / volume.metadata.name)
                client.patch(PersistentVolume, volume.metadata.name, {"spec": {"claimRef": None}})
        storage = (_HERE / "storage.yaml").read_text().split("---\n")
        names = [f"volume-{number}" for number in range(_VOLUMES)]
        for name in names:
            (self.folder / "volumes" / name).mkdir(parents=True, exist_ok=True)
        volumes = [Template(storage[1]).substitute(name=name, folder=self.folder) for name in names]
        return "---\n".join([storage[0], *volumes])

    def wait_for_node(self, client: Client) -> None:
        """Wait until the node accepts pods."""
        self.wait("kubelet", lambda: any(accepts_pods(node) for node in client.list(NodeResource)))

    def provide_images(self, images: Images) -> str | None:
        """Load stand-in images if Docker Hub is unreachable. Returns their registry."""
        if tool_sources.docker_hub_available():
            return None
        images = images.model_copy(update={"registry": images.registry or _REGISTRY})
        with step_progress(stand_in_images.remaining_steps(self._cache, images)) as shown:
            archive = stand_in_images.ensure_archive(self._cache, images, shown)
        if self._loaded.read_text() != archive.name:
            say("Loading images into the node.")
            ctr = ["ctr", "--address=/run/containerd/containerd.sock", "--namespace=k8s.io"]
            done = subprocess.run(
                self.wrapped([*ctr, "images", "import", str(archive)]), capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise SandboxError(f"images could not be loaded into the node: {done.stderr.strip()}")
            self._loaded.write_text(archive.name)
            if not any((self.folder / "podlogs").iterdir()):  # containers would be cached with the images
                image_cache.save(self._containerd, self._cache, archive)
        return _REGISTRY

    def git_server_address(self) -> str:
        """Address of the node."""
        return _ADDRESS

    def in_pod_network(self, command: Sequence[str]) -> Sequence[str]:
        """Command that runs in the node's network, with the files of this machine."""
        return ["nsenter", f"--target={self._first_process()}", "--net", *command]

    def stop(self, *, keep: bool = False) -> list[str]:
        """Stop the cluster. The kernel ends all processes and mounts of the node with its first process."""
        stopped = super().stop(keep=keep)
        machine.remove_control_group(self._cgroup)
        return stopped

    def _first_process(self) -> int | None:
        """Pid of the node's first process, as seen from this machine."""
        for pid in daemons.pids(self.folder, "node"):
            with suppress(OSError):
                numbers = re.search(r"^NSpid:\s+(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
                if numbers and numbers[1].split()[-1] == "1" and len(numbers[1].split()) > 1:
                    return pid
        return None

    def _is_up(self) -> bool:
        pid = self._first_process()
        with suppress(OSError):
            return pid is not None and Path(f"/proc/{pid}/comm").read_text() == "dumb-init\n"
        return False

    def _write_files(self) -> None:
        values = {
            "address": _ADDRESS,
            "pods": _PODS,
            "folder": self.folder,
            "cgroup": self._cgroup,
            "pause": PAUSE if tool_sources.docker_hub_available() else stand_in_images.PAUSE,
            **{f"port_{name.replace('-', '_')}": port for name, port in self.ports().items()},
        }
        for source in (_HERE / "files").rglob("*.*"):
            target = self.folder / source.relative_to(_HERE / "files")
            target.parent.mkdir(exist_ok=True)
            target.write_text(Template(source.read_text()).substitute(values))
