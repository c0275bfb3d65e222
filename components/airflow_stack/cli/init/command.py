"""`airflow-stack init`. Exit status: 0 written, 1 nothing written."""

import re
from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.errors import UserError

_PROJECT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # pulumi/pulumi, sdk/go/common/tokens: ValidateProjectName


def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Folder of the new repository.")] = Path(),
    repository: Annotated[
        str | None, typer.Option("--repository", metavar="URL", help="Git URL of your DAG repository.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the Pulumi project. Default: the folder's name."),
    ] = None,
) -> None:
    """Write a repository with stack files for staging and prod that depends on this package."""
    from airflow_stack.git.url import GitUrl  # only this command needs it

    from . import render
    from .model import template_files, write

    project = name or folder.resolve().name
    if not _PROJECT_NAME.fullmatch(project):
        raise UserError(
            f"{project!r} is not a name of a Pulumi project\n    allowed: letters, digits, '-', '_' and '.', at most 100\n"
            "    fix: give another with --name"
        )
    if repository:
        try:
            GitUrl.parse(repository)
        except ValueError as error:
            raise UserError(f"--repository {error}") from None
    content = template_files(project, repository)
    write(folder, content)
    typer.echo(render.summary(folder, content, repository))
