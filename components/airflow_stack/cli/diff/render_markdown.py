"""The comparison as one comment of a pull request, within GitHub's limit.

The same change gives the same text. Values are only in code spans and fenced blocks, where GitHub creates no link, mention or HTML. The
marker at the top identifies the comment for updates.
"""

from collections.abc import Sequence
from html import escape

from .layout import VERDICTS, lines, summary, sums, title
from .model import ObjectChange, Severity, StackDiff
from .quoting import clean, code
from .totals import Prices

MARKER = "<!-- airflow-stack diff -->"
LIMIT = 64_000
"""Most bytes of the comment: GitHub allows 65,536 characters, and the posting job adds lines of its own."""
_SIGNS = {Severity.NONE: "✅", Severity.CHANGE: "🔶", Severity.DANGEROUS: "🛑"}
# Most lines of one object: the first number with which the whole comment fits.
_MAX_LINES = (1000, 200, 60, 20, 5, 0)
_MAX_LINE_CHARACTERS = 2000


def comment(diffs: Sequence[StackDiff], base: str, command: str, prices: Prices | None = None) -> str:
    """The comment.

    Args:
        diffs: The results, one for each stack.
        base: Name of the base.
        command: Command that shows the parts that are cut here.
        prices: Price list, if there is one.
    """
    for most in _MAX_LINES:
        text = _comment(diffs, base, command, prices, most)
        if _size(text) <= LIMIT:
            return text
    pointer = f"\n\nCut here; complete: {code(command)}\n"
    kept: list[str] = []
    room = LIMIT - _size(pointer)
    for line in _comment(diffs, base, command, prices, None).splitlines(keepends=True):
        room -= _size(line)
        if room < 0:
            break
        kept.append(line)
    return "".join(kept) + pointer


def _size(text: str) -> int:
    return len(text.encode())


def _comment(diffs: Sequence[StackDiff], base: str, command: str, prices: Prices | None, most: int | None) -> str:
    parts = [MARKER, f"### Effects of this change on each stack, compared with {code(base)}", *_overview(diffs)]
    for diff in diffs:
        if diff.effects:
            parts += _stack(diff, prices, most, command)
    return "\n".join(parts) + "\n"


def _overview(diffs: Sequence[StackDiff]) -> list[str]:
    rows = [
        f"| {code(diff.stack)} | {_SIGNS[diff.severity]} {VERDICTS[diff.severity]} | {summary(diff)} |"
        for diff in diffs
    ]
    return ["", "| Stack | | Objects |", "| --- | --- | --- |", *rows]


def _stack(diff: StackDiff, prices: Prices | None, most: int | None, command: str) -> list[str]:
    parts = ["", f"#### {code(diff.stack)}", ""]
    parts += [f"- {'🛑 ' if effect.severity is Severity.DANGEROUS else ''}{effect.text}" for effect in diff.effects]
    if diff.before != diff.after:
        parts += ["", "| | before | after |", "| --- | ---: | ---: |"]
        parts += [f"| {label} | {code(old)} | {code(new)} |" for label, old, new in sums(diff, prices)]
    if most is None:
        return parts
    if diff.settings:
        body = [line for field in diff.settings for line in lines(field)]
        parts += _folded("Changed settings", _cut(body, most, command))
    if diff.objects:
        body = [line for change in diff.objects for line in _object(change, most, command)]
        parts += _folded(summary(diff), body)
    return parts


def _object(change: ObjectChange, most: int, command: str) -> list[str]:
    body = [line for field in change.fields for line in lines(field)]
    return [clean(title(change)), *(f"{line[0]} {line[1:]}" for line in _cut(body, most, command))]


def _cut(body: list[str], most: int, command: str) -> list[str]:
    if len(body) <= most:
        return [_short(line) for line in body]
    return [*map(_short, body[:most]), f"# {len(body) - most} more lines: {command}"]


def _short(line: str) -> str:
    return line if len(line) <= _MAX_LINE_CHARACTERS else f"{line[:_MAX_LINE_CHARACTERS]}…"


def _folded(heading: str, body: list[str]) -> list[str]:
    text = "\n".join(body)
    runs = [len(run) for run in "".join(c if c == "`" else " " for c in text).split()]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return ["", f"<details><summary>{escape(heading)}</summary>", "", f"{fence}diff", *body, fence, "", "</details>"]
