"""The table that `status` prints."""

from collections.abc import Iterable

from rich.table import Column, Table

from airflow_stack.cli.console import duration

from .model import PodRow


def pod_table(rows: Iterable[PodRow]) -> Table:
    """A table of pods."""
    table = Table("workload", "state", "restarts", "age", Column("image", overflow="fold"))
    for row in rows:
        table.add_row(row.workload, row.state, str(row.restarts), duration(row.age_seconds), row.image)
    return table
