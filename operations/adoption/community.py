"""Values of the community chart (airflow-helm/charts, "User-Community Airflow Helm Chart") in the words of the official one, as far as they map.

Its objects have other names and labels, so that a release of it cannot be adopted in place; its values can.
"""

from collections.abc import Mapping
from typing import Any

from .found import Given, Values

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
    "logs.persistence": "logs.persistence",
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
_NO_SETTING = {
    "airflow.users": "users are rows of the database; the program makes one admin (airflow:admin) with a generated password",
    "airflow.connections": "connections are rows of the database: make them there, or as AIRFLOW_CONN_... by airflow:environmentFrom",
    "airflow.variables": "variables are rows of the database: make them there, or as AIRFLOW_VAR_... by airflow:environmentFrom",
    "airflow.pools": "pools are rows of the database: make them there",
    "airflow.extraPipPackages": "packages belong into the image: build one and name it in airflow:images.airflow",
    "airflow.legacyCommands": "was for Airflow 1.10",
    "pgbouncer": "PgBouncer goes: Airflow 3 connects to the database directly",
    "externalRedis": "name the Secret with the broker's URL in airflow:existingSecrets.brokerUrl",
}


def is_community(values: Mapping[str, Any]) -> bool:
    """Whether these are values of the community chart: `airflow` is no key of the official one."""
    return isinstance(values.get("airflow"), dict) or "web" in values or "externalDatabase" in values


def translated(values: Mapping[str, Any]) -> tuple[Values, list[str]]:
    """The same in the official chart's words, and what has none."""
    given, words, advice = Given(values), dict[str, Any](), list[str]()
    _put(words, "dags.gitSync.branch", "master")  # where its defaults differ from the official chart's
    _put(words, "dags.gitSync.subPath", "")
    for theirs, official in _SAME.items():
        _put(words, official, given.take(theirs))
    if (kind := given.take("externalDatabase.type")) and kind != "postgres":
        _put(words, "data.metadataConnection.protocol", kind)
    if secret := given.take("externalDatabase.passwordSecret"):
        advice.append(
            f"externalDatabase.passwordSecret: take the password from Secret {secret}: `pulumi config set --secret airflow:databasePassword`"
        )
    _put(words, "env", [{"name": name, "value": value} for name, value in given.part("airflow.config").items()])
    words["env"] = [*words.get("env", []), *given.take("airflow.extraEnv", [])]
    if given.take("ingress.enabled"):
        _put(words, "ingress.apiServer.enabled", True)
        tls = given.part("ingress.web.tls")
        _put(words, "ingress.apiServer.hosts", [{"name": given.take("ingress.web.host", "<host>"), "tls": tls}])
    for path, reason in _NO_SETTING.items():
        if given.take(path) not in (None, [], {}, False):
            advice.append(f"{path}: {reason}")
    advice += [
        f"{key}: has no counterpart; see the official chart's values and airflow:values"
        for key in sorted(_leaves(given.left()))
    ]
    return words, advice


def _leaves(values: Mapping[str, Any], path: str = "") -> list[str]:
    """What is left, by its path, two steps deep."""
    if path.count(".") == 1:
        return [path]
    found: list[str] = []
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        found += _leaves(value, here) if isinstance(value, dict) else [here]
    return found


def _put(words: Values, path: str, value: Any) -> None:  # noqa: ANN401  chart values are of any type
    if value is None or value == []:
        return
    *parents, last = path.split(".")
    for step in parents:
        words = words.setdefault(step, {})
    words[last] = value
