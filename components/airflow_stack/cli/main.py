"""Assembles the commands of `airflow-stack`."""

from importlib.metadata import version
from typing import Annotated

import typer

from airflow_stack.cli.admin.command import admin
from airflow_stack.cli.adopt.command import adopt
from airflow_stack.cli.check.command import check
from airflow_stack.cli.dags.command import app as dags_commands
from airflow_stack.cli.diff.command import diff
from airflow_stack.cli.doctor.command import doctor
from airflow_stack.cli.help import GroupedCommands, example
from airflow_stack.cli.init.command import init
from airflow_stack.cli.logs.command import logs
from airflow_stack.cli.promote.command import promote, rollback
from airflow_stack.cli.recover.command import recover
from airflow_stack.cli.render.command import render
from airflow_stack.cli.run_app import run
from airflow_stack.cli.status.command import status
from airflow_stack.cli.teams.command import teams

app = typer.Typer(
    name="airflow-stack",
    cls=GroupedCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich would read [secret] as markup
    help="Apache Airflow on Kubernetes from git: check, compare, deploy and repair its stacks. "
    "Results go to standard output, messages to standard error.",
    epilog="Run a command with --help for its options and an example.",
)
app.add_typer(dags_commands, epilog=example("dags"))
for command in (init, teams, adopt, check, doctor, diff, render, promote, rollback, status, logs, recover, admin):
    app.command(epilog=example(command.__name__))(command)


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
