"""Apache Airflow on Kubernetes from git, as a Pulumi component.

Each name is loaded when it is first used: the command line and the policies do not need Pulumi's SDK to start.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .airflow import Airflow
    from .arguments import AirflowArgs
    from .program import export_outputs, stack_arguments, teams

__all__ = ["Airflow", "AirflowArgs", "export_outputs", "stack_arguments", "teams"]

_HOMES = {
    "Airflow": "airflow",
    "AirflowArgs": "arguments",
    "export_outputs": "program",
    "stack_arguments": "program",
    "teams": "program",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
