"""The cluster of a stack: the one that the Kubernetes provider uses by the stack's settings."""

from collections.abc import Mapping
from pathlib import Path

from airflow_stack.cli import stack_file
from airflow_stack.cli.kubernetes_client import KubernetesClient, select_context
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import RELEASE as RELEASE_TYPE
from airflow_stack.cli.pulumi_state import resources
from airflow_stack.cli.stack_names import short_name
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE

_AIRFLOW = "airflow:index:Airflow$"
"""Type of the component in the URN of its release."""


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


def namespace_reader(root: Path, stack: str, env: Mapping[str, str], namespace: str | None = None) -> NamespaceReader:
    """A reader of the stack's namespace. The other arguments are those of `connect`.

    Args:
        namespace: The namespace. None: that of the stack's Airflow.

    Raises:
        UserError: as `connect`; or the stack has no Airflow, or several.
    """
    return NamespaceReader(connect(root, stack, env), namespace or _namespace(root, stack, env))


def _namespace(root: Path, stack: str, env: Mapping[str, str]) -> str:
    """Namespace by the stack file; without settings in it, as in a program with arguments of its own, by the state."""
    config, _ = stack_file.read(root, stack)
    if config:
        return str(config.get("namespace", RELEASE))
    state = PulumiStack(stack, root, env).state()
    releases = [each for each in resources(state) if each["type"] == RELEASE_TYPE and _AIRFLOW in each["urn"]]
    found = sorted({str(each["inputs"]["namespace"]) for each in releases})
    if not found:
        raise UserError(
            f"stack {stack!r} has no Airflow, neither in Pulumi.{short_name(stack)}.yaml nor in its state\n"
            f"    fix: deploy it first: pulumi up --stack {stack}"
        )
    if len(found) > 1:
        raise UserError(f"stack {stack!r} has several Airflows\n    fix: name one with --namespace: {', '.join(found)}")
    return found[0]
