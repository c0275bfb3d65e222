"""Who holds a stack's lock, and whether that process still runs. Never removes anything."""

import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

from airflow_stack.cli.process_table import Process, find

_CREATED = re.compile(r"created by (?P<user>\S+)@(?P<host>[^@\s]+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")
_SLACK = timedelta(seconds=5)  # between the start of a process by the kernel's clock and its lock by the wall's


class Owner(Enum):
    """What can be known of a lock's owner."""

    RUNS = "runs"
    DEAD = "dead"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Lock:
    """What Pulumi notes when it locks a stack in a file or a bucket."""

    user: str
    host: str
    pid: int
    since: datetime

    @property
    def holder(self) -> str:
        """The name under which a user must confirm that it is gone."""
        return f"{self.user}@{self.host}"

    def __str__(self) -> str:
        """Whose it is, in words."""
        return f"{self.holder}, process {self.pid}, since {self.since:%Y-%m-%d %H:%M:%S%z}"

    def owner(self) -> Owner:
        """Whether the process that took the lock still runs; only its own host can tell."""
        if self.host != socket.gethostname():
            return Owner.ELSEWHERE
        if not Path("/proc/self/stat").exists():
            return Owner.RUNS if _exists(self.pid) else Owner.DEAD
        return Owner.RUNS if any(self._is_taken_by(process) for process in find()) else Owner.DEAD

    def _is_taken_by(self, process: Process) -> bool:
        """A pid is given again, but only to a younger process; in a container here it is another one than on the host."""
        if self.pid not in process.pids:
            return False
        return process.name == "pulumi" or (self.pid == process.pid and process.started <= self.since + _SLACK)


def parse(text: str) -> list[Lock]:
    """The locks that a message of Pulumi names."""
    return [
        Lock(found["user"], found["host"], int(found["pid"]), datetime.fromisoformat(found["time"]))
        for found in _CREATED.finditer(text)
    ]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
