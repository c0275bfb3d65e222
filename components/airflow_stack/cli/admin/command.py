"""`airflow-stack admin`. Exit status: 0 done, 1 an error."""

import os
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import StackOption


def admin(
    stack: StackOption,
    reason: Annotated[str, typer.Option("--reason", help="Reason, for Airflow's audit log.")],
    remove: Annotated[bool, typer.Option("--remove", help="Remove the local admin again.")] = False,
) -> None:
    """Make a local admin while the identity provider is down, or reset its password; --remove removes it.

    Airflow's audit log records both, with the user of the kubeconfig.
    """
    from airflow_stack.chart.login import address
    from airflow_stack.chart.values import chart_values
    from airflow_stack.cli import stack_file
    from airflow_stack.cli.stack_cluster import connect

    from .model import LocalAdmin
    from .render import made, removed

    settings = stack_file.settings(Path.cwd(), stack)
    local = LocalAdmin(connect(Path.cwd(), stack, os.environ), settings.namespace)
    if remove:
        local.remove(reason)
        typer.echo(removed())
        return
    local.make(reason)
    page = "/auth/local/login/" if settings.access.login else "/auth/login/"
    typer.echo(made(stack, settings.namespace, address(settings, chart_values(settings)) + page))
