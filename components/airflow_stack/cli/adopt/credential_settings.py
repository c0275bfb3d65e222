"""Database, keys and broker: of a release its Secrets are named, of a values file the inline values become stack secrets."""

import re

from airflow_stack import credentials
from airflow_stack.git.private_key import UnusableKeyError

from .model import Adoption, ChartValues, InstalledRelease

_FERNET_IN_CONFIG = "config.core.fernet_key"
_BUNDLED = (
    "the image of the chart's PostgreSQL gets no more updates, so the program runs its own for development "
    "(airflow:database.inCluster), with a new database. For a running Airflow use --release; for production set airflow:database.external"
)
_LEFT_OUT = "the chart's PostgreSQL is left out; Airflow uses the database that the file names"


def convert_database(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The metadata database. A release keeps its database."""
    metadata = credentials.METADATA_CONNECTION
    (inline,), (password,) = metadata.inline, metadata.plain_text
    connection, name = values.take_object(inline), values.take_text(metadata.chart_value)
    switch = values.take_switch("postgresql.enabled")
    bundled = switch is not False
    adoption.reach("postgresql.enabled", metadata.chart_value)
    if release:
        secret = keep_secret(metadata, name, adoption, release)
        adoption.drop(inline, connection, f"the connection stays in Secret {secret}")
        if not release.connections.get(secret, "postgres").startswith("postgres"):
            adoption.blockers.append(
                f"Secret {secret}: its key {metadata.key} is not a PostgreSQL URL; the program supports PostgreSQL only"
            )
        if bundled:
            adoption.set("values.postgresql", {**values.take_object("postgresql"), "enabled": True}, "postgresql")
            adoption.notes.append(
                "postgresql: the chart's PostgreSQL stays part of the release, in airflow:values. Its image gets no more updates: "
                "move the data to your own database (airflow:database.external) when you can"
            )
        return
    named = f"existingSecrets.{metadata.setting}"
    if name:
        adoption.set(named, name)
        adoption.drop(inline, connection, f"the connection is that of Secret {name}")
        adoption.notes.append(
            f"{metadata.chart_value}: Secret {name} has no key {credentials.ASYNC_METADATA_CONNECTION.key} in the chart's form, the URL for asyncpg. "
            f"Airflow derives it, unless the URL has options such as sslmode: then add the key, and name the Secret in "
            f"airflow:existingSecrets.{credentials.ASYNC_METADATA_CONNECTION.setting}"
        )
        if switch is True:
            adoption.stop(
                "postgresql.enabled",
                f"is true, and data.metadataSecretName names the connection. If Secret {name} leads to the chart's PostgreSQL, move its data first: "
                "the program does not run it. Otherwise set it to false in the file",
            )
        adoption.drop("postgresql", values.take_object("postgresql"), _LEFT_OUT)
        return
    if "metadataConnection" in adoption.settings.get("existingSecrets", {}):
        adoption.drop(inline, connection, f"the connection is that of airflow:{named}")
        adoption.drop("postgresql", values.take_object("postgresql"), _LEFT_OUT)
        return
    host = str(connection.get("host") or "")
    if switch is None and "." in host and _is_bundled(host, values):
        adoption.stop(
            f"{inline}.host",
            f"{host} may be the chart's own PostgreSQL, or another one: set postgresql.enabled in the file to true or to false",
            "database.external",
            "database.inCluster",
        )
    if bundled and _is_bundled(host, values):
        size = values.take("postgresql.primary.persistence.size")
        adoption.set("database.inCluster.storage", size or "8Gi", "postgresql.primary.persistence.size")
        adoption.drop(inline, connection, "the program's own PostgreSQL has a generated password")
        adoption.note("postgresql", _BUNDLED)
        values.take_object("postgresql")
        return
    if (protocol := connection.get("protocol") or "postgresql") != "postgresql":
        adoption.stop(f"{inline}.protocol", f"{protocol} is not supported; the program supports PostgreSQL only")
    for key, setting, default in (
        ("host", "host", "<host>"),
        ("db", "name", "postgres"),
        ("user", "user", "postgres"),
        ("sslmode", "sslMode", "disable"),
        ("port", "port", None),
    ):
        given = connection.get(key)
        adoption.set(f"database.external.{setting}", default if given in (None, "") else given, f"{inline}.{key}")
    adoption.reach(f"{inline}.protocol", f"{inline}.pass")
    adoption.secrets[credentials.DATABASE_PASSWORD.setting] = password if connection.get(metadata.part) else ""
    adoption.drop("postgresql", values.take_object("postgresql"), _LEFT_OUT)


def _is_bundled(host: str, values: ChartValues) -> bool:
    """Whether a host is the chart's own PostgreSQL, which the chart names so (chart 1.22.0, metadata-connection-secret.yaml)."""
    name, _, domain = host.partition(".")
    if domain and not re.fullmatch(r"[\w-]+(\.svc(\.[\w.-]+)?)?", domain):
        return False
    if full := values.get("postgresql.fullnameOverride"):
        return name in ("", full)
    return name in ("", "postgresql") or name.endswith(f"-{values.get('postgresql.nameOverride') or 'postgresql'}")


def convert_keys(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The Fernet key, the API secret and the JWT secret."""
    fernet, signing = credentials.FERNET_KEY, (credentials.API_SECRET_KEY, credentials.JWT_SECRET)
    (inline,), named = fernet.inline, values.take_text(fernet.chart_value)
    plain = values.take(inline)
    adoption.reach(fernet.chart_value)
    in_config = values.take(_FERNET_IN_CONFIG)
    if release:
        adoption.set("rotation.fernetGiven", True)
        keep_secret(fernet, named, adoption, release)
        for each in signing:
            keep_secret(each, values.take_text(each.chart_value), adoption, release)
            adoption.reach(each.chart_value)
        return
    if named:  # as in the chart, `fernet_key_secret`
        name_secret(fernet, named, adoption)
        adoption.drop(inline, plain, f"is left out, because {fernet.chart_value} wins")
    elif plain:
        _fernet(str(plain), inline, adoption)
    elif in_config and not _is_given(fernet, adoption):
        _fernet(str(in_config), _FERNET_IN_CONFIG, adoption)
    elif not _is_given(fernet, adoption) and not adoption.settings.get("database", {}).get("inCluster"):
        adoption.notes.append(
            "fernetKey: is not in the values, so a new one is generated. If an Airflow has used this database, set its key as airflow:fernetKey, with "
            "airflow:rotation.fernetGiven, or encrypted values become unreadable. The key is in the Secret <release>-fernet-key; of the community "
            "chart it is in the chart's own values.yaml"
        )
    if in_config:
        adoption.note(
            _FERNET_IN_CONFIG, "is left out, because airflow.cfg is readable; every process reads the key from a Secret"
        )
    adoption.set("rotation.fernetGiven", _is_given(fernet, adoption) or None)
    for each in signing:
        if secret := values.take_text(each.chart_value):
            name_secret(each, secret, adoption)
        adoption.reach(each.chart_value)


def _fernet(key: str, path: str, adoption: Adoption) -> None:
    adoption.secrets[credentials.FERNET_KEY.setting] = path
    adoption.reach(path)
    try:
        credentials.usable_fernet_keys(key)
    except UnusableKeyError as error:
        adoption.stop(path, f"{error.reason}; {error.way_out}")


def _is_given(credential: credentials.Credential, adoption: Adoption) -> bool:
    return credential.setting in {*adoption.secrets, *adoption.settings.get("existingSecrets", {})}


def convert_broker(values: ChartValues, adoption: Adoption, release: InstalledRelease | None, *, celery: bool) -> None:
    """Celery's broker."""
    broker_url, redis, results = credentials.BROKER_URL, credentials.REDIS_PASSWORD, credentials.RESULT_BACKEND
    switch = values.take_switch("redis.enabled")
    bundled = switch is not False
    url, password = values.take_text(broker_url.chart_value), values.take_text(redis.chart_value)
    backend = values.take_text(results.chart_value)
    adoption.reach("redis.enabled", broker_url.chart_value, redis.chart_value, results.chart_value)
    if celery and release and (backend or results.secret in release.secrets):
        keep_secret(results, backend, adoption, release)
    elif celery and backend:
        name_secret(results, backend, adoption)
    if not celery:
        for path, value in (
            (results.chart_value, backend),
            (broker_url.chart_value, url),
            (redis.chart_value, password),
            ("redis", {} if switch is None else {"enabled": switch}),
            ("redis", values.take_object("redis")),
        ):
            adoption.drop(path, value, "is for the CeleryExecutor only")
    elif release:
        keep_secret(broker_url, url, adoption, release)
        if bundled:
            keep_secret(redis, password, adoption, release)
    elif not bundled:
        name = url or adoption.settings.get("existingSecrets", {}).get(broker_url.setting)
        adoption.set(f"existingSecrets.{broker_url.setting}", name)
        if not name:
            (inline,) = broker_url.inline
            adoption.stop(
                inline if values.take(inline) else "redis.enabled",
                f"put the URL of your broker into a Secret, key {broker_url.key}, and name it in airflow:existingSecrets.{broker_url.setting}",
                f"existingSecrets.{broker_url.setting}",
            )
            adoption.reach(inline)
        adoption.drop(redis.chart_value, password, "belongs to the chart's Redis, which is off")
    elif url and password:
        name_secret(broker_url, url, adoption)
        name_secret(redis, password, adoption)
    elif url or password:
        adoption.stop(
            broker_url.chart_value if url else redis.chart_value,
            f"the chart needs both, {broker_url.chart_value} and {redis.chart_value}; name both, or set redis.enabled to false for a broker of your own",
            f"existingSecrets.{broker_url.setting}",
        )


def credential_of(variable: str) -> credentials.Credential | None:
    """The credential that a variable holds. Celery's results have their own where the broker does not keep them."""
    if variable.endswith("__RESULT_BACKEND"):
        return credentials.RESULT_BACKEND
    if variable == "AIRFLOW__WEBSERVER__SECRET_KEY":  # its name before Airflow 3
        return credentials.API_SECRET_KEY
    return next((each for each in credentials.CREDENTIALS if variable in each.variables), None)


def instead_of(variable: str) -> str:
    """Where the secret in a variable belongs: rest of a sentence."""
    credential = credential_of(variable)
    if credential is None:
        return f"put it into a Secret and name that in airflow:environmentFrom.{variable}"
    if credential.given:
        return f"set the secret airflow:{credential.setting}"
    named = f"airflow:existingSecrets.{credential.setting}"
    if credential in (credentials.METADATA_CONNECTION, credentials.ASYNC_METADATA_CONNECTION):
        return f"set airflow:database.external and the secret airflow:databasePassword, or name a Secret with it in {named}"
    return f"put it into a Secret, key {credential.key}, and name that in {named}"


def name_secret(credential: credentials.Credential, secret: str, adoption: Adoption) -> None:
    """Name an existing Secret, which has the chart's keys."""
    adoption.set(f"existingSecrets.{credential.setting}", secret, credential.chart_value)


def keep_secret(credential: credentials.Credential, named: str, adoption: Adoption, release: InstalledRelease) -> str:
    """Keep the Secret of a release: the one that its values name, or the one that the chart created. Returns its name."""
    name = release.secret_name(named, credential.suffix)
    adoption.set(f"existingSecrets.{credential.setting}", name)
    if missing := sorted({*credential.keys} - release.secrets.get(name, frozenset())):
        adoption.blockers.append(
            f"Secret {name} in namespace {release.namespace} has no key {', '.join(missing)}, which the pods read"
        )
    return name
