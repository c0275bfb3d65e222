"""The blast radius: effects of a change on a running Airflow, its data and its users. Pure.

Facts come from the objects (restarts, replacements), their meaning from the settings (tasks, users, history).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from .model import Effect, ObjectChange, RenderedStack
from .network import network_effects
from .object_changes import normalized, object_changes
from .quoting import code, listed
from .replacements import replacement_effects
from .restarts import Restart, is_workload, pod_template, restarts, short_name
from .setting_changes import setting_effects
from .storage import storage_effects

_TASK_WORKLOADS = {"LocalExecutor": "Deployment/airflow-scheduler", "CeleryExecutor": "Deployment/airflow-worker"}
_JOBS = {
    "Job/airflow-migration-job": "The database migration runs again; the pods wait for it.",
    "Job/airflow-admin-job": "The user Job runs again: it creates the admin user, or sets its password.",
}


def blast_radius(before: RenderedStack, after: RenderedStack) -> list[Effect]:
    """All effects, the dangerous ones first; empty for two equal renderings."""
    changes = object_changes(before, after)
    found = [*setting_effects(before, after)]
    if before.settings["namespace"] == after.settings["namespace"]:  # otherwise all objects are new
        found += storage_effects(before, after)
        found += replacement_effects(before, after, changes)
        found += _workload_effects(before, after, changes)
        found += network_effects(before, after)
    if not found and changes:
        keys = listed(code(change.key) for change in changes)
        found.append(Effect("in place", f"Nothing restarts; changed in place: {keys}."))
    if not found and before.settings != after.settings:
        found.append(Effect("settings", "No object changes, only how the program deploys them (see the settings)."))
    return sorted(found, key=lambda effect: -effect.severity)


def _workload_effects(before: RenderedStack, after: RenderedStack, changes: list[ObjectChange]) -> Iterator[Effect]:
    restarting = restarts(before, after, changes)
    by_reasons: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for restart in restarting:
        by_reasons[restart.reasons].append(short_name(restart.workload))
    for reasons, names in sorted(by_reasons.items(), key=lambda item: item[1]):
        verb = "restarts" if len(names) == 1 else "restart"
        yield Effect("restart", f"{listed(map(code, names))} {verb}: {listed(reasons)}.")
    yield from _added_and_removed(changes)
    yield from _scaled(before, after)
    yield from _jobs(before, after)
    yield from _tasks(before, after, restarting)


def _added_and_removed(changes: list[ObjectChange]) -> Iterator[Effect]:
    workloads = [change for change in changes if is_workload(change.key)]
    for what, label in (("added", "New"), ("removed", "Removed")):
        if keys := [code(change.key) for change in workloads if change.what == what]:
            yield Effect(what, f"{label}: {listed(keys)}.")


def _scaled(before: RenderedStack, after: RenderedStack) -> Iterator[Effect]:
    for key in sorted(filter(is_workload, before.objects.keys() & after.objects.keys())):
        old, new = (int(rendered.objects[key]["spec"].get("replicas", 1)) for rendered in (before, after))
        if old != new:
            yield Effect("scale", f"{code(short_name(key))} scales from {old} to {new} pods.")


def _jobs(before: RenderedStack, after: RenderedStack) -> Iterator[Effect]:
    for key in sorted(key for key in before.objects.keys() | after.objects.keys() if key.startswith("Job/")):
        old, new = (rendered.objects.get(key) for rendered in (before, after))
        if new is None:
            yield Effect("job", f"The Job {code(key[4:])} is deleted; its results stay.")
        elif old is None or normalized(pod_template(old)) != normalized(pod_template(new)):
            yield Effect("job", _JOBS.get(key, f"The Job {code(key[4:])} runs again."))


def _tasks(before: RenderedStack, after: RenderedStack, restarting: list[Restart]) -> Iterator[Effect]:
    """Effects of the restarts on running tasks."""
    executor = before.settings["executor"]
    if executor != after.settings["executor"]:
        return  # the effect of the setting covers it
    workload = _TASK_WORKLOADS.get(executor)
    if workload and any(each.workload.partition("/")[2] == workload.partition("/")[2] for each in restarting):
        seconds = pod_template(before.objects[workload]).get("spec", {}).get("terminationGracePeriodSeconds", 30)
        name = code(short_name(workload))
        text = f"Running tasks in {name} have {seconds} s to finish; then they are killed, and retried if they have retries."
        yield Effect("tasks", text)
    old, new = (_task_pod(rendered) for rendered in (before, after))
    if executor == "KubernetesExecutor" and old != new:
        yield Effect("tasks", "Running task pods continue unchanged; new ones use the new pod template.")


def _task_pod(rendered: RenderedStack) -> object:
    data: Mapping[str, object] = rendered.objects.get("ConfigMap/airflow-config", {}).get("data") or {}
    return data.get("pod_template_file.yaml")
