"""`airflow-stack doctor`. Exit status: 0 no check failed, 1 a check failed."""

import os
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import ChartOption, StackOption
from airflow_stack.cli.report import JsonOption

from .model import CheckGroup, Status


def doctor(
    stack: StackOption,
    only: Annotated[CheckGroup | None, typer.Option("--only", help="Only these checks.")] = None,
    as_json: JsonOption = False,
    chart: ChartOption = None,
) -> None:
    """Check before `pulumi up` whether settings, secrets, git access and cluster allow it.

    Exit status: 0 no check failed, 1 a check failed.
    """
    from . import render
    from .examination import Examination  # Pulumi's SDK takes half a second to import

    results = []
    for result in Examination(stack, Path.cwd(), os.environ, chart).run(only):
        results.append(result)
        if not as_json:
            typer.echo(render.line(result))
    if as_json:
        render.print_json(results, f"pulumi up --stack {stack}")
    else:
        typer.echo(render.summary(results, f"pulumi up --stack {stack}"))
    if any(result.status is Status.FAIL for result in results):
        raise typer.Exit(1)
