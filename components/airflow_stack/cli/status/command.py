"""`airflow-stack status`. Exit status: 0 without problems, 1 with a problem that does not resolve itself."""

import os
from pathlib import Path

import typer

from airflow_stack.cli.options import NamespaceOption, StackOption
from airflow_stack.cli.report import JsonOption, errors_in_report, print_report
from airflow_stack.errors import UserError


def status(stack: StackOption, namespace: NamespaceOption = None, as_json: JsonOption = False) -> None:
    """Show the state of each pod of a stack.

    Exit status: 0 no problem, 1 a problem that does not resolve itself.
    """
    from dataclasses import asdict
    from datetime import UTC, datetime

    from airflow_stack.cli.console import console, say
    from airflow_stack.cli.stack_cluster import namespace_reader

    from .model import pod_rows
    from .problems import find_problems
    from .render import pod_table

    with errors_in_report("status", as_json):
        reader, now = namespace_reader(Path.cwd(), stack, os.environ, namespace), datetime.now(UTC)
        pods, events = reader.read("pods"), reader.read("events")
        if not pods:
            raise UserError(f"namespace {reader.namespace} has no pods; `pulumi up --stack {stack}` deploys the stack")
        problems = find_problems(pods, events, reader, now)
    rows = pod_rows(pods, events, now)
    if as_json:
        found = [{**asdict(each), "message": each.summary} for each in problems]
        result = {"stack": stack, "namespace": reader.namespace, "pods": [asdict(row) for row in rows]}
        print_report("status", result, ok=not problems, problems=found)
    else:
        console.print(pod_table(rows))
        for problem in problems:
            say(f"error: {problem}", "red")
    if problems:
        raise typer.Exit(1)
