"""Stacks of one folder with the same namespace: on one cluster each would replace the other's objects."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from airflow_stack.cli import stack_file
from airflow_stack.cli.stack_names import short_name, stack_names
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE
from airflow_stack.settings.problem import Problem, Set


def shared_namespace(root: Path, stack: str, namespace: str) -> tuple[list[Problem], list[str]]:
    """Problems with stacks on the same named cluster, and warnings about stacks whose cluster is not named.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack.
        namespace: Its namespace.
    """
    own, problems, warnings = _cluster(root, stack), list[Problem](), list[str]()
    for other in _others(root, stack, namespace):
        theirs = _cluster(root, other)
        if own and own == theirs:
            reason = f"is the namespace of stack {other!r} too, on the same cluster: their objects have the same names"
            problems.append(
                Problem("namespace", reason, (Set("namespace", f"airflow-{short_name(stack)}"),), value=namespace)
            )
        elif not own and not theirs:
            warnings.append(
                f"airflow:namespace = {namespace!r} is the namespace of stack {other!r} too, and neither names a cluster: "
                f"give one of them a namespace of its own, or set kubernetes:context in both"
            )
    return problems, warnings


def _others(root: Path, stack: str, namespace: str) -> Iterator[str]:
    for other in stack_names(root):
        with suppress(UserError):  # the check of that stack reports it
            if other != short_name(stack) and stack_file.read(root, other)[0].get("namespace", RELEASE) == namespace:
                yield other


def _cluster(root: Path, stack: str) -> Mapping[str, object] | None:
    """What names the cluster of a stack; None if only the shell's kubeconfig does. Encrypted ones are never the same."""
    with suppress(UserError):
        provider, encrypted = stack_file.read(root, stack, of="kubernetes")
        named = {key: value for key, value in provider.items() if key in ("context", "kubeconfig", "cluster") and value}
        return {"encrypted": stack} if named.keys() & set(encrypted) else named or None
    return {"unreadable": stack}
