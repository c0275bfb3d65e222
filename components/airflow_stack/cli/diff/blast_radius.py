"""The blast radius: what a change would do to a running Airflow, its data and its people. Pure, from two sides.

Facts come from the objects (what restarts, what is replaced), their meaning from the settings (what that does to tasks, users and history).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from airflow_stack.cli.diff.model import Finding, Level
from airflow_stack.cli.diff.object_changes import Change, changes, normal
from airflow_stack.cli.diff.quoting import code, listed
from airflow_stack.cli.diff.renderings import Side
from airflow_stack.cli.diff.restarts import Restart, is_workload, part, restarts, template
from airflow_stack.cli.diff.setting_changes import meaning
from airflow_stack.cli.diff.storage import protected, storage
from airflow_stack.cli.immutable_fields import REPLACED_BY_PROVIDER

_TASKS = {"LocalExecutor": "Deployment/airflow-scheduler", "CeleryExecutor": "Deployment/airflow-worker"}
_JOBS = {
    "Job/airflow-migration-job": "The database migration runs again; the pods wait for it.",
    "Job/airflow-admin-job": "The user Job runs again: it makes the admin user, or sets its password.",
}


def blast_radius(before: Side, after: Side) -> list[Finding]:
    """Everything that a reviewer should know, the dangerous first; empty when nothing at all would happen."""
    changed = changes(before, after)
    found = [*meaning(before, after)]
    moved = before.settings["namespace"] != after.settings["namespace"]
    if not moved:  # or all of it is new, which has been said
        found += storage(before, after)
        found += protected(before, _gone(before, after, changed))
        found += _workloads(before, after, changed)
    if not found and changed:
        found.append(
            Finding("in place", f"Nothing restarts; changed in place: {listed(code(c.key) for c in changed)}.")
        )
    if not found and before.settings != after.settings:
        found.append(Finding("settings", "No object changes, only how the program deploys them (see the settings)."))
    return sorted(found, key=lambda finding: -finding.level)


def level(findings: list[Finding]) -> Level:
    """The worst of the findings."""
    return max((finding.level for finding in findings), default=Level.NONE)


def _gone(before: Side, after: Side, changed: list[Change]) -> list[str]:
    """The program's own objects that are deleted, also those that are made anew after."""
    return [
        change.key
        for change in changed
        if change.what == "removed"
        or any(
            field.path.startswith(REPLACED_BY_PROVIDER.get(change.key.partition("/")[0], ())) for field in change.fields
        )
    ]


def _workloads(before: Side, after: Side, changed: list[Change]) -> Iterator[Finding]:
    again = restarts(before, after, changed)
    grouped: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for restart in again:
        grouped[restart.because].append(part(restart.workload))
    for because, parts in sorted(grouped.items(), key=lambda item: item[1]):
        verb = "restarts" if len(parts) == 1 else "restart"
        yield Finding("restart", f"{listed(map(code, parts))} {verb}: {listed(because)}.")
    yield from _new_and_gone(changed)
    yield from _scaled(before, after)
    yield from _jobs(before, after)
    yield from _tasks(before, after, again)


def _new_and_gone(changed: list[Change]) -> Iterator[Finding]:
    workloads = [change for change in changed if is_workload(change.key)]
    for what, words in (("added", "New"), ("removed", "Removed")):
        if keys := [code(change.key) for change in workloads if change.what == what]:
            yield Finding(what, f"{words}: {listed(keys)}.")


def _scaled(before: Side, after: Side) -> Iterator[Finding]:
    for key in sorted(filter(is_workload, before.objects.keys() & after.objects.keys())):
        old, new = (int(side.objects[key]["spec"].get("replicas", 1)) for side in (before, after))
        if old != new:
            yield Finding("scale", f"{code(part(key))} goes from {old} to {new} pods.")


def _jobs(before: Side, after: Side) -> Iterator[Finding]:
    for key in sorted(key for key in before.objects.keys() | after.objects.keys() if key.startswith("Job/")):
        old, new = (side.objects.get(key) for side in (before, after))
        if new is None:
            yield Finding("job", f"The Job {code(key[4:])} is deleted; what it did stays.")
        elif old is None or normal(template(old)) != normal(template(new)):
            yield Finding("job", _JOBS.get(key, f"The Job {code(key[4:])} runs again."))


def _tasks(before: Side, after: Side, again: list[Restart]) -> Iterator[Finding]:
    """What the restarts do to tasks that run."""
    executor = before.settings["executor"]
    if executor != after.settings["executor"]:
        return  # said by its meaning
    runs = _TASKS.get(executor)
    if runs and any(restart.workload.partition("/")[2] == runs.partition("/")[2] for restart in again):
        seconds = template(before.objects[runs]).get("spec", {}).get("terminationGracePeriodSeconds", 30)
        text = f"Tasks that run in {code(part(runs))} get {seconds} s to end; then they are killed, and retried where they have retries."
        yield Finding("tasks", text)
    old, new = (_task_pod(side) for side in (before, after))
    if executor == "KubernetesExecutor" and old != new:
        yield Finding(
            "tasks", "Task pods that run go on as they are; those that start after follow the new pod template."
        )


def _task_pod(side: Side) -> object:
    data: Mapping[str, object] = side.objects.get("ConfigMap/airflow-config", {}).get("data") or {}
    return data.get("pod_template_file.yaml")
