"""Processes of this machine, read from /proc; without /proc there are none."""

import os
import signal
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PROC = Path("/proc")
_TERMINATE_SECONDS = 10
_KILL_SECONDS = 60


@dataclass(frozen=True)
class Process:
    """One process."""

    pid: int
    pids: tuple[int, ...]
    """Its pid in each pid namespace, the host's first."""
    parent: int
    name: str
    started: datetime


def processes() -> Iterator[Process]:
    """Every visible process."""
    uptime = float((_PROC / "uptime").read_text().split()[0])
    booted = datetime.now(UTC) - timedelta(seconds=uptime)
    for folder in _PROC.iterdir():
        with suppress(OSError):  # it has ended
            if folder.name.isdigit():
                yield _read(folder, booted)


def _read(folder: Path, booted: datetime) -> Process:
    lines = (folder / "status").read_text(errors="replace").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    stat = (folder / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    if stat[0] in "ZX":
        raise ProcessLookupError(folder.name)  # has ended, and its parent has not waited for it yet
    started = booted + timedelta(seconds=int(stat[19]) / os.sysconf("SC_CLK_TCK"))
    pids = tuple(map(int, status.get("NSpid", folder.name).split()))
    return Process(int(folder.name), pids, int(stat[1]), status["Name"], started)


def orphaned_plugins(project: str, env: Mapping[str, str]) -> list[Process]:
    """Plugins of an update whose `pulumi` has died. They run on for minutes, and their results are lost.

    Args:
        project: Name of the Pulumi project.
        env: Environment with PULUMI_BACKEND_URL, by which plugins of other states are told apart.
    """
    if not _PROC.joinpath("uptime").exists():
        return []
    by_pid = {process.pid: process for process in processes()}
    ours = {process.pid for process in _ancestry(by_pid, os.getpid())}

    def is_orphaned(process: Process) -> bool:
        return (
            process.pid not in ours
            and _is_plugin(process.pid, project, env)
            and all(ancestor.name != "pulumi" for ancestor in _ancestry(by_pid, process.pid))
        )

    return [process for process in by_pid.values() if is_orphaned(process)]


def _ancestry(by_pid: Mapping[int, Process], pid: int) -> Iterator[Process]:
    """A process and its ancestors."""
    while pid in by_pid:
        yield by_pid[pid]
        pid = by_pid[pid].parent


def _is_plugin(pid: int, project: str, env: Mapping[str, str]) -> bool:
    """Whether a process has the environment of a plugin of this project and backend."""
    theirs = environment(pid)
    with suppress(OSError):
        backend = theirs.get("PULUMI_BACKEND_URL")
        plugin = theirs.get("PULUMI_PROJECT") == project and "PULUMI_CONFIG" in theirs
        # The environment of a language host does not name the project. Without a backend it could belong to any project.
        host = backend is not None and (_PROC / str(pid) / "comm").read_text().startswith("pulumi-language")
        return (plugin or host) and backend == env.get("PULUMI_BACKEND_URL")
    return False


def environment(pid: int) -> dict[str, str]:
    """Environment at the start of a process; empty if it has ended or belongs to another user."""
    try:
        entries = (_PROC / str(pid) / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def end(ending: Collection[Process]) -> None:
    """End processes by SIGTERM, after 10 seconds by SIGKILL, and return when they are gone."""
    for number, patience in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        for process in _alive(ending):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        until = time.monotonic() + patience
        while _alive(ending) and time.monotonic() < until:
            time.sleep(0.05)


def _alive(ending: Collection[Process]) -> list[Process]:
    now = {(process.pid, process.name) for process in processes()}
    return [process for process in ending if (process.pid, process.name) in now]
