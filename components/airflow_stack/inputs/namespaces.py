"""One Airflow in each namespace: its objects have fixed names there (docs/decisions/0009-many-airflows.md)."""

from typing import Any
from weakref import WeakKeyDictionary

import pulumi
from pulumi.runtime.settings import get_monitor

from airflow_stack.settings.problem import Problem

from .wording import ArgumentsError

# Per running program: the first Airflow in each namespace of a cluster, which is known by its provider.
_taken: WeakKeyDictionary[Any, dict[tuple[pulumi.ProviderResource | None, str], str]] = WeakKeyDictionary()


def claim_namespace(airflow: pulumi.Resource, name: str, namespace: str) -> None:
    """Refuse a second Airflow of the program in a namespace.

    A namespace that is an output cannot be checked here; there the API server refuses the second one's objects.

    Raises:
        ArgumentsError: The namespace has another Airflow.
    """
    place = airflow.get_provider("kubernetes:core/v1:Namespace"), namespace
    if (first := _taken.setdefault(get_monitor(), {}).setdefault(place, name)) != name:
        reason = f"is the namespace of {first!r} already, and the objects of both would have the same names"
        problem = Problem("namespace", reason, (f"give {name!r} a namespace of its own",), value=namespace)
        raise ArgumentsError(name, [problem])
