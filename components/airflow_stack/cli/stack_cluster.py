"""The cluster on which a stack is, or will be: the one that the Kubernetes provider takes by the stack's own settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_stack.cli import stack_file
from airflow_stack.cli.kubernetes_client import kubeconfig
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.names import RELEASE

if TYPE_CHECKING:
    from lightkube import KubeConfig

    from airflow_stack.cli.namespace_reader import Reader


def cluster_of(root: Path, stack: str, env: Mapping[str, str]) -> "tuple[KubeConfig, str | None]":
    """The kubeconfig and, where the stack names one, the context in it.

    Raises:
        UserError: there is no usable kubeconfig, or an encrypted one could not be read.
    """
    provider, encrypted = stack_file.read(root, stack, of="kubernetes")
    given = PulumiStack(stack, root, env).setting("kubernetes:kubeconfig") if encrypted else provider.get("kubeconfig")
    context = str(provider.get("context") or "") or None
    return kubeconfig(str(given) if given else None, context, env), context


def reader_of(root: Path, stack: str, env: Mapping[str, str]) -> "Reader":
    """What reads the stack's pods."""
    from airflow_stack.cli.namespace_reader import Reader

    config, _ = stack_file.read(root, stack)
    cluster, context = cluster_of(root, stack, env)
    return Reader(cluster, str(config.get("namespace", RELEASE)), context)
