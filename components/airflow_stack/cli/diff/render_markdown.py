"""The reports as one comment of a pull request: the same text for the same change, within GitHub's limit, and inert.

Values stand in code spans and fenced blocks alone, where GitHub makes no link, mention or HTML of them; the marker on top lets the comment be found
and updated.
"""

from collections.abc import Sequence
from html import escape

from airflow_stack.cli.diff.compare import Report
from airflow_stack.cli.diff.layout import VERDICTS, lines, summary, sums, title
from airflow_stack.cli.diff.object_changes import Change
from airflow_stack.cli.diff.quoting import clean, code
from airflow_stack.cli.diff.totals import Prices

MARKER = "<!-- airflow-stack diff -->"
LIMIT = 65_536
"""Characters of a GitHub comment; bytes are counted here, which are never fewer."""
_SIGNS = {0: "✅", 2: "🔶", 3: "🛑"}
# Lines of one object, longest first: the first with which all of it fits is taken.
_LINES = (1000, 200, 60, 20, 5, 0)


def comment(reports: Sequence[Report], base: str, command: str, prices: Prices | None = None) -> str:
    """The comment.

    Args:
        reports: One for each stack.
        base: What is compared with.
        command: The command that shows what is cut off here.
        prices: The price list, where there is one.
    """
    for most in _LINES:
        text = _comment(reports, base, command, prices, most)
        if _size(text) <= LIMIT:
            return text
    pointer = f"\n\nCut here; all of it: {code(command)}\n"
    kept: list[str] = []
    room = LIMIT - _size(pointer)
    for line in _comment(reports, base, command, prices, None).splitlines(keepends=True):
        room -= _size(line)
        if room < 0:
            break
        kept.append(line)
    return "".join(kept) + pointer


def _size(text: str) -> int:
    return len(text.encode())


def _comment(reports: Sequence[Report], base: str, command: str, prices: Prices | None, most: int | None) -> str:
    parts = [MARKER, f"### What this change does to each stack, compared with {code(base)}", *_overview(reports)]
    for report in reports:
        if report.findings:
            parts += _stack(report, prices, most, command)
    return "\n".join(parts) + "\n"


def _overview(reports: Sequence[Report]) -> list[str]:
    rows = [
        f"| {code(report.stack)} | {_SIGNS[report.level]} {VERDICTS[report.level]} | {summary(report)} |"
        for report in reports
    ]
    return ["", "| Stack | | Objects |", "| --- | --- | --- |", *rows]


def _stack(report: Report, prices: Prices | None, most: int | None, command: str) -> list[str]:
    parts = ["", f"#### {code(report.stack)}", ""]
    parts += [f"- {'🛑 ' if finding.level == 3 else ''}{finding.text}" for finding in report.findings]
    if report.before != report.after:
        parts += ["", "| | before | after |", "| --- | ---: | ---: |"]
        parts += [f"| {label} | {code(old)} | {code(new)} |" for label, old, new in sums(report, prices)]
    if most is None:
        return parts
    if report.settings:
        body = [line for field in report.settings for line in lines(field)]
        parts += _folded("Settings that change", _cut(body, most, command))
    if report.objects:
        body = [line for change in report.objects for line in _object(change, most, command)]
        parts += _folded(summary(report), body)
    return parts


def _object(change: Change, most: int, command: str) -> list[str]:
    body = [line for field in change.fields for line in lines(field)]
    return [clean(title(change)), *(f"{line[0]} {line[1:]}" for line in _cut(body, most, command))]


def _cut(body: list[str], most: int, command: str) -> list[str]:
    if len(body) <= most:
        return [_short(line) for line in body]
    return [*map(_short, body[:most]), f"# {len(body) - most} more lines: {command}"]


def _short(line: str) -> str:
    return line if len(line) <= 2000 else f"{line[:2000]}…"


def _folded(heading: str, body: list[str]) -> list[str]:
    text = "\n".join(body)
    runs = [len(run) for run in "".join(c if c == "`" else " " for c in text).split()]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return ["", f"<details><summary>{escape(heading)}</summary>", "", f"{fence}diff", *body, fence, "", "</details>"]
