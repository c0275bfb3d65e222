"""Progress of steps with estimated times: live on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.text import Text

from airflow_stack.cli.console import console, duration, say

_PLAIN_EVERY_SECONDS = 30


class StepProgress:
    """Progress of steps.

    Args:
        estimates: Seconds that each step takes, by its name.
    """

    def __init__(self, estimates: dict[str, int]) -> None:
        self.status = console.status("")
        self._estimates = estimates
        self._done: list[str] = []
        self._spent = 0.0

    def start(self, name: str) -> None:
        """Begin a step."""
        self._current = name
        self._started = time.monotonic()
        self._show()

    def tick(self) -> None:
        """Show that the step still runs. May be called often."""
        if console.is_terminal or time.monotonic() - self._printed > _PLAIN_EVERY_SECONDS:
            self._show()

    def finish(self, result: str) -> None:
        """End the step."""
        elapsed = time.monotonic() - self._started
        self._spent += elapsed
        self._done.append(self._current)
        say(f"  {self._current}: {result}, {duration(elapsed)}")

    def left(self) -> float:
        """Remaining seconds, by the estimates and the speed of this machine so far."""
        planned = sum(self._estimates[name] for name in self._done)
        pace = self._spent / planned if planned else 1.0
        remaining = sum(self._estimates.values()) - planned
        return max(remaining * pace - (time.monotonic() - self._started), 0.0)

    def _show(self) -> None:
        self._printed = time.monotonic()
        step = f"[{len(self._done) + 1} of {len(self._estimates)}] {self._current}"
        text = f"{step}, {duration(self._printed - self._started)}; about {duration(self.left())} left"
        if console.is_terminal:
            self.status.update(Text(text))
        else:
            say(text)


@contextmanager
def step_progress(estimates: dict[str, int]) -> Iterator[StepProgress]:
    """Show the progress of steps, given the estimated seconds of each."""
    if estimates:
        names, total = ", ".join(estimates), duration(sum(estimates.values()))
        say(f"Getting {names}. Building them takes about {total}, once.")
    progress = StepProgress(estimates)
    with progress.status:
        yield progress
