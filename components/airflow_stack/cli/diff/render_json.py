"""The reports as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from airflow_stack.cli.diff.compare import Report
from airflow_stack.cli.diff.layout import VERDICTS
from airflow_stack.cli.diff.totals import Prices


def as_json(reports: Sequence[Report], base: str, prices: Prices | None = None) -> str:
    """The reports, for programs; quantities are CPUs and bytes as text, which is exact."""
    stacks = []
    for report in reports:
        stack = asdict(report) | {"level": VERDICTS[report.level]}
        for finding in stack["findings"]:
            finding["level"] = VERDICTS[finding["level"]]
        if prices:
            costs = {side: str(getattr(report, side).per_month(prices)) for side in ("before", "after")}
            stack["price"] = {"currency": prices.currency, **costs}
        stacks.append(stack)
    return json.dumps({"base": base, "stacks": stacks}, indent=2, default=str, ensure_ascii=False)
