"""Runs Pulumi, prints its output, and shows an observer's report below it.

Pulumi writes to a log file, in its own process group. So neither a crash here nor an interrupt on the terminal kills it and leaves the
stack locked. On an interrupt, or on a problem that does not resolve itself, Pulumi gets one SIGINT: it cancels its operations and saves the
state. Its further output goes only to the log, so that the cause stays the last line on the terminal.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.text import Text

from airflow_stack.cli.console import console, say
from sandbox.pod_watch import PodObservation

PRIVATE = 0o077
"""Umask of Pulumi: with `-v=9` it logs secrets in plain text to the temporary folder."""
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 2.0


Observer = Callable[[], PodObservation]


def run_observed(command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path, observe: Observer) -> bool:
    """Run a Pulumi command until it exits, with its whole output in `log`. Returns whether it succeeded."""
    colour = "always" if console.is_terminal else "never"
    words = [*command, "--non-interactive", "--color", colour, "--suppress-progress", "--suppress-outputs"]
    with log.open("w") as written, log.open() as lines, console.status("") as status:
        interrupted, looked = False, 0.0
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
                    if not interrupted and time.monotonic() - looked > _LOOK_SECONDS:
                        seen, looked = observe(), time.monotonic()
                        status.update(Text(seen.summary, style="dim"))
                        print_observation(seen)
                        if seen.problems:
                            interrupted = _interrupt(process, "This problem does not resolve itself.")
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_POLL_SECONDS)
                    if not interrupted:
                        _print_lines(lines)
                except KeyboardInterrupt:
                    interrupted = interrupted or _interrupt(process, "Interrupted.")
        if interrupted:
            say(f"Stopped. Log: {log}. The next `up` continues from here.")
        else:
            _print_lines(lines)
    return process.returncode == 0 and not interrupted


def _interrupt(process: subprocess.Popen[bytes], reason: str) -> bool:
    """Interrupt Pulumi, only once: at a second interrupt it abandons running operations."""
    say(f"{reason} Stopping Pulumi, which first saves its state.", "yellow")
    process.send_signal(signal.SIGINT)
    return True


def print_observation(seen: PodObservation) -> None:
    """Print problems and, except on a terminal, changes: there the status line shows them."""
    for line in () if console.is_terminal else seen.changes:
        say(f"    {line}")
    for problem in seen.problems:
        say(f"error: {problem}", "red")


def _print_lines(lines: TextIO) -> None:
    """Print all complete lines. The next call prints the rest."""
    while True:
        start, line = lines.tell(), lines.readline()
        if not line.endswith("\n"):
            lines.seek(start)
            return
        console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)
