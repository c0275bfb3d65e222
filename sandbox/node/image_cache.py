"""What containerd has unpacked, kept in the cache: the next node has its images without unpacking them again.

Layers never change once they are there, so both share them by hard links; only the databases are copied. Where links cannot be (another
file system) nothing is kept, and images are imported anew.
"""

import shutil
import subprocess
from pathlib import Path


def save(containerd: Path, cache: Path, archive: Path) -> None:
    """Keep the folder of a containerd that has just imported an archive, and has run nothing yet."""
    for old in cache.glob("node/*.unpacked"):
        shutil.rmtree(old)
    _link(containerd, _kept(cache, archive.name))


def restore(cache: Path, containerd: Path) -> str:
    """Give a new containerd what was kept; the name of the archive that it then has, empty when there is none."""
    for kept in cache.glob("node/*.unpacked"):
        if _link(kept, containerd):
            return kept.name.removesuffix(".unpacked")
    return ""


def _kept(cache: Path, archive: str) -> Path:
    return cache / "node" / f"{archive}.unpacked"


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
