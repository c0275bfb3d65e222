"""Tells `make test` whether the tests of the stand-ins passed on this machine with the files as they are.

They test the stand-ins in `sandbox/` and no code of the product, so unchanged files need no second run. The record is in the tool cache,
one empty file per state of the files. `STAND_INS=all` ignores it.
"""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox.toolchain import cache_folder

ROOT = Path(__file__).parents[2]
TESTS = "tests/sandbox/engine"
SOURCES = (
    "sandbox",
    TESTS,
    "tests/conftest.py",
    "tests/support/plugin_contract.py",
    "tests/support/simulated_cluster.py",
    "requirements-dev.txt",
)


def record(cache: Path, root: Path = ROOT) -> Path:
    """The file that exists after a green run with these sources, this Python and these plugins."""
    plugins = [os.environ.get(name) for name in ("PULUMI_HOME", "OFFICIAL_PLUGINS")]
    digest = hashlib.sha256(f"{platform.python_version()} {plugins}".encode())
    for file in _files(root):
        digest.update(f"\0{file.relative_to(root)}\0".encode() + file.read_bytes())
    return cache / "stand-ins-passed" / digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for source in SOURCES:
        found = [root / source] if (root / source).is_file() else sorted((root / source).rglob("*"))
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def main() -> None:
    """Print the tests to run, or record that they passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passed", action="store_true", help="record a green run")
    parser.add_argument("--same-as", metavar="COMMIT", help="record one if that commit has the same sources")
    wish = parser.parse_args()
    file = record(cache_folder())
    if wish.passed or (wish.same_as and _same_as(wish.same_as)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    elif not wish.same_as:
        if os.environ.get("STAND_INS") == "all" or not file.exists():
            print(TESTS)
        else:
            print(f"Not run: {TESTS}. It passed with these files; STAND_INS=all runs it.", file=sys.stderr)


def _same_as(commit: str) -> bool:
    command = ["git", "diff", "--quiet", commit, "--", *SOURCES]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    main()
