"""`airflow-stack check`. Exit status: 0 in order, 1 wrong settings or a violated mandatory policy."""

from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import ChartOption, StackOption
from airflow_stack.cli.report import JsonOption, errors_in_report, print_report
from airflow_stack.errors import UserError


def check(
    stack: StackOption,
    chart: ChartOption = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="List every policy, and whether the stack complies with it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the settings and policies of a stack, without a cluster, Pulumi or secrets.

    Exit status: 0 in order, 1 wrong settings or a violated mandatory policy.
    """
    from airflow_stack.policies.model import Level

    from . import render  # Pulumi's SDK takes half a second to import
    from .evaluate import check_stack

    with errors_in_report("check", as_json):
        checked = check_stack(Path.cwd(), stack, chart)
    if as_json:
        broken_rules = render.as_data(checked, Level.MANDATORY)
        print_report(
            "check",
            render.as_result(checked),
            ok=not broken_rules,
            problems=broken_rules,
            warnings=[*(each["message"] for each in render.as_data(checked, Level.ADVISORY)), *checked.warnings],
            following=render.secret_commands(checked),
        )
        raise typer.Exit(1 if broken_rules else 0)
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
