"""The reports on a terminal: the blast radius first, then the sums, then the objects, folded unless all is asked for."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from airflow_stack.cli.diff.compare import Report
from airflow_stack.cli.diff.layout import VERDICTS, lines, summary, sums, title
from airflow_stack.cli.diff.object_changes import Change
from airflow_stack.cli.diff.quoting import clean
from airflow_stack.cli.diff.totals import Prices

_STYLES = {0: "green", 2: "yellow", 3: "bold red"}
_SIGNS = {"+": "green", "-": "red", "~": "yellow", "!": "yellow"}
_FOLDED_LINES = 6


def show(console: Console, reports: Sequence[Report], prices: Prices | None, *, everything: bool = False) -> None:
    """Print the reports."""
    for report in reports:
        _print(console, f"{report.stack}: {VERDICTS[report.level]}", _STYLES[report.level])
        for finding in report.findings:
            console.print(_sentence(finding.text, _STYLES[finding.level]), soft_wrap=not console.is_terminal)
        if report.settings:
            _print(console, "\nSettings", "bold")
            for field in report.settings:
                for line in lines(field):
                    _print(console, f"  {line}", _SIGNS.get(line[:1], ""))
        if report.before != report.after:
            console.print(_table(report, prices))
        if report.objects:
            _print(console, f"\n{summary(report)}", "bold")
            for change in report.objects:
                _object(console, change, everything=everything)
        console.print()


def _object(console: Console, change: Change, *, everything: bool) -> None:
    _print(console, f"  {clean(title(change))}", _SIGNS[title(change)[0]])
    body = [line for field in change.fields for line in lines(field)]
    most = len(body) if everything else _FOLDED_LINES
    for line in body[:most]:
        _print(console, f"      {line}", _SIGNS.get(line[:1], ""))
    if len(body) > most:
        _print(console, f"      … {len(body) - most} more (--all)", "dim")


def _print(console: Console, line: str, style: str) -> None:
    console.print(Text(line, style), soft_wrap=not console.is_terminal)


def _sentence(text: str, style: str) -> Text:
    sentence = Text("  • ", style)
    for number, piece in enumerate(text.split("`")):
        sentence.append(piece, "bold cyan" if number % 2 else "")
    return sentence


def _table(report: Report, prices: Prices | None) -> Table:
    table = Table("", "before", "after", box=None, padding=(0, 2))
    for label, before, after in sums(report, prices):
        table.add_row(label, before, after, style="bold" if before != after else "dim")
    return table
