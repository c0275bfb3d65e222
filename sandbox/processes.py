"""Background processes that belong to a folder, found again by a mark in their environment.

The mark is given to a process at its birth and cannot go stale, as a file with its pid can: not by
a crash between start and note, nor by the pid's next owner.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

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
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {name: pid for pid in pids if (name := _name_of(pid, home))}


def _name_of(pid: int, home: Path) -> str | None:
    try:
        entries = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:  # gone, or another user's
        return None
    variables = dict(entry.split("=", 1) for entry in entries if "=" in entry)
    return variables.get(_NAME) if variables.get(_HOME) == str(home.resolve()) else None


def stop(home: Path) -> list[str]:
    """End every process of the folder and wait for it; the names of those that ran."""
    found = running(home)
    with ExitStack() as stack:
        handles: list[int] = []
        for pid in found.values():
            try:
                handle = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            stack.callback(os.close, handle)
            if _name_of(pid, home):  # the handle holds the pid, so this answer stays true
                handles.append(handle)
        for number, patience in ((signal.SIGTERM, _TERMINATE_SECONDS), (signal.SIGKILL, 60)):
            for handle in handles:
                signal.pidfd_send_signal(handle, number)
            handles = _still_alive(handles, patience)
    return sorted(found)


def _still_alive(handles: list[int], patience: float) -> list[int]:
    end = time.monotonic() + patience
    while handles and (left := end - time.monotonic()) > 0:
        ended, _, _ = select.select(handles, [], [], left)  # readable once the process has ended
        handles = [handle for handle in handles if handle not in ended]
    return handles
