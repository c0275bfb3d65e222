"""Installs a version of Airflow from PyPI into a virtual environment in the cache. Nothing here runs Airflow.

uv installs it in 2 seconds from its cache and in about 10 from the network; venv and pip take minutes. Only uv can exclude packages that
were published after a date.
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
_CONNECT_SECONDS = 3

Report = Callable[[str], None]
"""Receives a line about an action that takes time."""


@dataclass(frozen=True)
class AirflowInstallation:
    """An installed Airflow."""

    python: str
    """Path of its interpreter."""
    dependencies: str
    """Source of the versions of its dependencies."""


def published_before(version: str) -> list[str]:
    """Arguments of uv for a tested version without its constraints file. The sandbox's image uses them too."""
    day = next((row.packages_until for row in TESTED if row.airflow == version), None)
    return ["--exclude-newer", f"{day}T00:00:00Z"] if day else []


def install_airflow(version: str, requirements: Path | None, python: str | None, report: Report) -> AirflowInstallation:
    """Find or make an environment with Airflow.

    Args:
        version: Version of Airflow.
        requirements: Requirements file of the DAGs. Its content is part of the environment's name.
        python: Version of Python for uv to find, such as 3.12. Default: the Python of this process.
        report: Receives progress.

    Raises:
        UserError: the installation fails, or the requirements are not readable.
    """
    content = _content(requirements)
    parts = _EXTRAS, published_before(version), python or sys.version_info[:2], content
    name = f"airflow-{version}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:12]}"
    final = cache_folder() / "dags-check" / name
    interpreter = final / "bin" / "python"  # a link, whose target may have been removed
    if not interpreter.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        with _locked(final.parent / f"{name}.lock", report):
            if not interpreter.exists():
                _install(final, version, requirements if content else None, python or sys.executable, report)
    return AirflowInstallation(str(interpreter), json.loads((final / "origin.json").read_text()))


def _content(requirements: Path | None) -> bytes:
    try:
        return requirements.read_bytes() if requirements else b""
    except OSError as error:
        raise UserError(
            f"the requirements {requirements} are not readable: {error.strerror}; name another file"
        ) from None


@contextmanager
def _locked(file: Path, report: Report) -> Iterator[None]:
    """Let one process at a time install. The kernel releases the lock when the process ends."""
    with file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another airflow-stack is installing this Airflow; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(final: Path, version: str, requirements: Path | None, python: str, report: Report) -> None:
    """Install into a temporary folder and rename it at the end, so that an interrupted installation is never used."""
    began, unfinished = time.monotonic(), f".{final.name}-"
    for abandoned in final.parent.glob(f"{unfinished}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    report(f"installing Airflow {version} from PyPI into {final.parent}, once")
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=unfinished) as name:
        environment = Path(name) / "environment"
        _uv(["venv", "--quiet", "--relocatable", "--python", python, str(environment)])
        interpreter = str(environment / "bin" / "python")
        dependencies, pins = _pins(version, interpreter, Path(name))
        install = ["pip", "install", "--python", interpreter]
        _uv([*install, *pins, f"apache-airflow[{_EXTRAS}]=={version}"], report)
        if requirements:  # of any date, and free to deviate from Airflow's constraints, but not from its version
            _uv([*install, f"apache-airflow=={version}", "--requirements", str(requirements.resolve())], report)
        (environment / "origin.json").write_text(json.dumps(dependencies))
        shutil.rmtree(final, ignore_errors=True)
        environment.rename(final)
    report(f"installed Airflow {version} with {dependencies} in {time.monotonic() - began:.0f} s")


def _pins(version: str, python: str, folder: Path) -> tuple[str, list[str]]:
    """Source of the dependencies' versions, and uv's arguments for it."""
    command = [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    short = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        url = _CONSTRAINTS.format(version=version, python=short)
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer:  # noqa: S310  (https, from above)
            (folder / "constraints.txt").write_bytes(answer.read())
    except (OSError, HTTPException):
        pins = published_before(version)
        return (f"packages from before {pins[1][:10]}" if pins else "the newest packages"), pins
    return "its official constraints", ["--constraints", str(folder / "constraints.txt")]


def _uv(arguments: list[str], report: Report | None = None) -> None:
    """Run uv, and report its progress."""
    from uv import find_uv_bin

    printed: list[str] = []
    with subprocess.Popen(
        [find_uv_bin(), *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as uv:
        for line in uv.stderr or ():
            printed.append(line.rstrip())
            if report and line.startswith(("Resolved", "Prepared", "Installed")):
                report(f"  {line.strip()}")
    if uv.returncode:
        text = "\n  ".join(printed[-15:])
        raise UserError(
            f"Airflow was not installed. It needs PyPI, or a mirror of it in UV_DEFAULT_INDEX, and 1 GB of disk; output of uv:\n  {text}"
        )
