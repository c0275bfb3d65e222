"""`airflow-stack dags check`. Exit status: 0 without problems, 1 with problems or an error."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.help import GroupedCommands, example
from airflow_stack.cli.options import stack_option
from airflow_stack.cli.report import JsonOption, errors_in_report
from airflow_stack.errors import UserError
from airflow_stack.versions import AIRFLOW_VERSION

from .model import Required

app = typer.Typer(
    name="dags",
    cls=GroupedCommands,
    no_args_is_help=True,
    help="Check DAG files with the real Airflow, in the version of a stack.",
)


@app.callback()
def _commands() -> None:
    """Check DAG files with the real Airflow, in the version of a stack."""


@app.command(epilog=example("dags"))
def check(
    path: Annotated[Path, typer.Argument(metavar="FOLDER", help="DAG folder, or one file directly in it.")],
    stack: Annotated[
        str,
        stack_option("--stack", "-s", text="Stack with Airflow's version and environment variables."),
    ] = "",
    airflow_version: Annotated[
        str, typer.Option(metavar="VERSION", help=f"Version of Airflow 3. Default: the stack's, or {AIRFLOW_VERSION}.")
    ] = "",
    require: Annotated[
        list[Required] | None,
        typer.Option(metavar="start-date|tags", help="Attribute that every DAG must have; may be repeated."),
    ] = None,
    requirements: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Requirements file with the packages that DAGs import besides Airflow."),
    ] = None,
    python: Annotated[
        str, typer.Option(metavar="VERSION", help="Python of the image, such as 3.12. Default: that of this command.")
    ] = "",
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Seconds that one file may take. Airflow's default is 30.")
    ] = 30,
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Variable of this shell that DAG files need; may be repeated. AIRFLOW_VAR_* need no option.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import every DAG file like Airflow's DAG processor; print each problem with file and line.

    Exit status: 0 no problem, 1 problems or an error.
    """
    with errors_in_report("dags check", as_json):
        from . import render
        from .airflow_installation import install_airflow
        from .run_parser import check_dags

        version, variables = _of_stack(stack)
        version = airflow_version or version
        if not re.fullmatch(r"3\.\d+\.\d+", version):
            raise UserError(
                f"--airflow-version must be an Airflow 3 version such as {AIRFLOW_VERSION}, not {version!r}"
            )
        installed = install_airflow(version, requirements, python, _report)
        began = time.monotonic()
        report = check_dags(
            path,
            installed.python,
            variables,
            required=require or (),
            timeout=timeout,
            passed=env or (),
            progress=_show_progress,
        )
        facts = report, version, installed.dependencies, time.monotonic() - began
        if as_json:
            render.print_json(*facts)
        else:
            line = render.annotation if os.environ.get("GITHUB_ACTIONS") else render.line
            for problem in report.problems:
                typer.echo(line(problem))
            typer.echo(render.summary(*facts))
        raise typer.Exit(1 if report.problems else 0)


def _of_stack(stack: str) -> tuple[str, dict[str, str]]:
    """Airflow's version and the environment variables of a stack."""
    if not stack:
        return AIRFLOW_VERSION, {}
    from airflow_stack.cli import stack_file  # Pulumi's SDK takes half a second to import

    settings = stack_file.settings(Path.cwd(), stack)
    executor = {"AIRFLOW__CORE__EXECUTOR": settings.executor.value}
    return settings.images.airflow.airflow_version, {**executor, **settings.environment}


def _report(text: str) -> None:
    typer.echo(text, err=True)


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done} of {total} files" if done < total else "\r\033[K", nl=False, err=True)
