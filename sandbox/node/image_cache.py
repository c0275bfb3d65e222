"""Cache of unpacked images, so that the next node starts without unpacking them.

Layers never change, so cache and node share them by hard links. Only containerd's databases are copied. On another file system, where hard
links fail, nothing is cached and each node imports its images.
"""

import shutil
import subprocess
from pathlib import Path


def save(containerd: Path, cache: Path, archive: Path) -> None:
    """Cache the folder of a containerd that has imported an archive and run no container yet."""
    for old in cache.glob("node/*.unpacked"):
        shutil.rmtree(old)
    _link(containerd, cache / "node" / f"{archive.name}.unpacked")


def restore(cache: Path, containerd: Path) -> str:
    """Fill the folder of a new containerd from the cache. Returns the archive's name, or an empty string."""
    for cached in cache.glob("node/*.unpacked"):
        if _link(cached, containerd):
            return cached.name.removesuffix(".unpacked")
    return ""


def _link(source: Path, target: Path) -> bool:
    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    copied = subprocess.run(["cp", "--archive", "--link", str(source), str(aside)], capture_output=True, check=False)
    if copied.returncode != 0:
        shutil.rmtree(aside, ignore_errors=True)
        return False
    for database in aside.glob("*/*.db"):
        own = shutil.copy2(database, database.with_suffix(".copy"))
        Path(own).replace(database)
    aside.rename(target)
    return True
