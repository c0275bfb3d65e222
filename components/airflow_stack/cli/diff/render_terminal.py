"""The comparison on a terminal: effects, settings, sums, objects. Objects are folded, unless `--all` is set."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .layout import VERDICTS, lines, summary, sums, title
from .model import ObjectChange, Severity, StackDiff
from .quoting import clean
from .totals import Prices

_STYLES = {Severity.NONE: "green", Severity.CHANGE: "yellow", Severity.DANGEROUS: "bold red"}
_SIGN_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "yellow"}
_FOLDED_LINES = 6


def show(console: Console, diffs: Sequence[StackDiff], prices: Prices | None, *, everything: bool = False) -> None:
    """Print the results."""
    for diff in diffs:
        _print(console, f"{diff.stack}: {VERDICTS[diff.severity]}", _STYLES[diff.severity])
        for effect in diff.effects:
            console.print(_sentence(effect.text, _STYLES[effect.severity]), soft_wrap=not console.is_terminal)
        if diff.settings:
            _print(console, "\nSettings", "bold")
            for field in diff.settings:
                for line in lines(field):
                    _print(console, f"  {line}", _SIGN_STYLES.get(line[:1], ""))
        if diff.before != diff.after:
            console.print(_table(diff, prices))
        if diff.objects:
            _print(console, f"\n{summary(diff)}", "bold")
            for change in diff.objects:
                _object(console, change, everything=everything)
        console.print()


def _object(console: Console, change: ObjectChange, *, everything: bool) -> None:
    _print(console, f"  {clean(title(change))}", _SIGN_STYLES[title(change)[0]])
    body = [line for field in change.fields for line in lines(field)]
    most = len(body) if everything else _FOLDED_LINES
    for line in body[:most]:
        _print(console, f"      {line}", _SIGN_STYLES.get(line[:1], ""))
    if len(body) > most:
        _print(console, f"      … {len(body) - most} more (--all)", "dim")


def _print(console: Console, line: str, style: str) -> None:
    console.print(Text(line, style), soft_wrap=not console.is_terminal)


def _sentence(text: str, style: str) -> Text:
    sentence = Text("  • ", style)
    for number, piece in enumerate(text.split("`")):
        sentence.append(piece, "bold cyan" if number % 2 else "")
    return sentence


def _table(diff: StackDiff, prices: Prices | None) -> Table:
    table = Table("", "before", "after", box=None, padding=(0, 2))
    for label, before, after in sums(diff, prices):
        table.add_row(label, before, after, style="bold" if before != after else "dim")
    return table
