"""Debian file tree: the root of the node, and the base layer of the stand-in images.

debootstrap builds it once, in namespaces of its own. The host needs only debootstrap. The mirror decides the versions.
"""

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from sandbox import SandboxError, toolchain
from sandbox.step_progress import StepProgress

BUILD_SECONDS = {"Debian": 100}
SUITE = "bookworm"
# kubelet calls iptables and mount, and kube-proxy calls nft. The container runtime is Debian's.
_NODE = (
    "containerd", "runc", "containernetworking-plugins", "nftables", "iproute2", "iptables",
    "util-linux", "mount", "kmod", "procps", "ca-certificates",
)  # fmt: skip
_IMAGES = (
    "git", "openssh-client", "python3", "libpq5", "dumb-init", "tzdata", "postgresql-15", "redis-server",
)  # fmt: skip
# Users of the official images. A lookup by number finds the first.
_USERS = """\
airflow:x:50000:0:Airflow:/home/airflow:/bin/bash
git-sync:x:65533:65533:git-sync:/tmp:/usr/sbin/nologin
postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/bash
redis:x:999:999:Redis:/data:/usr/sbin/nologin
"""
_GROUPS = "git-sync:x:65533:\npostgres:x:999:\nredis:x:999:\n"
# Documentation, leftovers of apt, the generated PostgreSQL cluster and its key, the JIT compiler (120 MB), facts of this machine.
_TRIM = (
    "usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "usr/share/lintian", "var/log/*",
    "var/cache/*", "var/lib/apt/lists/*", "var/lib/postgresql/*", "etc/postgresql/*", "etc/ssl/private/*",
    "usr/lib/*/libLLVM*", "usr/lib/postgresql/*/lib/bitcode", "usr/lib/postgresql/*/lib/llvmjit*",
    "etc/hostname", "etc/resolv.conf", "boot", "dev/*",
)  # fmt: skip
NOT_IN_IMAGES = (
    "usr/bin/containerd*", "usr/bin/ctr", "usr/sbin/runc", "usr/lib/cni",
    "usr/lib/*/libz3*", "usr/lib/*/perl", "usr/lib/*/libperl*", "usr/share/perl", "usr/share/i18n",
)  # fmt: skip
"""Paths that the images leave out: programs that only the node runs, or nothing."""


def tree_folder(cache: Path) -> Path:
    """Folder of the tree in the cache. Its name changes with its content."""
    text = repr((SUITE, _NODE, _IMAGES, _USERS, _GROUPS, _TRIM, platform.machine()))
    return cache / "node" / f"debian-{SUITE}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def ensure_tree(cache: Path, shown: StepProgress) -> Path:
    """Build the tree unless it is cached. Returns its folder."""
    final = tree_folder(cache)
    if not final.exists():
        with toolchain.locked(cache):
            if not final.exists():
                _make(final, cache / "debootstrap.log", shown)
    return final


def _make(final: Path, log: Path, shown: StepProgress) -> None:
    debootstrap = shutil.which("debootstrap", path=os.defpath + ":/usr/sbin:/sbin")
    if debootstrap is None:
        raise SandboxError("debootstrap is not installed. Install the package debootstrap")
    shown.start("Debian")
    for path in matching(final.parent, ("debian-*", ".*")):  # older versions and killed builds
        delete(path)
    log.unlink(missing_ok=True)
    with toolchain.atomic_folder(final) as made:
        command = [
            # Processes that a package starts on installation end with the namespace.
            *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
            *(debootstrap, "--variant=minbase", f"--include={','.join(_NODE + _IMAGES)}", SUITE, str(made)),
        ]
        try:
            toolchain.run(command, final.parent, {**os.environ, "LC_ALL": "C.UTF-8"}, log, shown)
        except SandboxError:
            failure = "debootstrap failed. It needs a reachable Debian mirror and 1 GB of disk"
            raise SandboxError.from_log(failure, log) from None
        made.chmod(0o755)  # the root of the tree, with any umask
        for path in matching(made, _TRIM):
            delete(path)
        _name_users(made / "etc" / "passwd", _USERS)
        _name_users(made / "etc" / "group", _GROUPS)
    shown.finish(f"{SUITE}, by debootstrap")


def _name_users(file: Path, ours: str) -> None:
    names = re.findall(r"(?m)^[^:]+", ours)
    lines = [line for line in file.read_text().splitlines(keepends=True) if line.split(":")[0] not in names]
    file.write_text("".join(lines) + ours)


def matching(root: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    """Paths below the root that match a pattern."""
    return (path for pattern in patterns for path in sorted(root.glob(pattern)))


def delete(path: Path) -> None:
    """Delete a file, a link, or a folder with its content."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
