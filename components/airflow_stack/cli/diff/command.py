"""`airflow-stack diff`. Exit status: 0 no change, 2 a change, 3 a dangerous change, 1 an error. Prints only the result."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import stack_option
from airflow_stack.cli.report import JsonOption, errors_in_report, print_report


class Format(StrEnum):
    """Format of the output."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"


def diff(
    stacks: Annotated[
        list[str],
        stack_option("--stack", "-s", text="Name of a stack; may be repeated."),
    ],
    base: Annotated[str, typer.Option("--base", metavar="REF", help="Commit to compare the work tree with.")],
    chart: Annotated[
        Path | None,
        typer.Option(
            "--chart",
            metavar="PATH",
            envvar="AIRFLOW_CHART",
            help="Local Airflow chart for both. Default: the chart of each.",
        ),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Format of the output.")] = Format.TERMINAL,
    price_list: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="YAML file with prices of CPU, memory and disk.")
    ] = None,
    as_json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="Print every line of each object on the terminal.")] = False,
) -> None:
    """Show the effects of the work tree's changes on each stack.

    Exit status: 0 no change, 2 a change, 3 a dangerous change, 1 an error.
    """
    from airflow_stack.cli.console import console  # these imports take longer than some commands

    from . import render_markdown, render_terminal
    from .compare import compare
    from .model import Severity
    from .render_json import as_result
    from .totals import read_prices

    prices = read_prices(price_list) if price_list else None
    stacks = list(dict.fromkeys(stacks))
    as_json = as_json or format_ is Format.JSON
    with errors_in_report("diff", as_json):
        diffs, commit = compare(Path.cwd(), stacks, base, chart)
    base_name = commit[:12] if commit.startswith(base) else f"{base} ({commit[:12]})"
    severity = max(each.severity for each in diffs)
    if as_json:
        dangers = [effect for diff in diffs for effect in diff.effects if effect.severity is Severity.DANGEROUS]
        problems = [{"message": effect.text} for effect in dangers]
        print_report("diff", as_result(diffs, base_name, prices), ok=not problems, problems=problems)
    elif format_ is Format.MARKDOWN:
        options = [*(f"--stack={stack}" for stack in stacks), f"--base={base}", "--all"]
        again = shlex.join(["airflow-stack", "diff", *options])
        typer.echo(render_markdown.comment(diffs, base_name, again, prices), nl=False)
    else:
        render_terminal.show(console, diffs, prices, everything=everything)
    raise typer.Exit(severity)
