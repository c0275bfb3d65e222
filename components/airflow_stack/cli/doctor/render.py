"""The lines and the JSON that `doctor` prints."""

from collections import Counter
from collections.abc import Sequence

from typer import style

from airflow_stack.cli.report import print_report

from .model import CheckResult, Status

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIPPED: "bright_black"}


def line(result: CheckResult) -> str:
    """Status, check, message and fix."""
    return style(f"{result.status.value:<8}", _COLOURS[result.status]) + str(result)


def summary(results: Sequence[CheckResult], command: str) -> str:
    """Number of results by status, and the next step: `command` unless a check failed."""
    count = Counter(result.status for result in results)
    skipped = f", {count[Status.SKIPPED]} skipped" if count[Status.SKIPPED] else ""
    if failed := count[Status.FAIL]:
        return (
            f"{failed} of {len(results)} checks failed{skipped}. Next: fix the first one, then run this command again"
        )
    warnings = f", {count[Status.WARN]} with a warning" if count[Status.WARN] else ""
    return f"{len(results)} checks, none failed{warnings}{skipped}. Next: `{command}`"


def print_json(results: Sequence[CheckResult], command: str) -> None:
    """The report of all checks; `command` comes next unless one failed."""
    checks = [
        {"check": each.check, "status": each.status.value, "message": each.message, "fix": each.fix} for each in results
    ]
    failed = [each for each in checks if each["status"] == Status.FAIL.value]
    warnings = [f"{each['check']}: {each['message']}" for each in checks if each["status"] == Status.WARN.value]
    print_report(
        "doctor",
        {"checks": checks},
        ok=not failed,
        problems=failed,
        warnings=warnings,
        following=[] if failed else [command],
    )
