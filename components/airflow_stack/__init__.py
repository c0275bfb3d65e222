"""Apache Airflow on Kubernetes from git, as a Pulumi component.

`Airflow` and `AirflowArgs` are loaded when they are first used: the command line and the policies do not need Pulumi's SDK to start.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .airflow import Airflow
    from .arguments import AirflowArgs

__all__ = ["Airflow", "AirflowArgs"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{'airflow' if name == 'Airflow' else 'arguments'}", __name__), name)
