"""Replicas and resources of the components of the official chart as settings."""

from typing import Any

from airflow_stack.chart import sizes
from airflow_stack.choices import Executor, Size

from .model import Adoption, ChartValues

_COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer")
# Airflow's default, and the chart's (values.yaml of chart 1.22.0, config.celery).
_DEFAULT_PARALLELISM = {
    Executor.LOCAL: ("config.core.parallelism", "AIRFLOW__CORE__PARALLELISM", 32),
    Executor.CELERY: ("config.celery.worker_concurrency", "AIRFLOW__CELERY__WORKER_CONCURRENCY", 16),
}


def convert_workloads(values: ChartValues, adoption: Adoption, executor: str, size: Size) -> None:
    """Replicas and resources, if a setting can express them; otherwise as `airflow:values`."""
    for component in _COMPONENTS:
        _replicas(values, adoption, component)
        _resources(values, adoption, (component,), component, component)
    _workers(values, adoption, executor)
    adoption.notes += [
        "resources: every container gets requests and a memory limit from airflow:size (small by default); check them against the use of your pods",
        "networkPolicies: the chart's policies are added; from outside the release only the ingress reaches its pods. For a metrics scraper see "
        "statsd.extraNetworkPolicies in airflow:values",
    ]
    adoption.reach("networkPolicies")
    values.take("networkPolicies.enabled")
    _parallelism(values, adoption, executor, size)


def _replicas(values: ChartValues, adoption: Adoption, component: str) -> None:
    path = f"{component}.replicas"
    replicas = values.take(path)
    if replicas != 0 or isinstance(replicas, bool):
        adoption.set(f"components.{component}.replicas", replicas, path)
    elif component == "triggerer":
        adoption.set("values.triggerer.enabled", False, path)
        adoption.note(path, "0 becomes airflow:values.triggerer.enabled false: deferrable operators do not run")
    else:
        adoption.stop(
            path,
            f"is 0, and Airflow does not run without it; set airflow:components.{component}.replicas",
            f"components.{path}",
        )


def _workers(values: ChartValues, adoption: Adoption, executor: str) -> None:
    """Workers. What is directly below `workers` holds for both kinds, and `workers.celery` and `workers.kubernetes` win over it."""
    if executor == Executor.CELERY:
        weaker, replicas = values.take("workers.replicas"), values.take("workers.celery.replicas")
        replicas = weaker if replicas is None else replicas
        if replicas == 0 and not isinstance(replicas, bool):  # an autoscaler starts them
            adoption.set("values.workers.celery.replicas", 0, "workers.replicas", "workers.celery.replicas")
        else:
            adoption.set("components.workers.replicas", replicas, "workers.replicas", "workers.celery.replicas")
        _resources(values, adoption, ("workers", "workers.celery"), "workers", "workers.celery")
        _without_effect(values, adoption, "workers.kubernetes", "no task pod runs with the CeleryExecutor")
    elif executor == Executor.KUBERNETES:
        for path in ("workers.replicas", "workers.celery.replicas"):
            adoption.drop(path, values.take(path), "one pod runs per task with the KubernetesExecutor")
        _resources(values, adoption, ("workers", "workers.kubernetes"), "workers", "workers.kubernetes")
        _without_effect(values, adoption, "workers.celery", "no Celery worker runs with the KubernetesExecutor")
    elif executor == Executor.LOCAL:
        _without_effect(
            values, adoption, "workers", "no worker runs with the LocalExecutor; tasks run in the scheduler's pod"
        )


def _without_effect(values: ChartValues, adoption: Adoption, path: str, reason: str) -> None:
    if values.take(path):
        adoption.note(path, f"has no effect: {reason}")


def _resources(values: ChartValues, adoption: Adoption, paths: tuple[str, ...], component: str, chart: str) -> None:
    """Resources of a component; of several paths the last one that is given wins, as a whole (chart 1.22.0, `workersMergeValues`).

    They are complete afterwards: the program's presets are not merged with a part of them, which might put a request above its limit.
    """
    given = [(path, found) for path in paths if (found := values.take_object(f"{path}.resources"))]
    for path, _ in given[:-1]:
        adoption.note(f"{path}.resources", f"{given[-1][0]}.resources wins")
    if not given:
        return
    path, found = given[-1]
    adoption.reach(f"{path}.resources")
    resources = ChartValues(found, f"{path}.resources.")
    requests, limits = (_quantities(resources.take_object(part)) for part in ("requests", "limits"))
    # A limit alone sets the request too (Kubernetes, "Resource Management for Pods and Containers").
    requests = {**{key: limits[key] for key in ("cpu", "memory") if key in limits}, **requests}
    if "memory" in requests and "memory" not in limits:
        limits["memory"] = requests["memory"]
        adoption.note(
            f"{path}.resources.limits.memory",
            f"is {requests['memory']}, as the request: every container has a memory limit",
        )
    if rest := resources.remaining():
        adoption.set(f"values.{chart}.resources", rest)
    if (
        set(limits) <= {"memory"}
        and set(requests) <= {"cpu", "memory"}
        and limits.get("memory") == requests.get("memory")
    ):
        adoption.set(f"components.{component}.cpu", requests.get("cpu"))
        adoption.set(f"components.{component}.memory", requests.get("memory"))
    else:
        adoption.set(f"values.{chart}.resources.requests", requests)
        adoption.set(f"values.{chart}.resources.limits", limits)


def _quantities(found: dict[str, Any]) -> dict[str, Any]:
    """Quantities as text: YAML reads `cpu: 1` as a number."""
    kept = {key: value for key, value in found.items() if value is not None}
    return {
        key: str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        for key, value in kept.items()
    }


def _parallelism(values: ChartValues, adoption: Adoption, executor: str, size: Size) -> None:
    if executor not in (Executor.LOCAL, Executor.CELERY):
        return
    path, variable, before = _DEFAULT_PARALLELISM[Executor(executor)]
    given = {*adoption.settings.get("environment", {}), *adoption.settings.get("environmentFrom", {})}
    if values.get(path) is None and variable not in given:
        now = sizes.preset(size, Executor(executor)).parallelism
        adoption.notes.append(
            f"{path}: {now} by airflow:size {size.value}, {before} until now; for more tasks at a time set another airflow:size, or airflow:values.{path} "
            "with enough memory"
        )
