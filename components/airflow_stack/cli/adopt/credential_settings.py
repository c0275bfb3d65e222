"""Database, keys and broker. Where a release runs its Secrets are named, else what the values hold becomes stack secrets."""

from airflow_stack import credentials
from airflow_stack.cli.adopt.model import Adoption, Given, Live


def database(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The metadata database; of a running release, the one that it has."""
    metadata = credentials.METADATA_CONNECTION
    (inline,), (password,) = metadata.inline, metadata.plain_text
    connection, name = given.part(inline), given.text(metadata.chart_value)
    bundled = given.take("postgresql.enabled", True)
    if live:
        secret = existing(metadata, name, adoption, live)
        if not live.connections.get(secret, "postgres").startswith("postgres"):
            adoption.stops.append(
                f"Secret {secret}: its key {metadata.key} is not a PostgreSQL URL; the program knows no other database"
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
    source = password if connection.get(metadata.part) else ""
    if name:
        source = f"Secret {name}, the password in its key {metadata.key}"
        adoption.stops.append(
            f"{metadata.chart_value}: host, name and user of the database are in Secret {name}; write them to airflow:database.external"
        )
    adoption.secrets[credentials.DATABASE_PASSWORD.setting] = source
    given.part("postgresql")


def keys(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The Fernet key, and the secrets that sign sessions and tokens."""
    fernet, signing = credentials.FERNET_KEY, (credentials.API_SECRET_KEY, credentials.JWT_SECRET)
    (inline,), named = fernet.inline, given.text(fernet.chart_value)
    plain = given.take(inline)
    if not live:
        if plain:
            adoption.secrets[fernet.setting] = inline
        elif named:
            adoption.secrets[fernet.setting] = f"Secret {named}, key {fernet.key}"
        elif "external" in adoption.settings["database"]:
            adoption.advice.append(
                "fernetKey: is not in the values, so a new one will be made. If an Airflow has used this database, its key has to come along, or what "
                "it encrypted cannot be read: that of the Secret <release>-fernet-key, or of the community chart the one in its own values.yaml. "
                "Set it as airflow:fernetKey, with airflow:rotation.fernetGiven"
            )
        adoption.put("rotation.fernetGiven", fernet.setting in adoption.secrets or None)
        for each in signing:
            reason = f"name that Secret in airflow:existingSecrets.{each.setting}, or let the program generate one"
            adoption.drop(each.chart_value, given.take(each.chart_value), reason)
        return
    adoption.put("rotation.fernetGiven", True)
    existing(fernet, named, adoption, live)
    for each in signing:
        existing(each, given.text(each.chart_value), adoption, live)


def broker(given: Given, adoption: Adoption, live: Live | None) -> None:
    """Celery's broker."""
    broker_url, redis = credentials.BROKER_URL, credentials.REDIS_PASSWORD
    ours, url, password = (
        given.take("redis.enabled", True),
        given.text(broker_url.chart_value),
        given.text(redis.chart_value),
    )
    if live:
        existing(broker_url, url, adoption, live)
        if ours:
            existing(redis, password, adoption, live)
    elif not ours:
        adoption.put(f"existingSecrets.{broker_url.setting}", url or "<secret>")


def existing(credential: credentials.Credential, named: str, adoption: Adoption, live: Live) -> str:
    """Keep the Secret of a running release: the one that its values name, or the one that the chart made."""
    name = live.secret(named, credential.suffix)
    adoption.put(f"existingSecrets.{credential.setting}", name)
    if lacking := sorted({*credential.keys} - live.secrets.get(name, frozenset())):
        adoption.stops.append(
            f"Secret {name} in namespace {live.namespace} lacks {', '.join(lacking)}, which the pods read"
        )
    return name
