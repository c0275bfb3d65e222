"""The real Airflow of a version, from PyPI, in a virtual environment of its own that is kept in the cache.

uv makes it: with its cache filled in 2 seconds, from the network in about 10, where venv and pip take minutes; and
only uv can leave out what was published after a date. Nothing here runs Airflow.
"""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from airflow_stack.cli.helm import cache_folder
from airflow_stack.errors import UserError
from airflow_stack.versions import TESTED

_EXTRAS = "standard,cncf-kubernetes,postgres"
_CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{version}/constraints-{python}.txt"
_PROBE_SECONDS = 3


@dataclass(frozen=True)
class Environment:
    """An installed Airflow."""

    python: str
    """Its interpreter."""
    origin: str
    """What decided the versions of Airflow's dependencies."""


def published_before(version: str) -> list[str]:
    """The arguments of uv that stand in for the constraints file of a version, where it was tested. The sandbox's image keeps to them too."""
    day = next((row.packages_until for row in TESTED if row.airflow == version), None)
    return ["--exclude-newer", f"{day}T00:00:00Z"] if day else []


def environment(version: str, requirements: Path | None, python: str | None, say: Callable[[str], None]) -> Environment:
    """Airflow of a version; made where it is missing.

    Args:
        version: Airflow's.
        requirements: What the DAGs need besides, for pip. Its content is part of the environment's name.
        python: For uv to find, such as 3.12; the default is the Python that runs this.
        say: Told what takes time.

    Raises:
        UserError: it cannot be installed, or the requirements cannot be read.
    """
    wanted = _content(requirements)
    parts = _EXTRAS, published_before(version), python or sys.version_info[:2], wanted
    name = f"airflow-{version}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"
    final = cache_folder() / "dags-check" / name
    interpreter = final / "bin" / "python"  # a link to one that may be gone since
    if not interpreter.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        with _locked(final.parent / f"{name}.lock", say):
            if not interpreter.exists():
                _install(final, version, requirements if wanted else None, python or sys.executable, say)
    return Environment(str(interpreter), json.loads((final / "origin.json").read_text()))


def _content(requirements: Path | None) -> bytes:
    try:
        return requirements.read_bytes() if requirements else b""
    except OSError as error:
        raise UserError(
            f"the requirements {requirements} cannot be read: {error.strerror}; give another file"
        ) from None


@contextmanager
def _locked(file: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time install; the kernel frees the lock with the process."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another airflow-stack installs this Airflow; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(final: Path, version: str, requirements: Path | None, python: str, say: Callable[[str], None]) -> None:
    """Install aside and move into place when it is whole: a killed installation is never used."""
    begun, aside = time.monotonic(), f".{final.name}-"
    for abandoned in final.parent.glob(f"{aside}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    say(f"installing Airflow {version} from PyPI into {final.parent}, once")
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=aside) as name:
        made = Path(name) / "environment"
        _uv(["venv", "--quiet", "--relocatable", "--python", python, str(made)])
        inside = str(made / "bin" / "python")
        origin, pins = _pins(version, inside, Path(name))
        install = ["pip", "install", "--python", inside]
        _uv([*install, *pins, f"apache-airflow[{_EXTRAS}]=={version}"], say)
        if requirements:  # of any date, and free to change what Airflow's constraints say, but not Airflow
            _uv([*install, f"apache-airflow=={version}", "--requirements", str(requirements.resolve())], say)
        (made / "origin.json").write_text(json.dumps(origin))
        shutil.rmtree(final, ignore_errors=True)
        made.rename(final)
    say(f"installed Airflow {version} with {origin} in {time.monotonic() - begun:.0f} s")


def _pins(version: str, python: str, folder: Path) -> tuple[str, list[str]]:
    """What keeps the dependencies at the versions that this Airflow was tested with."""
    command = [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    short = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        url = _CONSTRAINTS.format(version=version, python=short)
        with urllib.request.urlopen(url, timeout=_PROBE_SECONDS) as answer:  # noqa: S310  (https, from above)
            (folder / "constraints.txt").write_bytes(answer.read())
    except (OSError, HTTPException):
        pins = published_before(version)
        return (f"the packages of before {pins[1][:10]}" if pins else "the newest packages"), pins
    return "its official constraints", ["--constraints", str(folder / "constraints.txt")]


def _uv(arguments: list[str], say: Callable[[str], None] | None = None) -> None:
    """Run uv, and pass on what it says of its progress."""
    from uv import find_uv_bin

    said: list[str] = []
    with subprocess.Popen(
        [find_uv_bin(), *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as uv:
        for line in uv.stderr or ():
            said.append(line.rstrip())
            if say and line.startswith(("Resolved", "Prepared", "Installed")):
                say(f"  {line.strip()}")
    if uv.returncode:
        text = "\n  ".join(said[-15:])
        raise UserError(
            f"Airflow was not installed. It needs PyPI, or a mirror of it in UV_DEFAULT_INDEX, and 1 GB of disk; uv said:\n  {text}"
        )
