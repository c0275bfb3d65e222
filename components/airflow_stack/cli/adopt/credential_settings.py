"""Database, keys and broker. Where a release runs its Secrets are named, else what the values hold becomes stack secrets."""

from airflow_stack.cli.adopt.model import Adoption, Given, Live
from airflow_stack.credentials import (
    API_SECRET_KEY,
    BROKER_URL,
    DATABASE_PASSWORD,
    FERNET_KEY,
    JWT_SECRET,
    METADATA_CONNECTION,
    REDIS_PASSWORD,
    Credential,
)


def database(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The metadata database; of a release that runs, the one that it has."""
    (inline,) = METADATA_CONNECTION.inline
    connection, name = given.part(inline), given.text(METADATA_CONNECTION.chart_value)
    bundled = given.take("postgresql.enabled", True)
    if live:
        secret = existing(METADATA_CONNECTION, name, adoption, live)
        if not live.connections.get(secret, "postgres").startswith("postgres"):
            adoption.stops.append(
                f"Secret {secret}: its key {METADATA_CONNECTION.key} is not a PostgreSQL URL; the program knows no other database"
            )
        if bundled:
            adoption.put("values.postgresql", {**given.part("postgresql"), "enabled": True})
            adoption.advice.append(
                "postgresql: the chart's PostgreSQL stays as it is, part of the release, by airflow:values. Its image gets no updates any more: "
                "move the data to a database of yours (airflow:database.external) when you can"
            )
        return
    if bundled and not name and not connection.get("host"):
        adoption.put("database.inCluster.storage", given.take("postgresql.primary.persistence.size", "8Gi"))
        adoption.drop(inline, connection, "the program's own PostgreSQL has a generated password")
        adoption.advice.append(
            "postgresql: the chart's PostgreSQL, whose image gets no updates any more, is not taken: the program runs one of its own for development "
            "(airflow:database.inCluster), with new data. For an Airflow that runs already use --release; for production airflow:database.external"
        )
        given.part("postgresql")
        return
    if connection.get("protocol", "postgresql") != "postgresql":
        adoption.stops.append(f"{inline}.protocol: the program knows PostgreSQL alone")
    for key, setting, default in (
        ("host", "host", "<host>"),
        ("db", "name", "postgres"),
        ("user", "user", "postgres"),
        ("sslmode", "sslMode", "disable"),
    ):
        adoption.put(f"database.external.{setting}", connection.get(key, "<host>" if key == "host" else default))
    adoption.put("database.external.port", connection.get("port"))
    (password,) = METADATA_CONNECTION.plain_text
    source = password if connection.get(METADATA_CONNECTION.part) else ""
    if name:
        source = f"Secret {name}, the password in its key {METADATA_CONNECTION.key}"
        adoption.stops.append(
            f"{METADATA_CONNECTION.chart_value}: host, name and user of the database are in Secret {name}; write them to airflow:database.external"
        )
    adoption.secrets[DATABASE_PASSWORD.setting] = source
    given.part("postgresql")


def keys(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The Fernet key, and the secrets that sign sessions and tokens."""
    (inline,), named = FERNET_KEY.inline, given.text(FERNET_KEY.chart_value)
    plain = given.take(inline)
    if not live:
        if plain:
            adoption.secrets[FERNET_KEY.setting] = inline
        elif named:
            adoption.secrets[FERNET_KEY.setting] = f"Secret {named}, key {FERNET_KEY.key}"
        elif "external" in adoption.settings["database"]:
            adoption.advice.append(
                "fernetKey: is not in the values, so a new one will be made. If an Airflow has used this database, its key has to come along, or what "
                "it encrypted cannot be read: that of the Secret <release>-fernet-key, or of the community chart the one in its own values.yaml. "
                "Set it as airflow:fernetKey, with airflow:rotation.fernetGiven"
            )
        adoption.put("rotation.fernetGiven", FERNET_KEY.setting in adoption.secrets or None)
        for each in (API_SECRET_KEY, JWT_SECRET):
            reason = f"name that Secret in airflow:existingSecrets.{each.setting}, or let the program generate one"
            adoption.drop(each.chart_value, given.take(each.chart_value), reason)
        return
    adoption.put("rotation.fernetGiven", True)
    existing(FERNET_KEY, named, adoption, live)
    for each in (API_SECRET_KEY, JWT_SECRET):
        existing(each, given.text(each.chart_value), adoption, live)


def broker(given: Given, adoption: Adoption, live: Live | None) -> None:
    """Celery's broker."""
    ours = given.take("redis.enabled", True)
    url, password = (given.text(each.chart_value) for each in (BROKER_URL, REDIS_PASSWORD))
    if live:
        existing(BROKER_URL, url, adoption, live)
        if ours:
            existing(REDIS_PASSWORD, password, adoption, live)
    elif not ours:
        adoption.put(f"existingSecrets.{BROKER_URL.setting}", url or "<secret>")


def existing(credential: Credential, named: str, adoption: Adoption, live: Live) -> str:
    """Keep the Secret of a running release: the one that its values name, or the one that the chart made."""
    name = live.secret(named, credential.suffix)
    adoption.put(f"existingSecrets.{credential.setting}", name)
    if lacking := sorted({*credential.keys} - live.secrets.get(name, frozenset())):
        adoption.stops.append(
            f"Secret {name} in namespace {live.namespace} lacks {', '.join(lacking)}, which the pods read"
        )
    return name
