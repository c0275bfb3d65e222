"""Checks of `doctor`, their order and their results. Knows neither git nor clusters."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from airflow_stack.errors import UserError

_MAX_CHARACTERS = 600


class Status(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class CheckGroup(StrEnum):
    """Checks that `--only` can choose."""

    GIT = "git"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class CheckResult:
    """A check that ran or was skipped."""

    check: str
    """Name of the check."""
    status: Status
    message: str
    fix: str = ""

    def __str__(self) -> str:
        """Check, message and fix on one line."""
        return f"{self.check}: {self.message}" + (f"; fix: {self.fix}" if self.fix else "")


class CheckError(Exception):
    """A check without the result `ok`: `status`, the cause as message, and `fix`."""

    def __init__(self, message: str, fix: str = "", status: Status = Status.FAIL) -> None:
        super().__init__(message)
        self.fix, self.status = fix, status


@dataclass(frozen=True)
class Check:
    """One check to run."""

    name: str
    run: Callable[[], str]
    """Returns a message, or raises `CheckError` or `UserError`."""
    needs: tuple[str, ...] = ()
    """Checks that must have passed; otherwise this one is skipped."""


def run_checks(checks: Iterable[Check]) -> Iterator[CheckResult]:
    """Run checks in order; yield each result at once."""
    passed: set[str] = set()
    for check in checks:
        result = _result(check, next((need for need in check.needs if need not in passed), None))
        if result.status in (Status.OK, Status.WARN):
            passed.add(check.name)
        yield result


def _result(check: Check, missing: str | None) -> CheckResult:
    if missing:
        return CheckResult(check.name, Status.SKIPPED, f"skipped because {missing!r} did not pass")
    try:
        return CheckResult(check.name, Status.OK, one_line(check.run()))
    except CheckError as error:
        return CheckResult(check.name, error.status, one_line(str(error)), error.fix)
    except UserError as error:
        return CheckResult(check.name, Status.FAIL, one_line(str(error)))


def one_line(text: str) -> str:
    """Output of another program on one line: no control characters, at most 600 characters."""
    line = "; ".join(filter(None, (" ".join(part.split()) for part in text.splitlines())))
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= _MAX_CHARACTERS else f"{line[: _MAX_CHARACTERS - 1]}…"
