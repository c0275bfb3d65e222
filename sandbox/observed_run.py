"""Runs Pulumi with its lines passed through and, beneath them, what an observer sees meanwhile.

Pulumi writes to a file, in a process group of its own: neither our end nor an interrupt at the terminal can break it off and leave the
stack locked. It is asked to end, once, and then cancels what is under way and saves its state. From then on its lines, all consequences, go
to the log alone, so that the cause stays the last thing to read.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TextIO

from rich.text import Text

from airflow_stack.cli.console import console, say

PRIVATE = 0o077
"""Umask of every Pulumi: what it writes with `-v=9`, to a log in the temporary folder, has secrets in plain text."""
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 2.0


class Observation(Protocol):
    """What an observer sees."""

    @property
    def summary(self) -> str:
        """What is happening, in one line."""

    @property
    def changes(self) -> Sequence[str]:
        """What is new since the last time, a line each."""

    @property
    def problems(self) -> Sequence[object]:
        """What will not mend itself."""


Observer = Callable[[], Observation]
"""Looks once."""


def run_observed(command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path, observe: Observer) -> bool:
    """Run a Pulumi command to its end, with all that it prints in `log`, and tell whether it succeeded."""
    colour = "always" if console.is_terminal else "never"
    words = [*command, "--non-interactive", "--color", colour, "--suppress-progress", "--suppress-outputs"]
    with log.open("w") as written, log.open() as lines, console.status("") as status:
        asked, looked = False, 0.0
        with subprocess.Popen(
            words,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
            process_group=0,
            umask=PRIVATE,
        ) as process:
            while process.returncode is None:
                try:
                    if not asked and time.monotonic() - looked > _LOOK_SECONDS:
                        seen, looked = observe(), time.monotonic()
                        status.update(Text(seen.summary, style="dim"))
                        print_observation(seen)
                        if seen.problems:
                            asked = _ask_to_end(process, "This will not mend itself")
                    _wait(process)
                    if not asked:
                        _pass_on(lines)
                except KeyboardInterrupt:
                    asked = asked or _ask_to_end(process, "Interrupted")
        if asked:
            say(f"It has ended; what it printed meanwhile is in {log}. The next `up` goes on from here.")
        else:
            _pass_on(lines)
    return process.returncode == 0 and not asked


def _ask_to_end(process: subprocess.Popen[bytes], why: str) -> bool:
    """Interrupt Pulumi; once, for a second time makes it drop what is under way."""
    say(f"{why}: Pulumi ends in order and saves its state, which takes a moment.", "yellow")
    process.send_signal(signal.SIGINT)
    return True


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return


def print_observation(seen: Observation) -> None:
    """Print what is new, and what will not mend itself; on a terminal the status line says the former."""
    for line in () if console.is_terminal else seen.changes:
        say(f"    {line}")
    for problem in seen.problems:
        say(f"error: {problem}", "red")


def _pass_on(lines: TextIO) -> None:
    """Print the lines that are whole; what is not comes with the next call."""
    while True:
        start, line = lines.tell(), lines.readline()
        if not line.endswith("\n"):
            lines.seek(start)
            return
        console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)
