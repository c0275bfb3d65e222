"""Locks of a stack, and whether their processes still run. Removes nothing."""

import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from airflow_stack.cli.process_table import Process, processes

_LOCK = re.compile(r"created by (?P<user>\S+)@(?P<host>[^@\s]+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
_CLOCK_TOLERANCE = timedelta(seconds=5)  # between the kernel's clock of a process start and the wall clock of its lock


class LockOwner(Enum):
    """State of the process that holds a lock."""

    RUNNING = "running"
    DEAD = "dead"
    ELSEWHERE = "on another machine"


@dataclass(frozen=True)
class Lock:
    """Lock of a stack whose state is in a folder or a bucket."""

    user: str
    host: str
    pid: int
    since: datetime

    @property
    def holder(self) -> str:
        """User and host, as `--gone` takes them."""
        return f"{self.user}@{self.host}"

    def __str__(self) -> str:
        """Holder, process and time."""
        return f"{self.holder}, process {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S%z}"

    def owner(self) -> LockOwner:
        """Whether the process still runs; unknown for another machine."""
        if self.host != socket.gethostname():
            return LockOwner.ELSEWHERE
        if Path("/proc/self/stat").exists():
            is_running = any(self._is_held_by(process) for process in processes())
        else:
            is_running = _exists(self.pid)
        return LockOwner.RUNNING if is_running else LockOwner.DEAD

    def _is_held_by(self, process: Process) -> bool:
        """A reused pid belongs to a younger process. A container has other pids than its host."""
        if self.pid not in process.pids:
            return False
        older = process.started <= self.since + _CLOCK_TOLERANCE
        return process.name == "pulumi" or (self.pid == process.pid and older)


def parse_locks(text: str) -> list[Lock]:
    """The locks in a message of Pulumi."""
    return [
        Lock(found["user"], found["host"], int(found["pid"]), datetime.fromisoformat(found["time"]))
        for found in _LOCK.finditer(text)
    ]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
