"""`airflow-stack dags`: commands about DAG files."""

import os
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli import stack_file
from airflow_stack.cli.dags import airflow_installation
from airflow_stack.cli.dags import run_parser as dags_check
from airflow_stack.cli.dags.model import Finding, Required
from airflow_stack.errors import UserError
from airflow_stack.versions import AIRFLOW_VERSION

app = typer.Typer(name="dags", no_args_is_help=True, help="DAG files, by the real Airflow of a stack's version.")


@app.callback()
def _commands() -> None:
    """DAG files, by the real Airflow of a stack's version."""


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="The DAG folder, or one file directly in it.")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="Take Airflow's version and environment from it.")] = "",
    airflow_version: Annotated[str, typer.Option(help=f"Airflow 3; left out: the stack's, or {AIRFLOW_VERSION}.")] = "",
    require: Annotated[list[Required] | None, typer.Option(help="What every DAG must have; may be repeated.")] = None,
    requirements: Annotated[Path | None, typer.Option(help="What DAGs import besides Airflow, for pip.")] = None,
    python: Annotated[
        str, typer.Option(help="The image's Python, such as 3.12; left out: the one that runs this.")
    ] = "",
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds that one file may take; Airflow's default is 30.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import every DAG file as Airflow's DAG processor does; say what is wrong, with file and line."""
    version, variables = _of_stack(stack)
    version = airflow_version or version
    if not re.fullmatch(r"3\.\d+\.\d+", version):
        raise UserError(f"--airflow-version must be an Airflow 3 version such as {AIRFLOW_VERSION}, not {version!r}")
    installed = airflow_installation.environment(version, requirements, python, _say)
    begun = time.monotonic()
    report = dags_check.check(
        path, installed.python, variables, required=require or (), timeout=timeout, shown=_progress
    )
    seconds = time.monotonic() - begun
    if as_json:
        typer.echo(report.as_json(airflow=version, dependencies=installed.origin, seconds=round(seconds, 1)))
    else:
        for finding in report.findings:
            typer.echo(finding.annotation if os.environ.get("GITHUB_ACTIONS") else _coloured(finding))
        typer.secho(
            f"{len(report.findings)} problems: {len(report.dags)} DAGs in {report.files} files, "
            f"Airflow {version} with {installed.origin}, {seconds:.1f} s",
            fg="red" if report.findings else "green",
        )
    raise typer.Exit(1 if report.findings else 0)


def _of_stack(stack: str) -> tuple[str, dict[str, str]]:
    if not stack:
        return AIRFLOW_VERSION, {}
    settings = stack_file.settings(Path.cwd(), stack)
    executor = {"AIRFLOW__CORE__EXECUTOR": settings.executor.value}
    return settings.images.airflow.airflow_version, {**executor, **settings.environment}


def _coloured(finding: Finding) -> str:
    place = typer.style(f"{finding.path}:{finding.line}:", bold=True)
    return f"{place} {typer.style(finding.what, fg='red')}"


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _progress(done: int, of: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done} of {of} files" if done < of else "\r\033[K", nl=False, err=True)
