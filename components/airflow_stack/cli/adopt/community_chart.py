"""Values of the community chart (airflow-helm/charts, "User-Community Airflow Helm Chart") in the words of the official one, as far as they map.

Its objects have other names and labels, so that a release of it cannot be adopted in place; its values can.
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.adopt.model import Adoption, Given, Values
from airflow_stack.credentials import REDIS_PASSWORD

_SAME = {
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
    "airflow.users": "users are rows of the database; the program makes one admin (airflow:admin) with a generated password",
    "airflow.connections": "connections are rows of the database: make them there, or as AIRFLOW_CONN_... by airflow:environmentFrom",
    "airflow.variables": "variables are rows of the database: make them there, or as AIRFLOW_VAR_... by airflow:environmentFrom",
    "airflow.pools": "pools are rows of the database: make them there",
    "airflow.extraPipPackages": "packages belong into the image: build one and name it in airflow:images.airflow",
    "airflow.legacyCommands": "was for Airflow 1.10",
    "pgbouncer": "PgBouncer goes: Airflow 3 connects to the database directly",
    "flower": "Flower is left out; the official chart's can be turned on in airflow:values",
    REDIS_PASSWORD.inline[0]: REDIS_PASSWORD.dropped,
    "postgresql.postgresqlPassword": "the program's own PostgreSQL has a generated password",
    "externalRedis": "name the Secret with the broker's URL in airflow:existingSecrets.brokerUrl",
}


def is_community(values: Mapping[str, Any]) -> bool:
    """Whether these are values of the community chart: `airflow` is no key of the official one."""
    return isinstance(values.get("airflow"), dict) or "web" in values or "externalDatabase" in values


def adopt(values: Mapping[str, Any]) -> Adoption:
    """What becomes of the community chart's values."""
    given, words, advice = Given(values), Values(), list[str]()
    _defaults(given, words)
    held = _secrets_by_name(given)
    annotations = given.part("serviceAccount.annotations")
    for theirs, ours in _SAME.items():
        _put(words, ours, given.take(theirs))
    _git(given, words)
    _database(given, words)
    _environment(given, words)
    if given.take("ingress.enabled"):
        _put(words, "ingress.apiServer.enabled", True)
        host = {"name": given.text("ingress.web.host", "<host>"), "tls": given.part("ingress.web.tls")}
        _put(words, "ingress.apiServer.hosts", [host])
    for path, reason in _NO_SETTING.items():
        if given.take(path) not in (None, "", [], {}, False):
            advice.append(f"{path}: {reason}")
    adoption = official_chart.adopt(words)
    adoption.put("serviceAccountAnnotations", annotations)
    adoption.secrets |= {key: where for key, where in held.items() if key in adoption.secrets}
    adoption.advice += advice
    if left := sorted(_leaves(given.left())):
        adoption.advice.append(
            f"without a counterpart, see the official chart's values and airflow:values: {', '.join(left)}"
        )
    return adoption


def _defaults(given: Given, words: Values) -> None:
    """Where its defaults differ from the official chart's."""
    _put(words, "dags.gitSync.branch", "master")
    _put(words, "dags.gitSync.subPath", "")
    if Given(given.left()).take("postgresql.enabled") is False:
        _put(words, "data.metadataConnection", {"host": "localhost", "db": "airflow", "user": "airflow"})
    else:
        given.take("externalDatabase")


def _secrets_by_name(given: Given) -> dict[str, str]:
    """Secrets of the namespace that hold what becomes a secret of the stack; their keys have names of their own."""
    found = {}
    for setting, path, name, key, default in (
        ("gitSshKey", "dags.gitSync", "sshSecret", "sshSecretKey", "id_rsa"),
        ("gitToken", "dags.gitSync", "httpSecret", "httpSecretPasswordKey", "password"),
        ("databasePassword", "externalDatabase", "passwordSecret", "passwordSecretKey", "postgresql-password"),
    ):
        key = given.text(f"{path}.{key}", default)
        if secret := Given(given.left()).text(f"{path}.{name}"):
            found[setting] = f"Secret {secret}, key {key}"
    given.take("externalDatabase.passwordSecret")
    return found


def _git(given: Given, words: Values) -> None:
    """A revision, which is a tag or commit, wins over the branch."""
    if (revision := given.text("dags.gitSync.revision", "HEAD")) != "HEAD":
        _put(words, "dags.gitSync.branch", "")
        _put(words, "dags.gitSync.rev", revision)


def _database(given: Given, words: Values) -> None:
    if (kind := given.text("externalDatabase.type", "postgres")) != "postgres":
        _put(words, "data.metadataConnection.protocol", kind)
    if mode := re.search(r"sslmode=([a-z-]+)", given.text("externalDatabase.properties")):
        _put(words, "data.metadataConnection.sslmode", mode[1])
    if given.text("externalDatabase.userSecret"):
        _put(words, "data.metadataConnection.user", "<user>")
    if secret := given.text("airflow.image.pullSecret"):
        _put(words, "imagePullSecrets", [secret])


def _environment(given: Given, words: Values) -> None:
    config = given.part("airflow.config")
    logging = {option: config.pop(f"AIRFLOW__LOGGING__{option.upper()}", None) for option in _REMOTE_LOGS}
    _put(words, "config.logging", {option: value for option, value in logging.items() if value is not None})
    variables = [{"name": name, "value": value} for name, value in config.items()]
    words["env"] = [*variables, *(each.left() for each in given.items("airflow.extraEnv"))]


def _leaves(values: Mapping[str, Any], path: str = "") -> list[str]:
    """What is left and says something, by its path, two steps deep."""
    if path.count(".") == 1:
        return [path]
    found: list[str] = []
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        found += _leaves(value, here) if isinstance(value, dict) else [here] * (value not in (None, "", [], False))
    return found


def _put(words: Values, path: str, value: Any) -> None:  # noqa: ANN401  chart values are of any type
    if value is None or value in ([], {}):
        return
    *parents, last = path.split(".")
    for step in parents:
        words = words.setdefault(step, {})
    words[last] = value
