"""`airflow-stack check`. Exit status: 0 in order, 1 wrong settings or a violated mandatory policy."""

from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import ChartOption, StackOption
from airflow_stack.errors import UserError


def check(
    stack: StackOption,
    chart: ChartOption = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="List every policy, and whether the stack complies with it.")
    ] = False,
) -> None:
    """Check the settings and policies of a stack, without a cluster, Pulumi or secrets.

    Exit status: 0 in order, 1 wrong settings or a violated mandatory policy.
    """
    from airflow_stack.policies.model import Level

    from . import render  # Pulumi's SDK takes half a second to import
    from .evaluate import check_stack

    checked = check_stack(Path.cwd(), stack, chart)
    if policy:
        typer.echo(render.policy_table(checked))
    if advice := render.violations(checked, Level.ADVISORY):
        typer.secho(f"warning: {advice}", fg="yellow", err=True)
    if broken := render.violations(checked, Level.MANDATORY):
        raise UserError(broken)
    typer.echo(render.summary(checked))
    for warning in checked.warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
    for line in render.missing_secrets(checked):
        typer.echo(line, err=True)
