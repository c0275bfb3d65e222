"""`airflow-stack recover`. Exit status: 0 nothing to repair, or repaired; 1 refused, not confirmed, or an error."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import StackOption
from airflow_stack.cli.report import JsonOption, errors_in_report
from airflow_stack.errors import UserError


def recover(
    stack: StackOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Repair without confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report.")] = False,
    gone: Annotated[
        str, typer.Option(metavar="USER@HOST", help="Holder of a lock on another machine whose update has ended.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Repair a stack after a `pulumi up` that was killed or lost its connection.

    The lock of a running update is not touched. Exit status: 0 nothing to repair, or repaired; 1 refused or not confirmed.
    """
    from .inspection import inspect
    from .render import print_json, report

    with errors_in_report("recover", as_json):
        recovery = inspect(stack, Path.cwd(), os.environ, gone=gone)
        if as_json and yes and not dry_run and not recovery.refused:
            recovery.repair()
    if as_json:
        repaired = yes and not dry_run and not recovery.refused
        print_json(recovery, repaired=repaired)
        raise typer.Exit(0 if repaired or not recovery.leftovers else 1)
    typer.echo(report(recovery))
    if recovery.refused:
        raise UserError(f"stack {stack!r} was not changed, for the reason above")
    if not recovery.leftovers:
        return
    if dry_run or not (yes or (sys.stdin.isatty() and typer.confirm("Repair this?", err=True))):
        raise UserError(f"nothing was changed; `airflow-stack recover --stack {stack} --yes` repairs it")
    recovery.repair()
    typer.echo(f"repaired; next: pulumi up --stack {stack}")
