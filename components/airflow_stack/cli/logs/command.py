"""`airflow-stack logs`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.options import NamespaceOption, StackOption


def logs(
    stack: StackOption,
    part: Annotated[
        str | None, typer.Argument(metavar="[WORKLOAD]", help="Only this workload, such as scheduler.")
    ] = None,
    namespace: NamespaceOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print new lines until interrupted.")] = False,
) -> None:
    """Print the latest logs of all workloads, each line with its origin."""
    from airflow_stack.cli.stack_cluster import namespace_reader

    from .render import print_logs

    print_logs(namespace_reader(Path.cwd(), stack, os.environ, namespace), part, follow=follow)
