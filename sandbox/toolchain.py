"""Provides the tools of the sandbox from a cache outside the checkout.

An installed tool comes first, then the official download, then a build from the published Go module. Nothing is installed into the system.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from airflow_stack.cli.helm import cache_folder as cache_folder
from sandbox import SandboxError, tool_sources
from sandbox.pins import Tool
from sandbox.step_progress import StepProgress, step_progress


@dataclass(frozen=True)
class LocatedTool:
    """A usable tool."""

    path: str
    version: str
    origin: str
    """`installed`, `official download` or `built here`."""


def ensure(tools: Sequence[Tool], cache: Path | None = None) -> dict[str, LocatedTool]:
    """Find, download or build the tools, and link each in the cache's `bin`.

    Raises:
        SandboxError: A tool could not be provided.
    """
    cache = cache or cache_folder()
    found = {tool.name: _locate(tool, cache) for tool in tools}
    if not all(found.values()):
        with locked(cache):
            found = {tool.name: _locate(tool, cache) for tool in tools}
            missing = [tool for tool in tools if not found[tool.name]]
            with step_progress({tool.name: tool.seconds for tool in missing}) as shown:
                for tool in missing:
                    found[tool.name] = _make(tool, cache, shown)
    complete = {name: tool for name, tool in found.items() if tool}
    _link(tools, complete, cache)
    return complete


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Lock the cache for one process at a time. The kernel releases the lock when the process ends."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _locate(tool: Tool, cache: Path) -> LocatedTool | None:
    return _installed(tool, cache) or _cached(tool, cache)


def _installed(tool: Tool, cache: Path) -> LocatedTool | None:
    path = shutil.which(tool.name)
    if path is None or Path(path).resolve().is_relative_to(cache.resolve()):
        return None
    if not tool.minimum:
        beside = shutil.which("pulumi") == str(Path(path).with_name("pulumi"))
        return LocatedTool(path, "with pulumi", "installed") if beside else None
    answer = subprocess.run([path, *tool.version_arguments], capture_output=True, text=True, check=False)
    version = re.search(r"\d+\.\d+\.\d+", answer.stdout + answer.stderr)
    if version is None or _numbers(version[0]) < _numbers(tool.minimum):
        return None
    return LocatedTool(path, version[0], "installed")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _cached(tool: Tool, cache: Path) -> LocatedTool | None:
    folder = _folder(tool, cache)
    try:
        origin: dict[str, str] = json.loads((folder / "origin.json").read_text())
    except FileNotFoundError:
        return None
    return LocatedTool(str(folder / tool.name), **origin)


def _folder(tool: Tool, cache: Path) -> Path:
    return cache / "tools" / f"{tool.name}-{tool.version}"


def _make(tool: Tool, cache: Path, shown: StepProgress) -> LocatedTool:
    """Make a tool where it is missing."""
    final = _folder(tool, cache)
    shown.start(tool.name)
    with atomic_folder(final) as folder:
        version, origin = tool.version, "official download"
        if not (tool_sources.internet_available() and tool_sources.download(tool, folder)):
            version, origin = tool.module_version or tool.version, "built here"
            log = cache / f"{tool.name}.log"
            log.unlink(missing_ok=True)
            tool_sources.build(tool, folder, lambda command, cwd, env: run(command, cwd, env, log, shown))
        (folder / "origin.json").write_text(json.dumps({"version": version, "origin": origin}))
    shown.finish(f"{version}, {origin}")
    return LocatedTool(str(final / tool.name), version, origin)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder, and rename it to `final` when the block succeeds."""
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".") as name:
        folder = Path(name) / "new"
        folder.mkdir()
        yield folder
        shutil.rmtree(final, ignore_errors=True)
        folder.rename(final)


def run(command: list[str], cwd: Path, env: dict[str, str], log: Path, shown: StepProgress) -> None:
    """Run a command with its output in the log.

    Raises:
        SandboxError: The command failed. The message has the last lines of the log.
    """
    with log.open("a") as output:
        process = subprocess.Popen(command, cwd=cwd, env=env, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                shown.tick()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
        finally:
            process.kill()  # on any other signal, unshare waits for its child
            process.wait()
    if process.returncode != 0:
        raise SandboxError.from_log(f"`{' '.join(command[:2])}` failed", log)


def _link(tools: Sequence[Tool], found: dict[str, LocatedTool], cache: Path) -> None:
    """Link every tool in `bin`. Cached tools are hard links, because Pulumi looks for its language hosts beside itself."""
    binaries = cache / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for file, program in ((file, found[tool.name].path) for tool in tools for file in tool.files):
        target, link = Path(program).with_name(file), binaries / file
        if link.exists() and link.samefile(target):
            continue
        fresh = binaries / f".{file}.{os.getpid()}"
        if target.is_relative_to(cache):
            fresh.hardlink_to(target)
        else:
            fresh.symlink_to(target)
        fresh.replace(link)
