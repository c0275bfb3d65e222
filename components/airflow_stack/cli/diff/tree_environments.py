"""Interpreter for each tree of a comparison: a tree that pins other packages is rendered with those.

A tree that contains the package itself, such as a checkout of this project, runs with the installed dependencies.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import typer

from airflow_stack.cli.helm import cache_folder
from airflow_stack.errors import UserError

_FILE = "requirements.txt"
_PACKAGE = re.compile(r"airflow[-_.]stack\b(?:\s*\[[^\]]*\])?(?:\s*==\s*(?P<pin>[\w.!+-]+))?", re.IGNORECASE)
_INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]?\s*(\S+)")
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]+@")


@dataclass(frozen=True)
class TreeEnvironment:
    """A Python environment with `airflow_stack`."""

    python: str
    version: str
    """Version of `airflow-stack`; empty if the package is not installed but on a path."""


def environments(before: Path, after: Path, name: str) -> tuple[TreeEnvironment, TreeEnvironment]:
    """Environments of the base and of the work tree: the running one, unless the requirements ask for others.

    Args:
        before: Folder of the base.
        after: Folder of the work tree.
        name: Name of the base in messages.

    Raises:
        UserError: requirements cannot be installed.
    """
    running = TreeEnvironment(sys.executable, _running_version())
    old, new = _requirements(before), _requirements(after)
    pins = [match["pin"] for line in new if (match := _PACKAGE.match(line))]
    fits = not new or not running.version or pins in ([None], [running.version])
    head = running if fits else _environment(after, new, "the work tree")
    if not old or old == new:
        return head, head
    return _environment(before, old, name), head


def _requirements(folder: Path) -> list[str]:
    """Lines of the requirements and of files that they include. Empty for a tree with another source of the package."""
    if (folder / "components" / "airflow_stack").is_dir():
        return []
    lines = [*_lines(folder / _FILE)]
    return lines if any(_PACKAGE.match(line) for line in lines) else []


def _lines(file: Path, depth: int = 0) -> Iterator[str]:
    if depth > 5 or not file.is_file():
        return
    for line in file.read_text(errors="replace").splitlines():
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text:
            yield text
        if included := _INCLUDED.match(text):
            yield from _lines(file.parent / included[1], depth + 1)


def _environment(folder: Path, lines: list[str], name: str) -> TreeEnvironment:
    """The environment of a tree, from the cache or installed there."""
    digest = hashlib.sha256(repr((sys.version_info[:3], lines)).encode()).hexdigest()[:16]
    final = cache_folder() / "diff" / digest
    python = final / "bin" / "python"  # a link, whose target may have been removed
    if not python.exists():
        _install(folder, final, name, next(line for line in lines if _PACKAGE.match(line)))
    found = distributions(name="airflow-stack", path=[str(path) for path in final.glob("lib/python*/site-packages")])
    return TreeEnvironment(str(python), next((each.version for each in found), ""))


def _install(folder: Path, final: Path, name: str, pin: str) -> None:
    """Install into a temporary folder and rename it at the end, so that an interrupted installation is never used."""
    pin = _CREDENTIALS.sub("", pin)
    typer.echo(f"installing the requirements of {name} into {final.parent}, once: {pin}", err=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{final.name}-") as temporary:
        made = Path(temporary, "environment")
        python = str(made / "bin" / "python")
        for command in _commands(str(made), python):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                reason = " ".join(" ".join((done.stderr or done.stdout).split())[-600:].split("ERROR: ")[-1:])
                raise UserError(
                    f"{_FILE} of {name} cannot be installed, so its {pin} cannot render it\n    {_CREDENTIALS.sub('', reason)}\n"
                    "    fix: make that version available to this machine (PIP_INDEX_URL, or UV_DEFAULT_INDEX with uv), "
                    "or compare with a commit that pins another"
                )
        if (final / "bin" / "python").exists():  # another process was faster
            return
        shutil.rmtree(final, ignore_errors=True)
        made.rename(final)


def _commands(environment: str, python: str) -> list[list[str]]:
    """Commands that make an environment and install the requirements: by uv, which takes seconds, or by pip."""
    try:
        from uv import find_uv_bin

        uv = find_uv_bin()
    except (ModuleNotFoundError, FileNotFoundError):
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", _FILE]
        return [[sys.executable, "-m", "venv", environment], pip]
    make = [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, environment]
    return [make, [uv, "pip", "install", "--quiet", "--python", python, "--requirements", _FILE]]


def _running_version() -> str:
    try:
        return version("airflow-stack")
    except PackageNotFoundError:
        return ""
