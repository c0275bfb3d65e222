"""Settings to chart values. Pure: no engine, no I/O, and no secret in the result.

The facts behind each value are from chart 1.22.0. Keys, passwords, Jobs and the database of the chart are off: the program creates its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pulumi

from airflow_stack import credentials, names
from airflow_stack.choices import DagDelivery, Executor
from airflow_stack.settings.models import Settings

from . import delivery, isolation, login, placement, pod_security, sizes, web
from .merged import at, merge, with_own, without_empty

Values = dict[str, Any]


def chart_values(settings: Settings, digests: Mapping[str, pulumi.Input[str]] | None = None) -> Values:
    """Chart values of the release.

    Args:
        settings: Settings of the stack.
        digests: Salted digest of each Secret's content, by the Secret's name: annotations that restart the pods that read a changed Secret.

    Returns:
        Values for chart 1.22.x; the stack's own `values` are merged last. The same settings always give the same bytes.
    """
    existing = settings.existing_secrets.model_dump(exclude_none=True)
    base = without_empty(
        merge(
            {
                "useStandardNaming": True,
                "executor": settings.executor.value,
                "airflowVersion": settings.images.airflow.airflow_version,
                "enableServiceLinks": False,
                "labels": dict(settings.labels),
                "postgresql": {"enabled": False},
                "migrateDatabaseJob": {"enabled": False},
                "createUserJob": {"enabled": False},
                "config": _config(settings),
                "env": [{"name": key, "value": value} for key, value in sorted(environment(settings).items())],
                "secret": [
                    *(_from_secret(*variable) for variable in _async_connection(settings, existing)),
                    *(_from_secret(k, ref.secret, ref.key) for k, ref in sorted(settings.environment_from.items())),
                    *(_from_secret(*variable) for variable in delivery.connection_variables(settings.dags)),
                ],
            },
            delivery.delivery_values(settings),
            _images(settings),
            _security(),
            isolation.isolation_values(settings),
            _workloads(settings),
            _service_accounts(settings),
            _network(settings),
            _celery(settings),
            _logs(settings),
            placement.placement_values(settings),
            login.login_values(settings),
            *(at(each.chart_value, each.secret_in(existing)) for each in _named(settings)),
            *_digests(settings, digests or {}),
        )
    )
    base = with_own(base, without_empty(placement.volume_values(settings)))
    merged = with_own(base, settings.values)
    if "airflowLocalSettings" in base and isinstance(theirs := settings.values.get("airflowLocalSettings"), str):
        merged["airflowLocalSettings"] = isolation.task_pod_hook(settings, theirs)
    return merged


def environment(settings: Settings) -> dict[str, str]:
    """Environment variables of every Airflow container and Job that are not from Secrets."""
    return {**settings.environment, **placement.ca_variables(settings)}


def _named(settings: Settings) -> Iterator[credentials.Credential]:
    """Credentials with a Secret that the chart values name."""
    named = (
        credentials.METADATA_CONNECTION,
        credentials.FERNET_KEY,
        credentials.API_SECRET_KEY,
        credentials.JWT_SECRET,
    )
    yield from named
    yield credentials.BROKER_URL  # without the name of its Secret, the chart creates a useless Secret with every executor
    if _runs_redis(settings):
        yield credentials.REDIS_PASSWORD
    if settings.existing_secrets.result_backend:
        yield credentials.RESULT_BACKEND
    git = delivery.git_credential(settings.dags)
    if git and git.chart_value and settings.dags.delivery is DagDelivery.GIT_SYNC:
        yield git


def _async_connection(settings: Settings, existing: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The variable in every container; with isolated tasks it is in those of `isolation.variables`."""
    connection = credentials.ASYNC_METADATA_CONNECTION
    if settings.isolated or not isolation.has_async_connection(existing):
        return []
    return [(connection.variables[0], connection.secret_in(existing), connection.key)]


def _from_secret(variable: str, secret: str, key: str) -> Values:
    return {"envName": variable, "secretName": secret, "secretKey": key}


def _config(settings: Settings) -> Values:
    config: Values = {"core": {"auth_manager": names.AUTH_MANAGER, "load_examples": "False"}}
    tasks = sizes.preset(settings.size, settings.executor).parallelism
    if settings.executor is Executor.LOCAL:
        config["core"]["parallelism"] = tasks
    if settings.executor is Executor.CELERY:
        config["celery"] = {"worker_concurrency": tasks}
    if settings.executor is not Executor.KUBERNETES:
        # The API server fetches logs from the host that ran the task. Pods of a Deployment have no DNS name.
        config["core"]["hostname_callable"] = "airflow.utils.net.get_host_ip_address"
    api = {}
    if address := settings.address:
        api["base_url"], config["fab"] = address.url, web.login_config(address)
    if settings.web.title:
        api["instance_name"] = delivery.escaped(settings.web.title)
    config["api"] = api
    if remote := settings.logs.remote:
        config["logging"] = {"remote_logging": "True", "remote_base_log_folder": remote.folder}
        if remote.connection:
            config["logging"]["remote_log_conn_id"] = remote.connection
    return config


def _images(settings: Settings) -> Values:
    images = settings.images
    values: Values = {
        "defaultAirflowRepository": images.repository(images.airflow),
        "defaultAirflowTag": images.airflow.tag_and_digest,
        "images": {
            key: {"repository": images.repository(image), "tag": image.tag}
            for key, image in (("gitSync", images.git_sync), ("statsd", images.statsd), ("redis", images.redis))
        },
    }
    if images.pull_secrets:
        values["imagePullSecrets"] = [{"name": name} for name in images.pull_secrets]
    return values


def _security() -> Values:
    return {
        "securityContexts": {"pod": pod_security.airflow_pod(), "containers": pod_security.CONTAINER},
        "statsd": {"securityContexts": {"pod": pod_security.pod(65534, 65534)}},
        "redis": {"securityContexts": {"pod": pod_security.pod(999, 999)}},
    }


def _workloads(settings: Settings) -> Values:
    numbers = sizes.preset(settings.size, settings.executor).override(settings.components)
    groomer = {"logGroomerSidecar": {"resources": sizes.LOG_GROOMER.as_kubernetes()}}
    # With claim templates the chart creates StatefulSets of 100Gi each, whose claims are immutable. Logs go elsewhere (docs/decisions).
    no_claims = {"persistence": {"enabled": False}}

    def workload(resources: sizes.Resources, *more: Values) -> Values:
        return merge(
            {
                "replicas": resources.replicas,
                "resources": resources.as_kubernetes(),
                "podDisruptionBudget": {"enabled": resources.replicas > 1},
                # The migration is complete before the release starts. Another check would take seconds at each start of a pod.
                "waitForMigrations": {"enabled": False},
            },
            *more,
        )

    # Without Celery the chart renders only the disruption budget of its workers, which would select the task pods.
    celery_workers = numbers.workers if settings.executor is Executor.CELERY else replace(numbers.workers, replicas=1)
    # A slow node or a first image pull must not look like a crash (apache/airflow#47093).
    patient = {"startupProbe": {"failureThreshold": 30}}
    return {
        "apiServer": workload(numbers.api_server, patient, _proxied(settings)),
        "scheduler": workload(numbers.scheduler, groomer, patient),
        "dagProcessor": workload(numbers.dag_processor, groomer),
        "triggerer": workload(numbers.triggerer, groomer, no_claims),
        "workers": {
            "celery": workload(celery_workers, groomer, no_claims),
            "kubernetes": {"resources": numbers.workers.as_kubernetes()},
        },
        "statsd": {"resources": sizes.STATSD.as_kubernetes()},
    }


def _proxied(settings: Settings) -> Values:
    if not settings.address and not settings.access.login:
        return {}
    own = [*isolation.variables(settings, "apiServer"), *login.login_variables(settings)]
    return {
        "args": ["bash", "-c", "exec airflow api-server --proxy-headers"],
        "env": [*own, {"name": "FORWARDED_ALLOW_IPS", "value": "*"}],
    }


def _service_accounts(settings: Settings) -> Values:
    account = {"serviceAccount": {"annotations": dict(settings.service_account_annotations)}}
    return {
        **dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer"), account),
        "workers": account,
    }


def _network(settings: Settings) -> Values:
    # An empty list denies every connection, also from the scheduler and the tasks (apache/airflow#46926).
    allowed: list[Values] = [{"podSelector": {"matchLabels": {"tier": "airflow", "release": names.RELEASE}}}]
    return {
        "networkPolicies": {"enabled": True},
        "apiServer": {"networkPolicy": {"ingress": {"from": [*allowed, *web.peers(settings)]}}},
        **(web.ingress_values(settings.address) if settings.address else {}),
    }


def _runs_redis(settings: Settings) -> bool:
    existing = settings.existing_secrets
    return settings.executor is Executor.CELERY and not (existing.broker_url and not existing.redis_password)


def _celery(settings: Settings) -> Values:
    if not _runs_redis(settings):
        return {"redis": {"enabled": False}}
    return {
        "redis": {
            "enabled": True,
            "persistence": {"size": "1Gi"},
            "resources": sizes.REDIS.as_kubernetes(),
            # Airflow can queue again whatever a broker loses. The chart's ten minutes would only delay a destroy.
            "terminationGracePeriodSeconds": 30,
        }
    }


def _logs(settings: Settings) -> Values:
    if not settings.logs.volume:
        return {}
    return {"logs": {"persistence": {"enabled": True, "existingClaim": names.LOG_CLAIM}}}


def _digests(settings: Settings, digests: Mapping[str, pulumi.Input[str]]) -> Iterator[Values]:
    """Annotations with the digests of the Secrets that each component's pods read.

    Task pods have none: they start with the current Secrets, and a changed pod template would restart every component.
    """
    dags, celery = settings.dags, settings.executor is Executor.CELERY
    readers = {each.secret: each.readers for each in credentials.CREDENTIALS} | isolation.readers(settings)
    if git := delivery.git_credential(dags):
        readers[git.secret] = delivery.with_git_sync(dags, settings.executor)
    # Every Airflow container reads the Secrets of git bundles. Only git-sync's containers read its Secrets.
    readers |= dict.fromkeys(delivery.secrets_read(dags), credentials.GIT_CONNECTIONS.readers)
    for secret, digest in digests.items():
        for component in readers.get(secret, ()):
            if celery or component != "workers.celery":
                yield at(f"{component}.podAnnotations", {f"checksum/{secret}": digest})
