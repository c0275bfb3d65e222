"""Converts values of the community chart (airflow-helm/charts, "User-Community Airflow Helm Chart") to values of the official one.

Its objects have other names and labels, so a release of it cannot be adopted in place. Its values can be converted.
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow_stack.credentials import REDIS_PASSWORD

from . import official_chart
from .model import Adoption, ChartValues, Values

_OFFICIAL_PATHS = {
    "airflow.executor": "executor",
    "airflow.image.repository": "images.airflow.repository",
    "airflow.image.tag": "images.airflow.tag",
    "airflow.fernetKey": "fernetKey",
    "airflow.webserverSecretKey": "webserverSecretKey",
    "airflow.kubernetesPodTemplate.resources": "workers.kubernetes.resources",
    "airflow.defaultNodeSelector": "nodeSelector",
    "airflow.defaultAffinity": "affinity",
    "airflow.defaultTolerations": "tolerations",
    "scheduler.replicas": "scheduler.replicas",
    "scheduler.resources": "scheduler.resources",
    "web.replicas": "apiServer.replicas",
    "web.resources": "apiServer.resources",
    "workers.replicas": "workers.celery.replicas",
    "workers.resources": "workers.celery.resources",
    "triggerer.replicas": "triggerer.replicas",
    "triggerer.resources": "triggerer.resources",
    "dags.persistence": "dags.persistence",
    "dags.gitSync.enabled": "dags.gitSync.enabled",
    "dags.gitSync.repo": "dags.gitSync.repo",
    "dags.gitSync.branch": "dags.gitSync.branch",
    "dags.gitSync.depth": "dags.gitSync.depth",
    "dags.gitSync.repoSubPath": "dags.gitSync.subPath",
    "dags.gitSync.syncWait": "dags.gitSync.wait",
    "dags.gitSync.sshSecret": "dags.gitSync.sshKeySecret",
    "dags.gitSync.sshKnownHosts": "dags.gitSync.knownHosts",
    "dags.gitSync.httpSecret": "dags.gitSync.credentialsSecret",
    "logs.persistence.enabled": "logs.persistence.enabled",
    "logs.persistence.existingClaim": "logs.persistence.existingClaim",
    "logs.persistence.size": "logs.persistence.size",
    "logs.persistence.storageClass": "logs.persistence.storageClassName",
    "ingress.web.annotations": "ingress.apiServer.annotations",
    "ingress.web.ingressClassName": "ingress.apiServer.ingressClassName",
    "externalDatabase.host": "data.metadataConnection.host",
    "externalDatabase.port": "data.metadataConnection.port",
    "externalDatabase.database": "data.metadataConnection.db",
    "externalDatabase.user": "data.metadataConnection.user",
    "externalDatabase.password": "data.metadataConnection.pass",
    "postgresql.enabled": "postgresql.enabled",
    "postgresql.persistence.size": "postgresql.primary.persistence.size",
    "redis.enabled": "redis.enabled",
}
_REMOTE_LOGS = ("remote_logging", "remote_base_log_folder", "remote_log_conn_id")
_NO_SETTING = {
    "airflow.users": "users are rows of the database; the program creates one admin (airflow:admin) with a generated password",
    "airflow.connections": "connections are rows of the database: create them there, or as AIRFLOW_CONN_... in airflow:environmentFrom",
    "airflow.variables": "variables are rows of the database: create them there, or as AIRFLOW_VAR_... in airflow:environmentFrom",
    "airflow.pools": "pools are rows of the database: create them there",
    "airflow.extraPipPackages": "packages belong in the image: build one and name it in airflow:images.airflow",
    "airflow.legacyCommands": "is for Airflow 1.10",
    "pgbouncer": "PgBouncer is removed: Airflow 3 connects to the database directly",
    "flower": "Flower is left out; enable the official chart's Flower in airflow:values",
    REDIS_PASSWORD.inline[0]: REDIS_PASSWORD.dropped,
    "postgresql.postgresqlPassword": "the program's own PostgreSQL has a generated password",
    "externalRedis": "name the Secret with the broker's URL in airflow:existingSecrets.brokerUrl",
}


def is_community(values: Mapping[str, Any]) -> bool:
    """Whether these are values of the community chart. The official chart has no key `airflow`."""
    return isinstance(values.get("airflow"), dict) or "web" in values or "externalDatabase" in values


def convert(raw: Mapping[str, Any]) -> Adoption:
    """Settings of a stack for values of the community chart."""
    values, official, notes = ChartValues(raw), Values(), list[str]()
    _defaults(values, official)
    named_secrets = _named_secrets(values)
    annotations = values.take_object("serviceAccount.annotations")
    for path, official_path in _OFFICIAL_PATHS.items():
        _put(official, official_path, values.take(path))
    _git(values, official)
    _database(values, official)
    _environment(values, official)
    if values.take("ingress.enabled"):
        _put(official, "ingress.apiServer.enabled", True)
        host = {"name": values.take_text("ingress.web.host", "<host>"), "tls": values.take_object("ingress.web.tls")}
        _put(official, "ingress.apiServer.hosts", [host])
    for path, reason in _NO_SETTING.items():
        if values.take(path) not in (None, "", [], {}, False):
            notes.append(f"{path}: {reason}")
    adoption = official_chart.convert(official)
    adoption.set("serviceAccountAnnotations", annotations)
    adoption.secrets |= {key: place for key, place in named_secrets.items() if key in adoption.secrets}
    adoption.notes += notes
    if rest := sorted(_leaf_paths(values.remaining())):
        adoption.notes.append(f"no counterpart, see the official chart's values and airflow:values: {', '.join(rest)}")
    return adoption


def _defaults(values: ChartValues, official: Values) -> None:
    """Set defaults that differ from those of the official chart."""
    _put(official, "dags.gitSync.branch", "master")
    _put(official, "dags.gitSync.subPath", "")
    if ChartValues(values.remaining()).take("postgresql.enabled") is False:
        _put(official, "data.metadataConnection", {"host": "localhost", "db": "airflow", "user": "airflow"})
    else:
        values.take("externalDatabase")


def _named_secrets(values: ChartValues) -> dict[str, str]:
    """Secrets of the namespace with values of secret settings; the names of their keys are configurable."""
    found = {}
    for setting, path, name, key, default in (
        ("gitSshKey", "dags.gitSync", "sshSecret", "sshSecretKey", "id_rsa"),
        ("gitToken", "dags.gitSync", "httpSecret", "httpSecretPasswordKey", "password"),
        ("databasePassword", "externalDatabase", "passwordSecret", "passwordSecretKey", "postgresql-password"),
    ):
        key = values.take_text(f"{path}.{key}", default)
        if secret := ChartValues(values.remaining()).take_text(f"{path}.{name}"):
            found[setting] = f"Secret {secret}, key {key}"
    values.take("externalDatabase.passwordSecret")
    return found


def _git(values: ChartValues, official: Values) -> None:
    """A revision, a tag or commit, wins over the branch."""
    if (revision := values.take_text("dags.gitSync.revision", "HEAD")) != "HEAD":
        _put(official, "dags.gitSync.branch", "")
        _put(official, "dags.gitSync.rev", revision)


def _database(values: ChartValues, official: Values) -> None:
    if (kind := values.take_text("externalDatabase.type", "postgres")) != "postgres":
        _put(official, "data.metadataConnection.protocol", kind)
    if mode := re.search(r"sslmode=([a-z-]+)", values.take_text("externalDatabase.properties")):
        _put(official, "data.metadataConnection.sslmode", mode[1])
    if values.take_text("externalDatabase.userSecret"):
        _put(official, "data.metadataConnection.user", "<user>")
    if secret := values.take_text("airflow.image.pullSecret"):
        _put(official, "imagePullSecrets", [secret])


def _environment(values: ChartValues, official: Values) -> None:
    config = values.take_object("airflow.config")
    logging = {option: config.pop(f"AIRFLOW__LOGGING__{option.upper()}", None) for option in _REMOTE_LOGS}
    _put(official, "config.logging", {option: value for option, value in logging.items() if value is not None})
    variables = [{"name": name, "value": value} for name, value in config.items()]
    official["env"] = [*variables, *(each.remaining() for each in values.take_objects("airflow.extraEnv"))]


def _leaf_paths(values: Mapping[str, Any], path: str = "") -> list[str]:
    """Paths of values that are not empty, at most two keys deep."""
    if path.count(".") == 1:
        return [path]
    found: list[str] = []
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        found += _leaf_paths(value, here) if isinstance(value, dict) else [here] * (value not in (None, "", [], False))
    return found


def _put(official: Values, path: str, value: Any) -> None:  # noqa: ANN401  chart values are of any type
    if value is None or value in ([], {}):
        return
    *parents, last = path.split(".")
    for step in parents:
        official = official.setdefault(step, {})
    official[last] = value
