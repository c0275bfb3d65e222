"""Requirements of a node: the kernel's features, control groups, and two packages."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from sandbox import SandboxError, debian
from sandbox.toolchain import cache_folder

NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts")
"""Namespaces of the node, as options of unshare and nsenter."""
_KERNEL = (5, 13)
_CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}
_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
_OVERLAY = 'cd "$0" && mkdir a b c d && mount -t overlay overlay -o lowerdir=a,upperdir=b,workdir=c d'


def unsupported_reason(folder: Path) -> str | None:
    """Reason that no node can run here with its data in `folder`. None if one can."""
    if platform.system() != "Linux":
        return "a node needs Linux"
    if os.geteuid() != 0:
        return "a node needs root"
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if release and tuple(map(int, release.groups())) < _KERNEL:
        return f"a node needs Linux {'.'.join(map(str, _KERNEL))} or newer, and this is {platform.release()}"
    if not _runs(["unshare", *NAMESPACES, "--fork", "mount", "-t", "tmpfs", "a", "/mnt"]):
        return "this machine cannot create namespaces; it is probably a container"
    if not _control_groups():
        return "control groups of this machine are not writable; it is probably a container"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as trial:
        if not _runs(["unshare", "--mount", "sh", "-c", _OVERLAY, trial]):
            return f"the file system of {folder.parent} does not support overlays; this is probably a container"
    return None


def missing_packages() -> list[str]:
    """Packages that a node needs and that are not installed."""
    wanted = ["slirp4netns"] if Path("/dev/net/tun").exists() else []
    if not debian.tree_folder(cache_folder()).exists():
        wanted.append("debootstrap")
    return [name for name in wanted if shutil.which(name, path=_PATH) is None]


def install(packages: list[str]) -> None:
    """Install packages with apt-get.

    Raises:
        SandboxError: apt-get is not installed or failed.
    """
    if shutil.which("apt-get") is None:
        raise SandboxError(
            f"missing packages: {' and '.join(packages)}. Install them with the system's package manager, then run `make up`"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SandboxError(f"apt-get {words[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def hierarchies() -> list[Path]:
    """Roots of the control groups: one in version 2, one per controller in version 1."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    roots = [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]
    return [root for root in roots if root.is_relative_to("/sys/fs/cgroup")]


def make_control_group(name: str) -> None:
    """Create a control group for the pods in each hierarchy.

    Raises:
        OSError: The control groups are not writable, as in a container.
    """
    for root in hierarchies():
        enabled = root / "cgroup.subtree_control"
        if enabled.exists():  # version 2: a group has only the controllers that its parent enables
            available = set((root / "cgroup.controllers").read_text().split()) & _CONTROLLERS
            enabled.write_text(" ".join(f"+{each}" for each in available))
        (root / name).mkdir(exist_ok=True)


def remove_control_group(name: str) -> None:
    """Remove a control group without processes, and all groups below it."""
    for root in hierarchies():
        for folder, _, _ in os.walk(root / name, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()


def _control_groups() -> bool:
    try:
        make_control_group("airflow-sandbox-trial")
    except OSError:
        return False
    finally:
        remove_control_group("airflow-sandbox-trial")
    return bool(hierarchies())


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
