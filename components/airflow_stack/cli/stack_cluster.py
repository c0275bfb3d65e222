"""The cluster of a stack: the one that the Kubernetes provider uses by the stack's settings."""

from collections.abc import Mapping
from pathlib import Path

from airflow_stack.cli import stack_file
from airflow_stack.cli.kubernetes_client import KubernetesClient, select_context
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.names import RELEASE


def connect(root: Path, stack: str, env: Mapping[str, str]) -> KubernetesClient:
    """A client of the stack's cluster.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack.
        env: Environment with KUBECONFIG and HOME.

    Raises:
        UserError: there is no usable kubeconfig, or an encrypted one could not be read.
    """
    provider, encrypted = stack_file.read(root, stack, of="kubernetes")
    kubeconfig = (
        PulumiStack(stack, root, env).setting("kubernetes:kubeconfig") if encrypted else provider.get("kubeconfig")
    )
    context = provider.get("context")
    selected = select_context(str(kubeconfig) if kubeconfig else None, str(context) if context else None, env)
    return KubernetesClient(selected)


def namespace_reader(root: Path, stack: str, env: Mapping[str, str]) -> NamespaceReader:
    """A reader of the stack's namespace. Arguments and errors are those of `connect`."""
    config, _ = stack_file.read(root, stack)
    return NamespaceReader(connect(root, stack, env), str(config.get("namespace", RELEASE)))
