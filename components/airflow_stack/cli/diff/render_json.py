"""The comparison as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .layout import VERDICTS
from .model import StackDiff
from .totals import Prices, price_per_month


def as_result(diffs: Sequence[StackDiff], base: str, prices: Prices | None = None) -> dict[str, Any]:
    """The results for programs. Quantities are CPUs and bytes, as text to be exact."""
    stacks = []
    for diff in diffs:
        stack = {
            "stack": diff.stack,
            "findings": [
                {"kind": effect.kind, "text": effect.text, "level": VERDICTS[effect.severity]}
                for effect in diff.effects
            ],
            **{name: asdict(diff)[name] for name in ("settings", "objects", "before", "after")},
            "level": VERDICTS[diff.severity],
        }
        if prices:
            costs = {side: str(price_per_month(getattr(diff, side), prices)) for side in ("before", "after")}
            stack["price"] = {"currency": prices.currency, **costs}
        stacks.append(stack)
    return {"base": base, "stacks": stacks}
