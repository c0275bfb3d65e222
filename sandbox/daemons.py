"""Background processes of a folder, found by a mark in their environment.

Unlike a pid file, the mark exists from the start of the process and never names the pid's next owner.
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
    """Start a process that outlives its parent. It logs to `<home>/logs/<name>.log`."""
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
    """Log file of a process."""
    return home / "logs" / f"{name}.log"


def running(home: Path) -> dict[str, int]:
    """Name and pid of each running process of the folder."""
    return {name: pid for pid, name in _marked(home)}


def pids(home: Path, name: str) -> list[int]:
    """Pids of a process and its children, which inherit the mark."""
    return [pid for pid, marked in _marked(home) if marked == name]


def _marked(home: Path) -> Iterator[tuple[int, str]]:
    return ((pid, name) for pid in _all() if (name := _name_of(pid, home)))


def _all() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _name_of(pid: int, home: Path) -> str | None:
    variables = environment(pid)
    return variables.get(_NAME) if variables.get(_HOME) == str(home.resolve()) else None


def stop(home: Path) -> list[str]:
    """Stop every process of the folder and wait for its end. Returns the names of the processes."""
    found = running(home)
    for number, seconds in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, 60)):
        signalled: set[int] = set()
        end = time.monotonic() + seconds
        while (live := {pid for pid, _ in _marked(home)}) and time.monotonic() < end:
            for pid in live - signalled:  # a process may have started another
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            signalled |= live
            time.sleep(0.05)
    return sorted(found)
