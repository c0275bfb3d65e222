"""The package as installed by a user: a wheel of this checkout, in an environment without the checkout."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> str:
        """Python interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of a shell in which it is activated."""
        kept = {key: os.environ[key] for key in ("HOME", "LANG", "TMPDIR", "SSL_CERT_FILE") if key in os.environ}
        return {**kept, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def run(self, *command: str, cwd: Path, **variables: str) -> str:
        """Output of a command that must succeed."""
        done = subprocess.run(
            command, cwd=cwd, env={**self.variables, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout


def build_wheel(folder: Path) -> Path:
    """Build the wheel with the installed setuptools, from a copy, because a build writes into its source tree."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".venv")
    shutil.copytree(ROOT / "components", source / "components", ignore=ignored)
    _uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def environment(folder: Path, *packages: str) -> Environment:
    """Create an environment with the locked requirements and further packages: a wheel, or packages in the tests' lock file.

    Skips the test if no package index is reachable.
    """
    made = Environment(folder)
    _uv("venv", "--python", sys.executable, str(folder))
    install = ("pip", "install", "--python", made.python)
    _uv(*install, "--require-hashes", "--requirements", str(ROOT / "requirements.txt"))
    if packages:
        _uv(*install, "--constraints", str(ROOT / "requirements-dev.txt"), *packages)
    return made


def _uv(*arguments: str) -> None:
    done = subprocess.run([find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode and "Failed to fetch" in done.stderr:
        pytest.skip(f"no package index answers: {done.stderr.strip().splitlines()[-1].strip()}")
    assert done.returncode == 0, done.stderr
