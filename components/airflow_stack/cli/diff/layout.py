"""What the terminal and Markdown show alike: the lines of an object, and the sums with their price."""

from collections.abc import Iterator

from airflow_stack.cli.diff.compare import Report
from airflow_stack.cli.diff.object_changes import Change, Field
from airflow_stack.cli.diff.quoting import plural
from airflow_stack.cli.diff.totals import Prices

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
VERDICTS = {0: "no change", 2: "change", 3: "dangerous change"}


def title(change: Change) -> str:
    """An object's own line."""
    note = ": only its checksums, so its pods restart" if change.what == "changed" and not change.fields else ""
    return f"{SIGNS[change.what]} {change.key}{note}"


def lines(field: Field) -> Iterator[str]:
    """The lines of a field, as a diff has them."""
    if field.old is not None and field.new is not None and "\n" not in field.old + field.new:
        secret = field.old == field.new  # what is hidden looks the same on both sides
        yield f"! {field.path}: {'changed, not shown' if secret else f'{field.old} -> {field.new}'}"
        return
    for sign, text in (("-", field.old), ("+", field.new)):
        if text:
            first, *rest = text.split("\n")
            yield f"{sign} {field.path}: {first}" if not rest else f"{sign} {field.path}:"
            yield from (f"{sign}     {line}" for line in ([first, *rest] if rest else []))


def sums(report: Report, prices: Prices | None) -> list[tuple[str, str, str]]:
    """Every sum before and after; the price last."""
    before, after = report.before.shown(), report.after.shown()
    rows = [(label, before[label], after[label]) for label in before]
    if prices:
        old, new = (f"{side.per_month(prices):.2f} {prices.currency}" for side in (report.before, report.after))
        rows.append(("Price per month", old, new))
    return rows


def summary(report: Report) -> str:
    """How many objects differ."""
    return plural(len(report.objects), "object") + (" differs" if len(report.objects) == 1 else " differ")
