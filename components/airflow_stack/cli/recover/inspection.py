"""Finds the leftovers of an interrupted update, and repairs them.

Three things are repaired: the lock, Pulumi's records of pending operations, and Helm's record of an abandoned revision. No pod restarts and
no key changes; the next `up` does the rest. While an update may still run, nothing is touched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_stack.cli import process_table
from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient, select_context
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import NAMESPACE, RELEASE, State, StateResource, resources
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE as RELEASE_NAME

from . import model
from .cluster_objects import HelmRevision, delete_record, presence, revisions
from .lock import parse_locks
from .model import Leftover
from .state_repair import PendingOperation, Presence, pending_operations, releases, repaired


@dataclass(frozen=True)
class Recovery:
    """Leftovers of a stack, and the steps that repair them."""

    stack: str
    leftovers: tuple[Leftover, ...]
    _steps: tuple[Callable[[], None], ...] = ()

    @property
    def refused(self) -> bool:
        """Whether a leftover forbids any repair."""
        return not all(leftover.repairable for leftover in self.leftovers)

    def repair(self) -> None:
        """Repair everything.

        Raises:
            UserError: the stack has changed since it was inspected, or Pulumi refused. Earlier steps stay done.
        """
        if self.refused:
            raise UserError(f"stack {self.stack!r} was not changed")
        for step in self._steps:
            step()


def inspect(stack: str, project: Path, env: Mapping[str, str], *, gone: str = "") -> Recovery:
    """Find the leftovers of a stack. Changes nothing but truncated files that keep Pulumi from reading its state.

    Args:
        stack: Name of the stack.
        project: Folder of the Pulumi program.
        env: Environment of Pulumi and of the provider.
        gone: `user@host` of a lock on another machine whose update has ended.

    Raises:
        UserError: the stack cannot be read.
    """
    pulumi = PulumiStack(stack, project, env)
    found = [model.of_truncated_file(name) for name in pulumi.remove_truncated_files()]
    state, locked = pulumi.state(), pulumi.lock()
    found += model.of_locks(locked, stack, gone)
    if not all(each.repairable for each in found):
        return Recovery(stack, tuple(found))
    steps: list[Callable[[], None]] = [lambda: _check_lock(pulumi, locked)]
    if orphans := process_table.orphaned_plugins(pulumi.project, env):
        names = ", ".join(f"{each.name} (process {each.pid})" for each in orphans)
        found.append(Leftover(f"plugins of a killed update still run: {names}", "end them, their results are lost"))
        steps.append(lambda: process_table.end(orphans))
    pending = pending_operations(state)
    try:
        cluster = _cluster(state, pulumi)
        blocking = _blocking_revisions(state, cluster) if cluster else []
        presences = {each.resource["urn"]: _presence(each, cluster) for each in pending}
    except ClusterError as error:
        found.append(Leftover(f"the cluster is not readable ({error})", "nothing is repaired without it", False))
        return Recovery(stack, tuple(found))
    found += [model.of_revision(each, state, interrupted=bool(locked or pending)) for each in blocking]
    found += [model.of_operation(each, presences[each.resource["urn"]]) for each in pending]
    if cluster and (blocking or orphans):
        steps.append(lambda: _delete_records(state, cluster))
    if locked:
        steps.append(pulumi.cancel)
    if pending:
        steps.append(lambda: _write_repaired(pulumi, cluster))
    return Recovery(stack, tuple(found), tuple(steps))


def _cluster(state: State, pulumi: PulumiStack) -> KubernetesClient | None:
    """A client of the stack's cluster; None if the first `up` did not get to it."""
    providers = [each for each in resources(state) if each["type"] == "pulumi:providers:kubernetes"]
    if not providers:
        return None
    inputs: dict[str, Any] = providers[0].get("inputs", {})
    kubeconfig = inputs.get("kubeconfig")
    if kubeconfig and not isinstance(kubeconfig, str):  # encrypted in the state
        kubeconfig = pulumi.setting("kubernetes:kubeconfig")
    return KubernetesClient(select_context(kubeconfig, inputs.get("context"), pulumi.env))


def _presence(operation: PendingOperation, cluster: KubernetesClient | None) -> Presence:
    wanted = cluster and operation.type == "creating" and operation.is_object
    return presence(cluster, operation.resource) if cluster and wanted else Presence.ABSENT


def _blocking_revisions(state: State, cluster: KubernetesClient) -> list[HelmRevision]:
    """Records that block Helm: of operations under way, and of an install without an end in Pulumi's state."""
    places = {(each["inputs"]["namespace"], each["inputs"]["name"]) for each in releases(state)}
    if not places:
        namespaces = [each for each in resources(state) if each["type"] == NAMESPACE]
        places = {(each["inputs"]["metadata"]["name"], RELEASE_NAME) for each in namespaces}
    installing = {
        (each.resource["inputs"]["namespace"], each.resource["inputs"]["name"])
        for each in pending_operations(state)
        if each.type == "creating" and each.resource["type"] == RELEASE
    }
    blocking: list[HelmRevision] = []
    for place in sorted(places):
        records = revisions(cluster, *place)
        only_installed = place in installing and [each.number for each in records] == [1]
        blocking += [each for each in records if each.is_pending or only_installed]
    return blocking


def _delete_records(state: State, cluster: KubernetesClient) -> None:
    for revision in _blocking_revisions(state, cluster):
        delete_record(cluster, revision)


def _check_lock(pulumi: PulumiStack, locked: str) -> None:
    if parse_locks(pulumi.lock()) != parse_locks(locked):
        raise UserError("the stack's lock has changed; find out who works on it, then run this command again")


def _write_repaired(pulumi: PulumiStack, cluster: KubernetesClient | None) -> None:
    """Repair the current state. Pulumi refuses it if the stack has been locked since."""

    def in_cluster(resource: StateResource) -> Presence:
        return presence(cluster, resource) if cluster else Presence.ABSENT

    pulumi.write(repaired(pulumi.state(), in_cluster))
