"""Assembles the commands of `airflow-stack`."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TextIO

import typer

from airflow_stack.cli.adopt.command import adopt
from airflow_stack.cli.check.command import check
from airflow_stack.cli.dags.command import app as dags_commands
from airflow_stack.cli.diff.command import diff
from airflow_stack.cli.doctor.command import doctor
from airflow_stack.cli.init.command import init
from airflow_stack.cli.interrupts import unwinding
from airflow_stack.cli.logs.command import logs
from airflow_stack.cli.promote.command import promote, rollback
from airflow_stack.cli.recover.command import recover
from airflow_stack.cli.render.command import render
from airflow_stack.cli.status.command import status
from airflow_stack.errors import UserError

_TRACEBACK = "AIRFLOW_STACK_TRACEBACK"

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
    """Run a command. Every error ends in one message and exit status 1, without a traceback."""
    with unwinding():
        status = _run()
        for stream in (sys.stdout, sys.stderr):
            status = _flushed(stream) or status
    raise SystemExit(status)


def _run() -> int:
    try:
        app(color=_color())
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        raise
    except UserError as error:
        return _failed(str(error))
    except OSError as error:
        if not error.filename:
            return _failed(f"standard output: {error.strerror}; free space, or write it to another place")
        return _failed(f"{error.filename}: {error.strerror}; correct the path, or its permissions")
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            raise
        # Without the text of the exception, which may be a secret.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return _failed(f"this is a defect of airflow-stack ({where}); report it with the output of {_TRACEBACK}=1")
    return 0


def _failed(message: str) -> int:
    with suppress(OSError):
        typer.secho(f"error: {message}", fg="red", err=True, color=_color())
    return 1


def _color() -> bool | None:
    """False with NO_COLOR (https://no-color.org); None: on a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _flushed(stream: TextIO) -> int:
    """Exit status of writing what a stream still holds: 1 for a full disk or a closed pipe."""
    try:
        stream.flush()
    except OSError as error:
        with suppress(OSError, ValueError):  # so that the interpreter does not fail once more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if stream is sys.stdout and error.errno != errno.EPIPE:
            _failed(f"standard output: {error.strerror}; free space, or write it to another place")
        return 1
    return 0
