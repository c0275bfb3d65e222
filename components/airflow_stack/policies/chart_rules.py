"""Rules about the Helm release and the defaults of the Airflow chart (version 1.22.0)."""

import re
from collections.abc import Iterator

from airflow_stack.credentials import CREDENTIALS

from .model import RELEASE, Resource, Rule, Violation, at, truth

_JOBS = ("createUserJob", "migrateDatabaseJob")


def _pinned_chart(resource: Resource) -> Iterator[Violation]:
    if resource.type != RELEASE:
        return
    chart, version = str(resource.at("chart", "")), resource.at("version")
    local = not chart.startswith("oci://") and (chart.endswith(".tgz") or "/" in chart or chart.startswith("."))
    if not local and not re.match(r"^v?\d+\.\d+\.\d+([-+].+)?$", str(version or "")):
        yield Violation(
            "version",
            f"does not pin a version of chart {chart!r}; Airflow's chart 2.0, for example, has no git-sync",
            "set one version: pulumi config set --path 'airflow:chart.version' 1.22.0",
            version or "not set",
        )


def _awaited(resource: Resource) -> Iterator[Violation]:
    has_rollout = "airflow:index:AirflowRelease$" in resource.urn  # which is awaited
    if resource.type == RELEASE and truth(resource.at("skipAwait", False)) and not has_rollout:
        yield Violation(
            "skipAwait",
            "`pulumi up` would succeed before any pod is ready",
            "leave skipAwait out, or use the component `Airflow`, whose rollout is awaited",
            True,
        )


def _hooks(resource: Resource) -> Iterator[Violation]:
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    for job in _JOBS:
        for switch in ("useHelmHooks", "applyCustomEnv") if truth(at(values, f"{job}.enabled", True)) else ():
            if truth(at(values, f"{job}.{switch}", True)):
                yield Violation(
                    f"values.{job}.{switch}",
                    "an awaited release never becomes ready: the pods wait for this Job, and Helm starts it after them"
                    if switch == "useHelmHooks"
                    else "the next upgrade during the Job's lifetime fails: a Job's template is immutable",
                    f"keep the program's own Jobs (airflow:values {job}.enabled false), or set {switch} to false",
                    True,
                )
    for kind in ("extraSecrets", "extraConfigMaps"):
        for name, extra in at(values, kind, {}).items():
            if truth(at(extra, "useHelmHooks", True)):
                yield Violation(
                    f"values.{kind}.{name}.useHelmHooks",
                    "a hook's object is not part of the release, and outlives it",
                    "set useHelmHooks to false, or create the object in the program",
                    True,
                )


def _own_keys(resource: Resource) -> Iterator[Violation]:
    for credential in CREDENTIALS if resource.is_airflow else ():
        if credential.invented and not resource.at(f"values.{credential.chart_value}"):
            yield Violation(
                f"values.{credential.chart_value}",
                f"the chart would generate this itself: {credential.invented}",
                "create the Secret in the program and pass its name to the chart, as the component `Airflow` does",
                "not set",
            )


def _bounded_volumes(resource: Resource) -> Iterator[Violation]:
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    workers = "workers.celery" if at(values, "workers.celery.persistence") else "workers"
    has_workers = any(executor in at(values, "executor", "CeleryExecutor") for executor in ("Celery", "Local"))
    claims = {
        "triggerer.persistence": truth(at(values, "triggerer.persistence.enabled", True)),
        f"{workers}.persistence": has_workers and truth(at(values, f"{workers}.persistence.enabled", True)),
        "logs.persistence": truth(at(values, "logs.persistence.enabled", False))
        and not at(values, "logs.persistence.existingClaim"),
    }
    for path, claimed in claims.items():
        if claimed and not at(values, f"{path}.size"):
            yield Violation(
                f"values.{path}.size",
                "the chart requests 100Gi for each pod, and the size is immutable",
                f"set airflow:values {path}.enabled to false and keep logs with airflow:logs, or set a size",
                "not set",
            )


def _shared_dag_volume(resource: Resource) -> Iterator[Violation]:
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    on = all(truth(at(values, f"dags.{part}.enabled", False)) for part in ("persistence", "gitSync"))
    key = at(values, "dags.gitSync.sshKeySecret") or at(values, "dags.gitSync.sshKey")
    if on and key and "Local" in at(values, "executor", ""):
        yield Violation(
            "values.dags.persistence.enabled",
            "with LocalExecutor and an SSH key, the chart mounts the key from a volume that it does not define: no scheduler starts",
            "set it to false (each pod then syncs separately), or use another executor or an HTTPS token",
            True,
        )


RULES = (
    Rule("pinned-chart", "Every release pins one version of its chart.", "https://github.com/apache/airflow/pull/72792", _pinned_chart),
    Rule("awaited-release", "A release counts as deployed only when it serves.", "https://github.com/apache/airflow/issues/11979", _awaited),
    Rule("no-helm-hooks", "The chart runs no Helm hooks.", "https://github.com/apache/airflow/issues/32003", _hooks),
    Rule("own-keys", "The chart generates no keys and no passwords.", "https://github.com/apache/airflow/issues/44164", _own_keys),
    Rule("bounded-volumes", "Volumes of workers, triggerer and logs have an explicit size.", "https://github.com/apache/airflow/issues/28734", _bounded_volumes),
    Rule(
        "no-shared-dag-volume",
        "LocalExecutor, a DAG volume and git-sync over SSH are not combined.",
        "https://airflow.apache.org/docs/helm-chart/1.22.0/manage-dag-files.html",
        _shared_dag_volume,
    ),
)  # fmt: skip
