"""What an update that was killed or lost its connection left behind, and how that is mended.

Nothing here restarts a pod or changes a key: the lock, Pulumi's notes of what it was doing and Helm's record of a revision that nobody
works on any more are put right, and the next `up` does the rest. While anything may still run, nothing at all is touched. Knows no terminal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_stack.cli import process_table
from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient, select_context
from airflow_stack.cli.pulumi_cli import PulumiStack, State
from airflow_stack.cli.recover import state_repair as recover_state
from airflow_stack.cli.recover.cluster_objects import HelmRevision, delete_record, presence, revisions
from airflow_stack.cli.recover.lock import parse
from airflow_stack.cli.recover.model import Finding, of_lock, of_operation, of_revision, of_torn
from airflow_stack.cli.recover.state_repair import Operation, Presence, Resource
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE


@dataclass(frozen=True)
class Recovery:
    """What was found on a stack."""

    stack: str
    findings: tuple[Finding, ...]
    _steps: tuple[Callable[[], None], ...] = ()

    @property
    def refused(self) -> bool:
        """Whether something forbids to mend anything."""
        return not all(finding.mendable for finding in self.findings)

    def mend(self) -> None:
        """Put right what was found.

        Raises:
            UserError: the stack has changed since it was inspected, or Pulumi refused; what was mended until then stays mended.
        """
        if self.refused:
            raise UserError(f"stack {self.stack!r} was left as it is")
        for step in self._steps:
            step()


def inspect(stack: str, project: Path, env: Mapping[str, str], *, gone: str = "") -> Recovery:
    """Find out what an interrupted update left of a stack. Changes nothing but what keeps Pulumi from reading its state.

    Args:
        stack: Name of the stack.
        project: Folder of the Pulumi program.
        env: The environment in which Pulumi and the provider run.
        gone: `user@host` of a lock on another machine, whose update is known not to run any more.

    Raises:
        UserError: the stack or the cluster cannot be read.
    """
    pulumi = PulumiStack(stack, project, env)
    findings = [of_torn(name) for name in pulumi.drop_torn()]
    state, held = pulumi.state(), pulumi.lock()
    findings += of_lock(held, stack, gone)
    if not all(finding.mendable for finding in findings):
        return Recovery(stack, tuple(findings))
    steps: list[Callable[[], None]] = [lambda: _check(pulumi, held)]
    if orphans := process_table.left_over(pulumi.project, env):
        found = ", ".join(f"{each.name} (process {each.pid})" for each in orphans)
        findings.append(Finding(f"a killed update is still at work in {found}", "ended, for nobody notes what it does"))
        steps.append(lambda: process_table.end(orphans))
    pending = recover_state.operations(state)
    try:
        cluster = _cluster(state, pulumi)
        stuck = _stuck(state, cluster) if cluster else []
        presences = {each.resource["urn"]: _presence(each, cluster) for each in pending}
    except ClusterError as error:
        findings.append(Finding(f"the cluster cannot be asked ({error})", "nothing is mended without it", False))
        return Recovery(stack, tuple(findings))
    findings += [of_revision(each, state, interrupted=bool(held or pending)) for each in stuck]
    findings += [of_operation(each, presences[each.resource["urn"]]) for each in pending]
    if cluster and (stuck or orphans):
        steps.append(lambda: _forget(state, cluster))
    if held:
        steps.append(pulumi.cancel)
    if pending:
        steps.append(lambda: _write(pulumi, cluster))
    return Recovery(stack, tuple(findings), tuple(steps))


def _cluster(state: State, pulumi: PulumiStack) -> KubernetesClient | None:
    """The stack's cluster; None before the first `up` came as far as to one."""
    providers = [each for each in recover_state.resources(state) if each["type"] == "pulumi:providers:kubernetes"]
    if not providers:
        return None
    inputs: dict[str, Any] = providers[0].get("inputs", {})
    given = inputs.get("kubeconfig")
    if given and not isinstance(given, str):  # encrypted in the state
        given = pulumi.setting("kubernetes:kubeconfig")
    return KubernetesClient(select_context(given, inputs.get("context"), pulumi.env))


def _presence(operation: Operation, cluster: KubernetesClient | None) -> Presence:
    wanted = cluster and operation.type == "creating" and operation.is_object
    return presence(cluster, operation.resource) if cluster and wanted else Presence.ABSENT


def _stuck(state: State, cluster: KubernetesClient) -> list[HelmRevision]:
    """Records that keep Helm from working: of operations under way, and of an install that Pulumi does not know to have ended."""
    places = {(each["inputs"]["namespace"], each["inputs"]["name"]) for each in recover_state.releases(state)}
    if not places:
        namespaces = [each for each in recover_state.resources(state) if each["type"] == "kubernetes:core/v1:Namespace"]
        places = {(each["inputs"]["metadata"]["name"], RELEASE) for each in namespaces}
    installing = {
        (each.resource["inputs"]["namespace"], each.resource["inputs"]["name"])
        for each in recover_state.operations(state)
        if each.type == "creating" and each.resource["type"] == recover_state.RELEASE
    }
    stuck: list[HelmRevision] = []
    for place in sorted(places):
        records = revisions(cluster, *place)
        first = place in installing and [each.number for each in records] == [1]
        stuck += [each for each in records if each.is_pending or first]
    return stuck


def _forget(state: State, cluster: KubernetesClient) -> None:
    for revision in _stuck(state, cluster):
        delete_record(cluster, revision)


def _check(pulumi: PulumiStack, held: str) -> None:
    if parse(pulumi.lock()) != parse(held):
        raise UserError("the stack's lock has changed meanwhile; see who works on it, then run this command again")


def _write(pulumi: PulumiStack, cluster: KubernetesClient | None) -> None:
    """Mend the state as it is now; Pulumi refuses to take it when somebody has locked the stack meanwhile."""

    def in_cluster(resource: Resource) -> Presence:
        return presence(cluster, resource) if cluster else Presence.ABSENT

    pulumi.write(recover_state.mended(pulumi.state(), in_cluster))
