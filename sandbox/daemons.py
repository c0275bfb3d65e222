"""Background processes that belong to a folder, found again by a mark in their environment.

The mark is given to a process at its birth and cannot go stale, as a file with its pid can: not by
a crash between start and note, nor by the pid's next owner.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from airflow_stack.cli.process_table import environment

_HOME, _NAME = "AIRFLOW_SANDBOX_HOME", "AIRFLOW_SANDBOX_PROCESS"
_TERMINATE_SECONDS = 2


def start(home: Path, name: str, command: Sequence[str]) -> None:
    """Start a process that outlives us; it logs to `<home>/logs/<name>.log`."""
    log = log_file(home, name)
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            cwd=home,
            env={**os.environ, _HOME: str(home.resolve()), _NAME: name},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )


def log_file(home: Path, name: str) -> Path:
    """Where a process logs to."""
    return home / "logs" / f"{name}.log"


def running(home: Path) -> dict[str, int]:
    """Name and pid of every live process of the folder."""
    return {name: pid for pid, name in _marked(home)}


def pids(home: Path, name: str) -> list[int]:
    """The pids of a process of the folder: its own, and those of its children, which have its mark."""
    return [pid for pid, marked in _marked(home) if marked == name]


def _marked(home: Path) -> Iterator[tuple[int, str]]:
    return ((pid, name) for pid in _all() if (name := _name_of(pid, home)))


def _all() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _name_of(pid: int, home: Path) -> str | None:
    variables = environment(pid)
    return variables.get(_NAME) if variables.get(_HOME) == str(home.resolve()) else None


def stop(home: Path) -> list[str]:
    """End every process of the folder and wait for it; the names of those that ran."""
    found = running(home)
    for number, patience in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, 60)):
        told: set[int] = set()
        end = time.monotonic() + patience
        while (live := {pid for pid, _ in _marked(home)}) and time.monotonic() < end:
            for pid in live - told:  # one of them may have started another
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= live
            time.sleep(0.05)
    return sorted(found)
