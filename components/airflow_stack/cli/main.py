"""Assembles the commands of `airflow-stack`."""

from importlib.metadata import version
from typing import Annotated

import typer

from airflow_stack.cli.adopt.command import adopt
from airflow_stack.cli.check.command import check
from airflow_stack.cli.dags.command import app as dags_commands
from airflow_stack.cli.diff.command import diff
from airflow_stack.cli.doctor.command import doctor
from airflow_stack.cli.init.command import init
from airflow_stack.cli.logs.command import logs
from airflow_stack.cli.promote.command import promote, rollback
from airflow_stack.cli.recover.command import recover
from airflow_stack.cli.render.command import render
from airflow_stack.cli.run_app import run
from airflow_stack.cli.status.command import status

app = typer.Typer(
    name="airflow-stack",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would read [secret] as markup
    help="Check, compare, promote and repair stacks of Airflow. Results go to standard output, everything else to standard error.",
)
app.add_typer(dags_commands)
for command in (init, adopt, diff, promote, rollback, check, render, status, logs, doctor, recover):
    app.command()(command)


def show_version(asked: bool) -> None:
    """Print the version of the package, and end."""
    if asked:
        typer.echo(f"airflow-stack {version('airflow-stack')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Run a command."""
    run(app)
