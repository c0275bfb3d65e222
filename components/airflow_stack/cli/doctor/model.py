"""What a check of `doctor` is, and the order of checks: each is made only when those that it needs went well.

Knows neither git nor clusters.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from airflow_stack.errors import UserError

_LONGEST = 600


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Part(StrEnum):
    """The parts of which one can be chosen."""

    GIT = "git"
    CLUSTER = "cluster"


_DOUBTS = {Status.WARN: "to look at", Status.SKIPPED: "not made"}


@dataclass(frozen=True)
class Check:
    """One check that was made, or could not be."""

    check: str
    status: Status
    message: str
    way_out: str = ""

    def __str__(self) -> str:
        """One line, with the cause and the way out."""
        return f"{self.check}: {self.message}" + (f"; fix: {self.way_out}" if self.way_out else "")

    def as_json(self) -> dict[str, str]:
        """The check as a script reads it."""
        return {"check": self.check, "status": self.status.value, "message": self.message, "wayOut": self.way_out}


class UnwellError(Exception):
    """A check that is not well: the cause, and the way out."""

    def __init__(self, message: str, way_out: str = "", status: Status = Status.FAIL) -> None:
        super().__init__(message)
        self.way_out, self.status = way_out, status


@dataclass(frozen=True)
class Step:
    """A check to be made: `look` says what it saw, or raises `UnwellError`."""

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()


def run(steps: Iterable[Step]) -> Iterator[Check]:
    """Make the checks, one after the other."""
    passed: set[str] = set()
    for step in steps:
        check = _made(step, next((need for need in step.needs if need not in passed), None))
        if check.status in (Status.OK, Status.WARN):
            passed.add(step.name)
        yield check


def closing(checks: Sequence[Check], command: str) -> str:
    """What all checks come to, and the one thing to do next."""
    count = Counter(check.status for check in checks)
    if failed := count[Status.FAIL]:
        unknown = f", {count[Status.SKIPPED]} could not be made" if count[Status.SKIPPED] else ""
        return f"{failed} of {len(checks)} checks failed{unknown}. Next: mend them from the top, then ask again"
    doubts = [f"{count[status]} {word}" for status, word in _DOUBTS.items() if count[status]]
    return (
        f"{len(checks)} checks, nothing stands in the way{''.join(f', {doubt}' for doubt in doubts)}. Next: `{command}`"
    )


def one_line(text: str) -> str:
    """What another program said, on one line and without control characters."""
    line = "; ".join(filter(None, (" ".join(part.split()) for part in text.splitlines())))
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _made(step: Step, lacking: str | None) -> Check:
    if lacking:
        return Check(step.name, Status.SKIPPED, f"was not made, for it needs {lacking!r}")
    try:
        return Check(step.name, Status.OK, one_line(step.look()))
    except UnwellError as found:
        return Check(step.name, found.status, one_line(str(found)), found.way_out)
    except UserError as error:
        return Check(step.name, Status.FAIL, one_line(str(error)))
