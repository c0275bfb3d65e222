"""Lines that the terminal and Markdown share: objects, fields, and sums with their price."""

from collections.abc import Iterator

from airflow_stack.cli.counted import counted

from .model import FieldChange, ObjectChange, Severity, StackDiff
from .totals import Prices, labelled, price_per_month

SIGNS = {"added": "+", "removed": "-", "changed": "~"}
VERDICTS = {Severity.NONE: "no change", Severity.CHANGE: "change", Severity.DANGEROUS: "dangerous change"}


def title(change: ObjectChange) -> str:
    """Line of an object."""
    note = ": only its checksums, so its pods restart" if change.what == "changed" and not change.fields else ""
    return f"{SIGNS[change.what]} {change.key}{note}"


def lines(field: FieldChange) -> Iterator[str]:
    """Lines of a field, as in a diff."""
    if field.old is not None and field.new is not None and "\n" not in field.old + field.new:
        is_hidden = field.old == field.new  # hidden values are equal
        yield f"! {field.path}: {'changed, not shown' if is_hidden else f'{field.old} -> {field.new}'}"
        return
    for sign, text in (("-", field.old), ("+", field.new)):
        if text:
            first, *rest = text.split("\n")
            yield f"{sign} {field.path}: {first}" if not rest else f"{sign} {field.path}:"
            yield from (f"{sign}     {line}" for line in ([first, *rest] if rest else []))


def sums(diff: StackDiff, prices: Prices | None) -> list[tuple[str, str, str]]:
    """Label and text before and after of every sum; with prices the price last."""
    before, after = labelled(diff.before), labelled(diff.after)
    rows = [(label, before[label], after[label]) for label in before]
    if prices:
        old, new = (f"{price_per_month(side, prices):.2f} {prices.currency}" for side in (diff.before, diff.after))
        rows.append(("Price per month", old, new))
    return rows


def summary(diff: StackDiff) -> str:
    """Number of objects that differ."""
    return counted(len(diff.objects), "object") + (" differs" if len(diff.objects) == 1 else " differ")
