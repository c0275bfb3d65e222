"""Converts values of the community chart (airflow-helm/charts, "User-Community Airflow Helm Chart") to values of the official one.

Its objects have other names and labels, so a release of it cannot be adopted in place. Its values can be converted.
"""

import re
from collections.abc import Mapping
from typing import Any

from airflow_stack.credentials import REDIS_PASSWORD
from airflow_stack.errors import UserError

from . import official_chart
from .leaves import is_below, leaf_paths
from .model import Adoption, ChartValues, Values
from .remaining_values import hide_secrets, leave_out_secrets

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
    "triggerer.enabled": "triggerer.enabled",
    "scheduler.safeToEvict": "scheduler.safeToEvict",
    "triggerer.safeToEvict": "triggerer.safeToEvict",
    "workers.safeToEvict": "workers.celery.safeToEvict",
    **{
        f"{theirs}.{key}": f"{official}.{key}"
        for theirs, official in {
            "scheduler": "scheduler",
            "web": "apiServer",
            "workers": "workers.celery",
            "triggerer": "triggerer",
        }.items()
        for key in ("nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "podAnnotations")
    },
    "rbac.create": "rbac.create",
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
    "externalDatabase.host": "data.metadataConnection.host",
    "externalDatabase.port": "data.metadataConnection.port",
    "externalDatabase.database": "data.metadataConnection.db",
    "externalDatabase.user": "data.metadataConnection.user",
    "externalDatabase.password": "data.metadataConnection.pass",
    "postgresql.enabled": "postgresql.enabled",
    "postgresql.persistence.size": "postgresql.primary.persistence.size",
    "redis.enabled": "redis.enabled",
}
_WITH_ACCOUNTS = ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers")
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


def convert(raw: Mapping[str, Any], own: Mapping[str, Any] | None = None) -> Adoption:
    """Settings of a stack for values of the community chart."""
    values, official = ChartValues(raw), _Official()
    _defaults(values, official)
    named_secrets = _named_secrets(values, official)
    annotations = values.take_object("serviceAccount.annotations")
    is_external = values.get("postgresql.enabled") is False
    for path, official_path in _OFFICIAL_PATHS.items():
        if is_external or not path.startswith("externalDatabase."):
            official.put(official_path, values.take(path), path)
    for key in ("create", "name"):
        account = values.take(f"serviceAccount.{key}")
        for component in _WITH_ACCOUNTS:
            official.put(f"{component}.serviceAccount.{key}", account, f"serviceAccount.{key}")
    _git(values, official)
    _database(values, official, is_external=is_external)
    _environment(values, official)
    _ingress(values, official)
    for path, reason in _NO_SETTING.items():
        if values.take(path) not in (None, "", [], {}):
            official.notes.append(f"{path}: {reason}")
        official.reach(path)
    try:
        adoption = official_chart.convert(official.values, own=own)
    except UserError as error:  # of a value of a wrong type
        raise UserError(official.in_their_terms(str(error))) from None
    adoption.set("serviceAccountAnnotations", annotations)
    official.reach("serviceAccount.annotations")
    _use_named(named_secrets, adoption)
    leave_out_secrets(adoption)
    if secret := official.user_secret:
        adoption.stop(
            "externalDatabase.userSecret",
            f"Secret {secret} has the user; write it to airflow:database.external.user",
            "database.external.user",
        )
    adoption.notes = [official.in_their_terms(note) for note in adoption.notes] + official.notes
    adoption.until = {official.in_their_terms(blocker): settings for blocker, settings in adoption.until.items()}
    adoption.blockers = [official.in_their_terms(blocker) for blocker in adoption.blockers]
    hide_secrets(raw, adoption)
    rest = sorted(path for path in leaf_paths(raw) if not is_below(path, official.reached))
    if rest:
        adoption.notes.append(f"no counterpart, see the official chart's values and airflow:values: {', '.join(rest)}")
    return adoption


class _Official:
    """Values of the official chart, and where each comes from."""

    def __init__(self) -> None:
        self.values = Values()
        self.reached: set[str] = set()
        """Values of the community chart that have one of the official chart, or are named otherwise."""
        self.user_secret = ""
        self.notes: list[str] = []
        self._sources: dict[str, str] = {}

    def reach(self, *sources: str) -> None:
        """Count values of the community chart as settled."""
        self.reached.update(sources)

    def put(self, path: str, value: Any, source: str = "") -> None:  # noqa: ANN401  chart values are of any type
        """Set a value, unless it is empty. `source` is the path of the community chart."""
        if value is None or value in ([], {}):
            return
        self.reach(*([source] if source else []))
        *parents, last = path.split(".")
        place = self.values
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value
        if source and source != path:
            self._sources[path] = source

    def comes_from(self, path: str, source: str) -> None:
        """Name the path of the community chart for a part of a value."""
        self.reach(source)
        self._sources[path] = source

    def in_their_terms(self, line: str) -> str:
        """A line about a value, with the path that the file has; about an object, with those of its values."""
        path, colon, rest = line.partition(": ")
        if not colon:
            return line
        if above := [each for each in self._sources if is_below(path, [each])]:
            longest = max(above, key=len)
            return f"{self._sources[longest]}{path.removeprefix(longest)}{colon}{rest}"
        below = dict.fromkeys(source for each, source in self._sources.items() if is_below(each, [path]))
        return f"{', '.join(below)}{colon}{rest}" if below else line


def _defaults(values: ChartValues, official: _Official) -> None:
    """Set defaults that differ from those of the official chart."""
    official.put("dags.gitSync.branch", "master")
    official.put("dags.gitSync.subPath", "")
    if values.get("postgresql.enabled") is False:
        official.put("data.metadataConnection", {"host": "localhost", "db": "airflow", "user": "airflow"})


def _named_secrets(values: ChartValues, official: _Official) -> dict[str, tuple[str, str]]:
    """Secrets of the namespace with values of secret settings, and their keys, whose names are configurable."""
    found = {}
    for setting, path, name, key, default in (
        ("gitSshKey", "dags.gitSync", "sshSecret", "sshSecretKey", "id_rsa"),
        ("gitToken", "dags.gitSync", "httpSecret", "httpSecretPasswordKey", "password"),
        ("gitUser", "dags.gitSync", "httpSecret", "httpSecretUsernameKey", "username"),
        ("databasePassword", "externalDatabase", "passwordSecret", "passwordSecretKey", "postgresql-password"),
    ):
        data_key = values.take_text(f"{path}.{key}", default)
        if secret := values.get(f"{path}.{name}"):
            found[setting] = (str(secret), data_key)
            official.reach(f"{path}.{key}")
    if values.get("postgresql.enabled") is False and values.take("externalDatabase.passwordSecret"):
        official.reach("externalDatabase.passwordSecret")
        if values.take("externalDatabase.password"):
            official.notes.append(
                "externalDatabase.password: is left out, because externalDatabase.passwordSecret wins"
            )
            official.reach("externalDatabase.password")
    return found


def _use_named(named: Mapping[str, tuple[str, str]], adoption: Adoption) -> None:
    """Secrets of this chart have other keys than those that `existingSecrets` names, so their content becomes stack secrets."""
    existing = adoption.settings.get("existingSecrets", {})
    for setting in ("gitSshKey", "gitToken", "databasePassword"):
        if setting in named:
            secret, key = named[setting]
            if existing.get(setting) == secret:
                del existing[setting]
                adoption.secrets[setting] = ""
            if setting in adoption.secrets:
                adoption.secrets[setting] = f"Secret {secret}, key {key}"
    if "gitUser" in named and "gitToken" in adoption.secrets:
        secret, key = named["gitUser"]
        adoption.set("dags.username", "<user>")
        adoption.stop(
            "dags.gitSync.httpSecret", f"Secret {secret} has the user name in its key {key}; write it to airflow:dags.username", "dags.username"
        )  # fmt: skip
    if not existing:
        adoption.settings.pop("existingSecrets", None)


def _git(values: ChartValues, official: _Official) -> None:
    """A revision, a tag or commit, wins over the branch."""
    revision = values.take_text("dags.gitSync.revision", "HEAD")
    official.reach("dags.gitSync.revision")
    if revision != "HEAD":
        official.put("dags.gitSync.branch", "")
        official.put("dags.gitSync.rev", revision)


def _database(values: ChartValues, official: _Official, *, is_external: bool) -> None:
    if secret := values.take_text("airflow.image.pullSecret"):
        official.put("imagePullSecrets", [secret], "airflow.image.pullSecret")
    if not is_external:
        return
    if (kind := values.take_text("externalDatabase.type", "postgres")) != "postgres":
        official.put("data.metadataConnection.protocol", kind, "externalDatabase.type")
    official.reach("externalDatabase.type")
    properties = values.take_text("externalDatabase.properties")
    if mode := re.fullmatch(r"\??sslmode=([a-z-]+)", properties):
        official.put("data.metadataConnection.sslmode", mode[1], "externalDatabase.properties")
    elif mode := re.search(r"sslmode=([a-z-]+)", properties):
        official.put("data.metadataConnection.sslmode", mode[1])
    if secret := values.take_text("externalDatabase.userSecret"):
        official.put("data.metadataConnection.user", "<user>", "externalDatabase.userSecret")
        official.user_secret = f"{secret}, key {values.take_text('externalDatabase.userSecretKey', 'postgresql-user')},"
        official.reach("externalDatabase.userSecretKey")


def _environment(values: ChartValues, official: _Official) -> None:
    config = values.take_object("airflow.config")
    for option in _REMOTE_LOGS:
        variable = f"AIRFLOW__LOGGING__{option.upper()}"
        official.put(f"config.logging.{option}", config.pop(variable, None), f"airflow.config.{variable}")
    variables: list[Values] = []
    for name, value in config.items():
        official.reach(f"airflow.config.{name}")
        variables.append({"name": name, "value": value})
    for number, each in enumerate(values.take_objects("airflow.extraEnv")):
        official.reach(f"airflow.extraEnv[{number}]")
        variables.append(each.remaining())
    official.put("env", variables)


def _ingress(values: ChartValues, official: _Official) -> None:
    enabled = values.take_switch("ingress.enabled")
    web = {key: value for key in ("host", "tls", "path", "annotations", "ingressClassName", "precedingPaths", "succeedingPaths")
           if (value := values.take(f"ingress.web.{key}")) is not None}  # fmt: skip
    if not enabled and not web:
        return
    official.put("ingress.apiServer.enabled", bool(enabled), "ingress.enabled")
    for key, part in (("host", "name"), ("tls", "tls")):
        official.comes_from(f"ingress.apiServer.hosts[0].{part}", f"ingress.web.{key}")
    official.put("ingress.apiServer.hosts", [{"name": web.pop("host", "<host>"), "tls": web.pop("tls", {})}])
    for key, value in web.items():
        official.put(f"ingress.apiServer.{key}", value, f"ingress.web.{key}")
