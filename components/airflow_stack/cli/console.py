"""What is printed while work goes on: live on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

console = Console(highlight=False)

_PLAIN_EVERY_SECONDS = 30


def duration(seconds: float) -> str:
    """How long, in the words of a person: `40 seconds`, `3 minutes`."""
    if seconds < 90:
        return f"{round(seconds)} seconds"
    return f"{round(seconds / 60)} minutes"


def say(text: str, style: str = "") -> None:
    """Print plain text, unwrapped where nobody's terminal sets a width."""
    console.print(text, markup=False, style=style, soft_wrap=not console.is_terminal)


class Progress:
    """Steps of known weight: which one runs, how far all are, and about how long is left."""

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
        """Tell that the step still runs; call it often."""
        if console.is_terminal or time.monotonic() - self._printed > _PLAIN_EVERY_SECONDS:
            self._show()

    def finish(self, result: str) -> None:
        """End the step."""
        elapsed = time.monotonic() - self._started
        self._spent += elapsed
        self._done.append(self._current)
        say(f"  {self._current}: {result}, {duration(elapsed)}")

    def left(self) -> float:
        """Seconds that remain, by the estimates and by how fast this machine has been."""
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
def progress(estimates: dict[str, int]) -> Iterator[Progress]:
    """Show the progress of steps, given the seconds that each one takes."""
    if estimates:
        names, total = ", ".join(estimates), duration(sum(estimates.values()))
        say(f"Getting {names}. Made here they take about {total}, once.")
    shown = Progress(estimates)
    with shown.status:
        yield shown
