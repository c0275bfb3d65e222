"""`airflow-stack render`."""

from pathlib import Path

import typer

from airflow_stack.cli.options import ChartOption, StackOption


def render(stack: StackOption, chart: ChartOption = None) -> None:
    """Print all manifests of a stack as YAML, secret values replaced by [secret]."""
    from airflow_stack.cli import stack_file  # Pulumi's SDK takes half a second to import
    from airflow_stack.cli.manifests import stack_manifests

    from .model import shown_manifests
    from .render import as_yaml

    settings = stack_file.settings(Path.cwd(), stack, chart=chart)
    typer.echo(as_yaml(shown_manifests(stack_manifests(settings, stack))), nl=False)
