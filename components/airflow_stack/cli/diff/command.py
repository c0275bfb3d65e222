"""The command `diff`: what was asked for, in the form that was asked for; what is printed is the result alone."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How the result is written."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    JSON = "json"


def diff(
    stacks: Annotated[list[str], typer.Option("--stack", "-s", help="Name of a stack; may be given several times.")],
    base: Annotated[str, typer.Option("--base", metavar="REF", help="Commit to compare the work tree with.")],
    chart: Annotated[
        Path | None,
        typer.Option("--chart", envvar="AIRFLOW_CHART", help="Airflow chart for both; left out: each one's own."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.TERMINAL,
    price_list: Annotated[
        Path | None, typer.Option("--prices", help="YAML file with what CPU, memory and disk cost.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Fold nothing on the terminal.")] = False,
) -> None:
    """Say what the work tree would change; the exit status is 0 for no change, 2 for a change, 3 for a dangerous one, 1 for an error."""
    from airflow_stack.cli.console import (
        console,  # what is imported here takes longer than the commands that do without
    )
    from airflow_stack.cli.diff import render_markdown, render_terminal
    from airflow_stack.cli.diff.compare import compare
    from airflow_stack.cli.diff.render_json import as_json
    from airflow_stack.cli.diff.totals import read_prices

    prices = read_prices(price_list) if price_list else None
    stacks = list(dict.fromkeys(stacks))
    reports, commit = compare(Path.cwd(), stacks, base, chart)
    named = commit[:12] if commit.startswith(base) else f"{base} ({commit[:12]})"
    if form is Format.MARKDOWN:
        again = shlex.join(
            ["airflow-stack", "diff", *(f"--stack={stack}" for stack in stacks), f"--base={base}", "--all"]
        )
        typer.echo(render_markdown.comment(reports, named, again, prices), nl=False)
    elif form is Format.JSON:
        typer.echo(as_json(reports, named, prices))
    else:
        render_terminal.show(console, reports, prices, everything=everything)
    raise typer.Exit(max(report.level for report in reports))
