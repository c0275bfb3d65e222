"""A Debian file tree: the root of the node, and the base of the stand-in images.

Made once by debootstrap, which is all that the host needs, in namespaces that end with it. What a
mirror serves today decides the versions; nothing here starts a program of the tree.
"""

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from airflow_stack.cli.console import Progress
from sandbox import SandboxError, toolchain

BUILD_SECONDS = {"Debian": 100}
SUITE = "bookworm"
# kubelet calls iptables and mount, its nftables proxy nft; the runtime is Debian's.
_NODE = (
    "containerd", "runc", "containernetworking-plugins", "nftables", "iproute2", "iptables",
    "util-linux", "mount", "kmod", "procps", "ca-certificates",
)  # fmt: skip
_IMAGES = (
    "git", "openssh-client", "python3", "libpq5", "dumb-init", "tzdata", "postgresql-15", "redis-server",
)  # fmt: skip
# The official images' users; the first of two users of one number is the one that a lookup finds.
_USERS = """\
airflow:x:50000:0:Airflow:/home/airflow:/bin/bash
git-sync:x:65533:65533:git-sync:/tmp:/usr/sbin/nologin
postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/bash
redis:x:999:999:Redis:/data:/usr/sbin/nologin
"""
_GROUPS = "git-sync:x:65533:\npostgres:x:999:\nredis:x:999:\n"
# Documentation, what apt leaves, a made PostgreSQL cluster and its key, the JIT compiler (120 MB), what tells of this machine.
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
"""What the images do without: what only the node runs, and what nothing of ours runs."""


def tree_folder(cache: Path) -> Path:
    """Where the tree is, or will be; a change of what it holds changes the name."""
    text = repr((SUITE, _NODE, _IMAGES, _USERS, _GROUPS, _TRIM, platform.machine()))
    return cache / "node" / f"debian-{SUITE}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def ensure_tree(cache: Path, shown: Progress) -> Path:
    """Make the tree where it is missing."""
    final = tree_folder(cache)
    if not final.exists():
        with toolchain.locked(cache):
            if not final.exists():
                _make(final, cache / "debootstrap.log", shown)
    return final


def _make(final: Path, log: Path, shown: Progress) -> None:
    debootstrap = shutil.which("debootstrap", path=os.defpath + ":/usr/sbin:/sbin")
    if debootstrap is None:
        raise SandboxError("debootstrap is needed and was not found; install the package debootstrap")
    shown.start("Debian")
    remove(final.parent, "debian-*")
    log.unlink(missing_ok=True)
    with toolchain.atomic_folder(final) as made:
        command = [
            # Whatever a package starts as it is installed ends with the namespace.
            *("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
            *(debootstrap, "--variant=minbase", f"--include={','.join(_NODE + _IMAGES)}", SUITE, str(made)),
        ]
        try:
            toolchain.run(command, final.parent, {**os.environ, "LC_ALL": "C.UTF-8"}, log, shown)
        except SandboxError:
            needed = "Debian needs a mirror that is reached and 1 GB of disk: debootstrap failed"
            raise SandboxError.from_log(needed, log) from None
        made.chmod(0o755)  # the root of the tree, whatever the user's umask is
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
    """Every path below the root that a pattern names."""
    return (path for pattern in patterns for path in sorted(root.glob(pattern)))


def remove(parent: Path, pattern: str) -> None:
    """Remove what an older version, or one that was killed, left in the cache; call it locked."""
    for path in matching(parent, (pattern, ".*")):
        delete(path)


def delete(path: Path) -> None:
    """Delete a file, a link or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
