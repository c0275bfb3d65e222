"""Chart values that the chart ignores with a stack's other settings, each with the reason. Pure.

Facts are from chart 1.22.0. `tests/render/test_every_value.py` renders them: none changes an object.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_stack.choices import DagDelivery, Executor
from airflow_stack.settings.models import Settings

from .job_values import job_warnings
from .managed import MISSING, WEAKER, value_at
from .merged import with_stronger_forms
from .values import chart_values

Values = Mapping[str, Any]


@dataclass(frozen=True)
class WithoutEffect:
    """A chart value without effect, with everything below it.

    Args:
        path: Path of the value.
        reason: Rest of a sentence that begins with the path.
        when: Whether it has none in a stack with these settings and merged values.
        but: Paths below it that take effect all the same.
    """

    path: str
    reason: str
    when: Callable[[Settings, Values], bool] = lambda _settings, _values: True
    but: tuple[str, ...] = ()


def _is_on(values: Values, path: str, default: bool) -> bool:
    found = value_at(values, path)
    return default if found is MISSING or found is None else bool(found)


def _off(path: str, *, default: bool = False, switch: str = "enabled", but: str = "") -> WithoutEffect:
    """A part of the chart that a switch turns off; `default` is the switch's default in the chart."""
    at = f"{path}.{switch}"
    reason = f"has no effect while {at} is off"
    return WithoutEffect(path, reason, lambda _, values: not _switched_on(values, at, default), (switch, *but.split()))


def _switched_on(values: Values, path: str, default: bool) -> bool:
    # The chart reads a value of `workers` where `workers.celery` has none.
    below = path.replace("workers.celery.", "workers.")
    return _is_on(values, path, default if below == path else _is_on(values, below, default))


def _needs(path: str, other: str, reason: str) -> WithoutEffect:
    return WithoutEffect(path, reason, lambda _, values: not _is_on(values, other, default=False))


def _token_volume(component: str) -> WithoutEffect:
    switch = f"{component}.serviceAccount.automountServiceAccountToken"
    path = f"{component}.serviceAccount.serviceAccountTokenVolume"

    def is_unused(settings: Settings, values: Values) -> bool:
        return settings.executor is Executor.LOCAL or _is_on(values, switch, True)

    return WithoutEffect(path, f"has no effect with the LocalExecutor, and while {switch} is on", is_unused)


def _executor(path: str, executor: Executor, but: str = "") -> WithoutEffect:
    return WithoutEffect(
        path,
        f"has no effect without airflow:executor {executor.value}",
        lambda settings, _: settings.executor is not executor,
        tuple(but.split()),
    )


_COMPONENTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers.celery")
_NO_SECRET = "has no effect, because the program creates that Secret, not the chart"  # noqa: S105  no secret
_NO_WEBSERVER = "has no effect, because Airflow 3 has no webserver; use apiServer"
_OWN_JOB = "has no effect, because the program has a Job of its own"


def _rows() -> Iterator[WithoutEffect]:
    yield WithoutEffect(
        "webserver", _NO_WEBSERVER, but=("allowPodLogReading", "webserverConfig", "webserverConfigConfigMapName")
    )
    yield WithoutEffect("ingress.web", _NO_WEBSERVER)
    yield WithoutEffect("ports.airflowUI", _NO_WEBSERVER)
    yield WithoutEffect("webserverSecretAnnotations", _NO_WEBSERVER)
    yield WithoutEffect("webserverSecretKeySecretName", _NO_WEBSERVER)
    yield WithoutEffect("enableBuiltInSecretEnvVars.AIRFLOW__WEBSERVER__SECRET_KEY", _NO_WEBSERVER)
    for job in ("createUserJob", "migrateDatabaseJob"):
        yield WithoutEffect(job, _OWN_JOB, but=("enabled", "serviceAccount", "labels"))
    yield WithoutEffect("images.useDefaultImageForMigration", _OWN_JOB)
    for key in ("fernetKeySecretAnnotations", "apiSecretAnnotations", "jwtSecretAnnotations", "redis.passwordSecretAnnotations",
                "data.brokerUrlSecretAnnotations", "data.resultBackendConnectionSecretAnnotations", "flower.secretAnnotations",
                "elasticsearch.secretAnnotations", "pgbouncer.certificatesSecretAnnotations"):  # fmt: skip
        yield WithoutEffect(key, _NO_SECRET)
    yield WithoutEffect(
        "images.migrationsWaitTimeout",
        "has no effect while no component waits for migrations",
        lambda _, values: not any(_is_on(values, f"{each}.waitForMigrations.enabled", True) for each in _COMPONENTS),
    )
    yield from _switches()
    yield from _executors()


def _switches() -> Iterator[WithoutEffect]:
    for each in _COMPONENTS:
        yield _off(f"{each}.waitForMigrations", default=True)
    for each in (*_COMPONENTS, "pgbouncer"):
        switch = f"{each}.podDisruptionBudget.enabled"
        yield _needs(f"{each}.podDisruptionBudget.config", switch, f"has no effect while {switch} is off")
    for each in ("scheduler", "cleanup"):
        yield _token_volume(each)
        yield _off(f"{each}.serviceAccount.serviceAccountTokenVolume")
    for each in ("apiServer", "workers.celery", "workers"):
        yield _off(f"{each}.hpa")
    for each in ("triggerer", "workers.celery", "workers"):
        yield _off(f"{each}.keda")
    yield _off("triggerer.persistence", default=True)
    yield _off("workers.celery.persistence", default=True)
    yield _needs("triggerer.updateStrategy", "triggerer.persistence.enabled",
                 "has no effect on a Deployment, which the triggerer is without persistence; use triggerer.strategy")  # fmt: skip
    for key in ("updateStrategy", "volumeClaimTemplates", "podManagementPolicy"):
        yield _needs(f"workers.celery.{key}", "workers.celery.persistence.enabled",
                     "has no effect on a Deployment, which Celery workers are without persistence")  # fmt: skip
        yield _needs(f"workers.{key}", "workers.celery.persistence.enabled",
                     "has no effect on a Deployment, which Celery workers are without persistence")  # fmt: skip
    yield _off("redis.persistence", default=True)
    yield _off("dags.persistence", but="subPath")
    yield _off("logs.persistence", but="subPath")
    yield _off("statsd", default=True)
    yield WithoutEffect("dags.gitSync", "has no effect without git-sync, because of airflow:dags.delivery",
                        lambda settings, _: settings.dags.delivery is not DagDelivery.GIT_SYNC)  # fmt: skip
    for path in ("pgbouncer", "flower", "databaseCleanup", "cleanup", "elasticsearch", "opensearch", "postgresql"):
        yield _off(path)
    for path in ("flower", "statsd", "pgbouncer"):
        yield _off(f"ingress.{path}", but="path")
    for each in ("workers", "workers.celery", "workers.kubernetes"):
        for part in ("kerberosSidecar", "kerberosInitContainer"):
            yield _off(f"{each}.{part}")
    yield _off("kerberos", but="ccacheMountPath ccacheFileName keytabPath principal reinitFrequency")
    yield WithoutEffect("otelCollector", "has no effect while otelCollector.tracesEnabled and otelCollector.metricsEnabled are off",
                        lambda _, values: not any(_is_on(values, f"otelCollector.{each}Enabled", False) for each in ("traces", "metrics")),
                        ("tracesEnabled", "metricsEnabled"))  # fmt: skip
    yield _needs("ingress.apiServer", "ingress.apiServer.enabled", "has no effect without airflow:web.ingress")
    for path, other in {
        "enableBuiltInSecretEnvVars.AIRFLOW__CELERY__RESULT_BACKEND": "data.resultBackendSecretName",
        "enableBuiltInSecretEnvVars.AIRFLOW__ELASTICSEARCH__HOST": "elasticsearch.enabled",
        "enableBuiltInSecretEnvVars.AIRFLOW__OPENSEARCH__HOST": "opensearch.enabled",
        "apiServer.configMapAnnotations": "apiServer.apiServerConfig",
        "pgbouncer.metricsExporterSidecar.statsSecretKey": "pgbouncer.metricsExporterSidecar.statsSecretName",
        "dags.gitSync.recommendedProbeSetting": "dags.gitSync.livenessProbe.enabled",
        "workers.kubernetes.serviceAccount.annotations": "workers.kubernetes.serviceAccount.create",
        "workers.kubernetes.serviceAccount.automountServiceAccountToken": "workers.kubernetes.serviceAccount.create",
        "flower.networkPolicy.ingress.ports": "flower.networkPolicy.ingress.from",
        "ingress.flower.tls.secretName": "ingress.flower.tls.enabled",
    }.items():
        yield _needs(path, other, f"has no effect without {other}")
    yield WithoutEffect("redis.service.nodePort", "has no effect without redis.service.type NodePort",
                        lambda _, values: value_at(values, "redis.service.type") != "NodePort")  # fmt: skip
    yield WithoutEffect("redis.emptyDirConfig", "has no effect while redis.persistence.enabled is on",
                        lambda _, values: _is_on(values, "redis.persistence.enabled", True))  # fmt: skip
    yield WithoutEffect("workers.celery.logGroomerSidecar", "has no effect without workers.celery.persistence.enabled, which "
                        "workers.celery.logGroomerSidecar.requirePersistence asks for",
                        lambda _, values: _is_on(values, "workers.celery.logGroomerSidecar.requirePersistence", True)
                        and not _is_on(values, "workers.celery.persistence.enabled", True), ("requirePersistence",))  # fmt: skip


_OF_CELERY = "revisionHistoryLimit args livenessProbe updateStrategy strategy keda hpa extraPorts annotations volumeClaimTemplates podManagementPolicy"


def _executors() -> Iterator[WithoutEffect]:
    yield WithoutEffect("workers", "has no effect with the LocalExecutor, which has no workers",
                        lambda settings, _: settings.executor is Executor.LOCAL,
                        ("celery.persistence", "celery.podDisruptionBudget.enabled"))  # fmt: skip
    for path in (
        "redis",
        "flower",
        "images.redis",
        "images.flower",
        "ingress.flower",
        "ports.flowerUI",
        "ports.redisDB",
    ):
        yield _executor(path, Executor.CELERY, "path" if path == "ingress.flower" else "")
    yield _executor("data.resultBackendSecretName", Executor.CELERY)
    for path in ("cleanup", "podTemplate", "images.pod_template", "workers.kubernetes"):
        yield _executor(path, Executor.KUBERNETES)
    for key in _OF_CELERY.split():
        yield _executor(f"workers.{key}", Executor.CELERY)
    # The chart renders one worker's account and disruption budget with every executor.
    yield WithoutEffect("workers.celery", "has no effect without airflow:executor CeleryExecutor",
                        lambda settings, _: settings.executor is Executor.KUBERNETES,
                        ("enableDefault", "sets", "labels", "serviceAccount", "podDisruptionBudget.enabled"))  # fmt: skip
    yield WithoutEffect("ports.workerLogs", "has no effect with the KubernetesExecutor, whose task pods serve no logs",
                        lambda settings, _: settings.executor is Executor.KUBERNETES)  # fmt: skip
    yield WithoutEffect("scheduler.updateStrategy", "has no effect on a Deployment, which the scheduler is; use scheduler.strategy",
                        lambda settings, values: settings.executor is not Executor.LOCAL or not _is_on(values, "workers.celery.persistence.enabled", True))  # fmt: skip
    yield WithoutEffect("scheduler.serviceAccount.automountServiceAccountToken", "has no effect with the LocalExecutor",
                        lambda settings, _: settings.executor is Executor.LOCAL)  # fmt: skip


WITHOUT_EFFECT: tuple[WithoutEffect, ...] = tuple(_rows())
"""The chart values without effect."""


def value_warnings(settings: Settings) -> Iterator[str]:
    """Warnings about the stack's own chart values that have no effect, or none on the program's Jobs."""
    if settings.values:
        yield from (f"airflow:values.{path} {reason}" for path, reason in without_effect(settings))
        yield from job_warnings(settings)


def without_effect(settings: Settings) -> Iterator[tuple[str, str]]:
    """Path and reason of each of the stack's own chart values without effect, as the stack spells it."""
    merged = chart_values(settings)
    theirs = with_stronger_forms(chart_values(settings.model_copy(update={"values": {}})), settings.values)
    found: dict[str, str] = {}
    for row in WITHOUT_EFFECT:
        for path in _given(row, theirs):
            if row.when(settings, merged) and not any(f"{path}.".startswith(f"{each}.") for each in found):
                found = {each: reason for each, reason in found.items() if not each.startswith(f"{path}.")}
                found[path] = row.reason
    for path, reason in found.items():
        given, others = _as_given(settings.values, path)
        if all(any(f"{other}.".startswith(f"{each}.") for each in found) for other in others):
            yield given, reason


def _as_given(values: Values, path: str) -> tuple[str, tuple[str, ...]]:
    """The weaker form that a stack gave, and all the forms that it became; the path itself where it gave that."""
    if value_at(values, path) is MISSING:
        for weaker, forms in WEAKER.items():
            for form in forms:
                below = path.removeprefix(form)
                if path.startswith(form) and value_at(values, f"{weaker}{below}") is not MISSING:
                    return f"{weaker}{below}", tuple(f"{each}{below}" for each in forms)
    return path, ()


def _given(row: WithoutEffect, values: Values) -> Iterator[str]:
    """Paths of a row's values that are given: its own, or those below it beside the paths that take effect."""
    value = value_at(values, row.path)
    if value is MISSING:
        return
    if not row.but or not isinstance(value, Mapping):
        yield row.path
        return
    yield from (f"{row.path}.{below}" for below in _below(value, row.but))


def _below(value: Values, but: tuple[str, ...]) -> Iterator[str]:
    for key, inner in value.items():
        if key in but:
            continue
        deeper = tuple(each.partition(".")[2] for each in but if each.startswith(f"{key}."))
        if deeper and isinstance(inner, Mapping):
            yield from (f"{key}.{path}" for path in _below(inner, deeper))
        else:
            yield key
