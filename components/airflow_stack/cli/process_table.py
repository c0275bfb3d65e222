"""The processes of this machine, as `recover` needs to know them: from /proc, so that without it there are none."""

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


@dataclass(frozen=True)
class Process:
    """One process."""

    pid: int
    pids: tuple[int, ...]
    """The same process in each pid namespace, the host's first."""
    parent: int
    name: str
    started: datetime


def find() -> Iterator[Process]:
    """Every process that can be seen."""
    uptime = float((_PROC / "uptime").read_text().split()[0])
    booted = datetime.now(UTC) - timedelta(seconds=uptime)
    for folder in _PROC.iterdir():
        with suppress(OSError):  # it ended meanwhile
            if folder.name.isdigit():
                yield _read(folder, booted)


def _read(folder: Path, booted: datetime) -> Process:
    lines = (folder / "status").read_text(errors="replace").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    stat = (folder / "stat").read_text(errors="replace").rsplit(")", 1)[1].split()
    if stat[0] in "ZX":
        raise ProcessLookupError(folder.name)  # ended, and only not yet waited for
    started = booted + timedelta(seconds=int(stat[19]) / os.sysconf("SC_CLK_TCK"))
    pids = tuple(map(int, status.get("NSpid", folder.name).split()))
    return Process(int(folder.name), pids, int(stat[1]), status["Name"], started)


def left_over(project: str, env: Mapping[str, str]) -> list[Process]:
    """Plugins of an update whose `pulumi` is gone: they go on for minutes, with nobody to note what they did."""
    if not _PROC.joinpath("uptime").exists():
        return []
    processes = {process.pid: process for process in find()}
    ours = {process.pid for process in _line(processes, os.getpid())}

    def is_left_over(process: Process) -> bool:
        return (
            process.pid not in ours
            and _is_of(process.pid, project, env)
            and all(ancestor.name != "pulumi" for ancestor in _line(processes, process.pid))
        )

    return [process for process in processes.values() if is_left_over(process)]


def _line(processes: Mapping[int, Process], pid: int) -> Iterator[Process]:
    """A process and its ancestors."""
    while pid in processes:
        yield processes[pid]
        pid = processes[pid].parent


def _is_of(pid: int, project: str, env: Mapping[str, str]) -> bool:
    """Tell by what the engine puts into a plugin's environment, and by where the state is."""
    theirs = environment(pid)
    with suppress(OSError):
        backend = theirs.get("PULUMI_BACKEND_URL")
        plugin = theirs.get("PULUMI_PROJECT") == project and "PULUMI_CONFIG" in theirs
        # A language host is told nothing of the project; without a named backend it could be anybody's.
        host = backend is not None and (_PROC / str(pid) / "comm").read_text().startswith("pulumi-language")
        return (plugin or host) and backend == env.get("PULUMI_BACKEND_URL")
    return False


def environment(pid: int) -> dict[str, str]:
    """The environment that a process was started with; empty when it is gone, or another user's."""
    try:
        entries = (_PROC / str(pid) / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def end(processes: Collection[Process]) -> None:
    """End processes, kindly first, and return when they are gone."""
    for number, patience in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, 60)):
        for process in _living(processes):
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        until = time.monotonic() + patience
        while _living(processes) and time.monotonic() < until:
            time.sleep(0.05)


def _living(processes: Collection[Process]) -> list[Process]:
    now = {(process.pid, process.name) for process in find()}
    return [process for process in processes if (process.pid, process.name) in now]
