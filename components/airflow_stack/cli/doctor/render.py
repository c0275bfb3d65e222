"""The lines and the JSON that `doctor` prints."""

import json
from collections import Counter
from collections.abc import Sequence

from typer import style

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


def as_json(results: Sequence[CheckResult]) -> str:
    """A list of all results."""
    return json.dumps(
        [
            {"check": each.check, "status": each.status.value, "message": each.message, "wayOut": each.fix}
            for each in results
        ],
        indent=2,
    )
