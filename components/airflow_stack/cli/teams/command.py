"""`airflow-stack teams`. Exit status: 0 every stack file is as the table says, 2 some are not, 1 the table is wrong."""

from pathlib import Path
from typing import Annotated

import typer

from airflow_stack.cli.report import JsonOption, errors_in_report, print_report

_DIFFERS = 2


def teams(
    table: Annotated[Path, typer.Argument(metavar="[TABLE]", help="Table of teams and environments.")] = Path(
        "teams.yaml"
    ),
    write: Annotated[bool, typer.Option("--write", help="Write the stack files that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare the stack files of many teams with one table, or write them.

    Secrets and keys of other namespaces stay in the stack files. Exit status: 0 all as the table says, 2 some differ, 1 the table is wrong.
    """
    with errors_in_report("teams", as_json):
        from . import render, stack_files, table_file  # Pulumi's SDK takes half a second to import

        stacks = table_file.read(table)
        root = table.parent
        files, old = stack_files.compare(root, stacks), stack_files.left_over(root, stacks)
        differing = [file for file in files if file.state != "same"]
        for file in differing if write else ():
            stack_files.write(file, table.name)
    removal = [f"pulumi destroy --stack {name} && pulumi stack rm {name}" for name in old]
    ok = not old and (write or not differing)
    following = [*([f"airflow-stack teams {table} --write"] if differing and not write else []), *removal]
    if as_json:
        problems = [{"message": f"{each.path.name} {each.state}"} for each in differing if not write]
        problems += [{"message": f"Pulumi.{name}.yaml is no longer in the table"} for name in old]
        print_report("teams", render.as_result(files, old), ok=ok, problems=problems, following=following)
    else:
        typer.echo(render.as_text(files, old, written=write))
        for command in following:
            typer.echo(f"next: {command}")
    if not ok:
        raise typer.Exit(_DIFFERS)
