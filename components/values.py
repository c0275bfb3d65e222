"""Settings to chart values: a pure function, with no engine, no I/O and no secret in what it returns.

The facts behind each value were read in chart 1.22.0. What the chart would invent (keys, passwords, Jobs, the database) is switched
off here, for the program makes it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi

from . import names, sizes
from .arguments import Executor, GitAuthentication
from .git_url import GitUrl
from .known_hosts import known_hosts_for
from .settings import Dags, Settings

Values = dict[str, Any]

# Pod Security `restricted`. A map given here replaces the chart's whole default, so each names its user (chart values.yaml, `uid`).
_CONTAINER = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _pod(user: int, group: int) -> Values:
    return {
        "runAsUser": user,
        "runAsGroup": group,
        "fsGroup": group,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def chart_values(settings: Settings, digests: Mapping[str, pulumi.Input[str]] | None = None) -> Values:
    """Everything that the release is told.

    Args:
        settings: What the stack decides.
        digests: Salted digest of each Secret's content, by the Secret's name. They land in the pods that read the Secret and roll them.

    Returns:
        Values for chart 1.22.x, the stack's own `values` merged last. Rendered twice, they give the same bytes.
    """
    secrets = names.SecretNames()
    base = _merge(
        {
            "useStandardNaming": True,
            "executor": settings.executor.value,
            "airflowVersion": settings.images.airflow.airflow_version,
            "enableServiceLinks": False,
            "labels": dict(settings.labels),
            "fernetKeySecretName": secrets.fernet,
            "apiSecretKeySecretName": secrets.api_secret,
            "jwtSecretName": secrets.jwt,
            # Without a broker's name the chart writes a junk Secret for every executor.
            "data": {"metadataSecretName": secrets.metadata, "brokerUrlSecretName": secrets.broker_url},
            "postgresql": {"enabled": False},
            "migrateDatabaseJob": {"enabled": False},
            "createUserJob": {"enabled": False},
            "dags": {"gitSync": _git_sync(settings.dags, secrets)},
            "config": _config(settings),
            "env": [{"name": key, "value": value} for key, value in sorted(settings.environment.items())],
            "secret": [
                _from_secret("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC", secrets.metadata, "asyncConnection"),
                *(_from_secret(k, ref.secret, ref.key) for k, ref in sorted(settings.environment_from.items())),
            ],
        },
        _images(settings),
        _security(),
        _workloads(settings),
        _service_accounts(settings),
        _network(settings),
        _celery(settings, secrets),
        _logs(settings),
        _digests(settings, secrets, digests or {}),
    )
    return _merge(base, settings.values)


def _from_secret(variable: str, secret: str, key: str) -> Values:
    return {"envName": variable, "secretName": secret, "secretKey": key}


def _merge(*layers: Mapping[str, Any]) -> Values:
    """Maps merge, anything else of a later layer wins: Helm's rule for several values files."""
    merged: Values = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def refresh_seconds(dags: Dags) -> tuple[int, int]:
    """How `visibleWithinSeconds` is spent: git-sync's period and the DAG processor's refresh interval, in seconds.

    A push waits at most for one period, one refresh and about ten seconds of fetching and parsing. Each poll is a login on the git host
    and each refresh only a look at a folder, so the refresh takes two fifths (5 to 30 s) and git-sync the rest.
    """
    spendable = dags.visible_within_seconds - 10
    refresh = min(30, max(5, spendable * 2 // 5))
    return spendable - refresh, refresh


def _git_sync(dags: Dags, secrets: names.SecretNames) -> Values:
    period, _ = refresh_seconds(dags)
    # git-sync lets the deprecated branch win over ref: both are the branch, or the branch is empty for a tag or commit
    # (apache/airflow#42918; with rev HEAD an empty branch would be fatal).
    branch, rev = (dags.ref, "HEAD") if dags.follows_branch else ("", "")
    values: Values = {
        "enabled": True,
        "repo": dags.repository,
        "branch": branch,
        "ref": dags.ref,
        "rev": rev,
        "subPath": dags.path,
        "depth": dags.depth,
        "period": f"{period}s",
        # The default 0 ends the container at the first failed poll: a git outage would fail tasks (git-sync 4.4.2, main.go).
        "maxFailures": 10,
        "resources": sizes.GIT_SYNC.as_kubernetes(),
        "securityContexts": {"container": {**_CONTAINER, "runAsUser": 65533, "runAsNonRoot": True}},
    }
    if dags.authentication in (GitAuthentication.SSH_KEY, GitAuthentication.GENERATED_SSH_KEY):
        url = GitUrl.parse(dags.repository)
        known_hosts = dags.known_hosts or known_hosts_for(url.host, url.port)
        return {**values, "sshKeySecret": secrets.git_ssh, "knownHosts": known_hosts}
    if dags.authentication is GitAuthentication.TOKEN:
        return {**values, "credentialsSecret": secrets.git_token}
    return values


def _config(settings: Settings) -> Values:
    _, refresh = refresh_seconds(settings.dags)
    config: Values = {
        "core": {"auth_manager": names.AUTH_MANAGER, "load_examples": "False"},
        "dag_processor": {"refresh_interval": refresh, "min_file_process_interval": refresh},
    }
    tasks = sizes.preset(settings.size, settings.executor).parallelism
    if settings.executor is Executor.LOCAL:
        config["core"]["parallelism"] = tasks
    if settings.executor is Executor.CELERY:
        config["celery"] = {"worker_concurrency": tasks}
    if settings.executor is not Executor.KUBERNETES:
        # Pods of a Deployment have no DNS name, and the API server fetches logs from the host that ran the task.
        config["core"]["hostname_callable"] = "airflow.utils.net.get_host_ip_address"
    if settings.ingress:
        config["api"] = {"base_url": base_url(settings)}
    if remote := settings.logs.remote:
        config["logging"] = {"remote_logging": "True", "remote_base_log_folder": remote.folder}
        if remote.connection:
            config["logging"]["remote_log_conn_id"] = remote.connection
    return config


def base_url(settings: Settings) -> str:
    """Address of the UI; without an ingress, that of a port-forward."""
    if not settings.ingress:
        return f"http://localhost:{names.API_SERVER_PORT}"
    return f"{'https' if settings.ingress.tls_secret else 'http'}://{settings.ingress.host}"


def _images(settings: Settings) -> Values:
    images = settings.images
    values: Values = {
        # The chart has no digest for task pods; a tag with a digest behind it serves every pod alike.
        "defaultAirflowRepository": images.repository(images.airflow),
        "defaultAirflowTag": images.airflow.tag + (f"@{images.airflow.digest}" if images.airflow.digest else ""),
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
        "securityContexts": {"pod": _pod(50000, 0), "containers": _CONTAINER},
        "statsd": {"securityContexts": {"pod": _pod(65534, 65534)}},
        "redis": {"securityContexts": {"pod": _pod(999, 999)}},
    }


def _workloads(settings: Settings) -> Values:
    numbers = sizes.preset(settings.size, settings.executor).override(settings.components)
    groomer = {"logGroomerSidecar": {"resources": sizes.LOG_GROOMER.as_kubernetes()}}
    # With claim templates the chart makes StatefulSets, of 100Gi each, whose claims can never change; logs go elsewhere (docs/decisions).
    no_claims = {"persistence": {"enabled": False}}

    def workload(resources: sizes.Resources, *more: Values) -> Values:
        return _merge(
            {
                "replicas": resources.replicas,
                "resources": resources.as_kubernetes(),
                "podDisruptionBudget": {"enabled": resources.replicas > 1},
                # The migration was complete before the release began; to ask again costs each pod seconds at each start.
                "waitForMigrations": {"enabled": False},
            },
            *more,
        )

    # Without Celery the chart renders nothing of its workers but their disruption budget, which would select the task pods.
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
    if not settings.ingress:
        return {}
    return {
        "args": ["bash", "-c", "exec airflow api-server --proxy-headers"],
        "env": [{"name": "FORWARDED_ALLOW_IPS", "value": "*"}],
    }


def _service_accounts(settings: Settings) -> Values:
    account = {"serviceAccount": {"annotations": dict(settings.service_account_annotations)}}
    return {
        **dict.fromkeys(("apiServer", "scheduler", "dagProcessor", "triggerer"), account),
        "workers": account,
    }


def _network(settings: Settings) -> Values:
    # An empty list denies all, the scheduler and the tasks too (apache/airflow#46926).
    allowed: list[Values] = [{"podSelector": {"matchLabels": {"tier": "airflow", "release": names.RELEASE}}}]
    values: Values = {"networkPolicies": {"enabled": True}}
    if ingress := settings.ingress:
        allowed.append(
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ingress.controller_namespace}}}
        )
        host: Values = {"name": ingress.host}
        if ingress.tls_secret:
            host["tls"] = {"enabled": True, "secretName": ingress.tls_secret}
        values["ingress"] = {
            "apiServer": {
                "enabled": True,
                "hosts": [host],
                "annotations": dict(ingress.annotations),
                **({"ingressClassName": ingress.class_name} if ingress.class_name else {}),
            }
        }
    values["apiServer"] = {"networkPolicy": {"ingress": {"from": allowed}}}
    return values


def _celery(settings: Settings, secrets: names.SecretNames) -> Values:
    if settings.executor is not Executor.CELERY:
        return {"redis": {"enabled": False}}
    return {
        "redis": {
            "enabled": True,
            "passwordSecretName": secrets.redis_password,
            "persistence": {"size": "1Gi"},
            "resources": sizes.REDIS.as_kubernetes(),
            # A broker keeps nothing that Airflow could not queue again; the chart's ten minutes only hold up a destroy.
            "terminationGracePeriodSeconds": 30,
        }
    }


def _logs(settings: Settings) -> Values:
    if not settings.logs.volume:
        return {}
    return {"logs": {"persistence": {"enabled": True, "existingClaim": names.LOG_CLAIM}}}


def _digests(settings: Settings, secrets: names.SecretNames, digests: Mapping[str, pulumi.Input[str]]) -> Values:
    """Digests of the Secrets on the pods that read them: `readers` is section 1 of the chart's own wiring.

    Task pods start fresh and need none; were they marked, the pod template would change and roll every component.
    """
    everywhere = (secrets.fernet, secrets.api_secret, secrets.metadata)
    git = (secrets.git_ssh, secrets.git_token)
    celery, local = settings.executor is Executor.CELERY, settings.executor is Executor.LOCAL
    broker = (secrets.broker_url,) if celery else ()
    readers = {
        "apiServer": (*everywhere, secrets.jwt, *broker),
        "scheduler": (*everywhere, secrets.jwt, *broker, *(git if local else ())),
        "dagProcessor": (*everywhere, *broker, *git),
        "triggerer": (*everywhere, *broker, *git),
        "redis": (secrets.redis_password,) if celery else (),
    }

    def annotations(read: tuple[str, ...]) -> Values:
        return {"podAnnotations": {f"checksum/{name}": digests[name] for name in read if name in digests}}

    values = {component: annotations(read) for component, read in readers.items()}
    return {**values, "workers": {"celery": annotations((*everywhere, *broker, *git)) if celery else {}}}
