"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from typer.models import OptionInfo


def complete_stack(incomplete: str) -> list[str]:
    """The stacks of this folder, for a shell's completion."""
    from airflow_stack.cli.stack_names import stack_names

    return [name for name in stack_names(Path.cwd()) if name.startswith(incomplete)]


def stack_option(*names: str, text: str) -> OptionInfo:
    """An option with the name of a stack, completed by the shell."""
    option: OptionInfo = typer.Option(*names, metavar="STACK", autocompletion=complete_stack, help=text)
    return option


StackOption = Annotated[str, stack_option("--stack", "-s", text="Name of the stack: the file Pulumi.<stack>.yaml.")]
NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Namespace of one Airflow, in a stack with several. Default: the stack's.",
    ),
]
ChartOption = Annotated[
    Path | None,
    typer.Option(
        "--chart",
        metavar="PATH",
        envvar="AIRFLOW_CHART",
        help="Local Airflow chart, a .tgz or a folder. Default: the stack's.",
    ),
]
