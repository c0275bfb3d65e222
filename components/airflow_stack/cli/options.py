"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack: the file Pulumi.<stack>.yaml.")]
ChartOption = Annotated[
    Path | None,
    typer.Option(
        "--chart", envvar="AIRFLOW_CHART", help="Local Airflow chart, a .tgz or a folder. Default: the stack's."
    ),
]
