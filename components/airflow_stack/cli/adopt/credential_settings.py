"""Database, keys and broker: of a release its Secrets are named, of a values file the inline values become stack secrets."""

from airflow_stack import credentials

from .model import Adoption, ChartValues, InstalledRelease


def convert_database(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The metadata database. A release keeps its database."""
    metadata = credentials.METADATA_CONNECTION
    (inline,), (password,) = metadata.inline, metadata.plain_text
    connection, name = values.take_object(inline), values.take_text(metadata.chart_value)
    bundled = values.take("postgresql.enabled", True)
    if release:
        secret = keep_secret(metadata, name, adoption, release)
        if not release.connections.get(secret, "postgres").startswith("postgres"):
            adoption.blockers.append(
                f"Secret {secret}: its key {metadata.key} is not a PostgreSQL URL; the program supports PostgreSQL only"
            )
        if bundled:
            adoption.set("values.postgresql", {**values.take_object("postgresql"), "enabled": True})
            adoption.notes.append(
                "postgresql: the chart's PostgreSQL stays part of the release, in airflow:values. Its image gets no more updates: "
                "move the data to your own database (airflow:database.external) when you can"
            )
        return
    if bundled and not name and not connection.get("host"):
        adoption.set("database.inCluster.storage", values.take("postgresql.primary.persistence.size", "8Gi"))
        adoption.drop(inline, connection, "the program's own PostgreSQL has a generated password")
        adoption.notes.append(
            "postgresql: the image of the chart's PostgreSQL gets no more updates, so the program runs its own for development "
            "(airflow:database.inCluster), with a new database. For a running Airflow use --release; for production set airflow:database.external"
        )
        values.take_object("postgresql")
        return
    if connection.get("protocol", "postgresql") != "postgresql":
        adoption.blockers.append(f"{inline}.protocol: the program supports PostgreSQL only")
    for key, setting, default in (
        ("host", "host", "<host>"),
        ("db", "name", "postgres"),
        ("user", "user", "postgres"),
        ("sslmode", "sslMode", "disable"),
    ):
        adoption.set(f"database.external.{setting}", connection.get(key, "<host>" if key == "host" else default))
    adoption.set("database.external.port", connection.get("port"))
    source = password if connection.get(metadata.part) else ""
    if name:
        source = f"Secret {name}, the password in its key {metadata.key}"
        adoption.blockers.append(
            f"{metadata.chart_value}: host, name and user of the database are in Secret {name}; write them to airflow:database.external"
        )
    adoption.secrets[credentials.DATABASE_PASSWORD.setting] = source
    values.take_object("postgresql")


def convert_keys(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The Fernet key, the API secret and the JWT secret."""
    fernet, signing = credentials.FERNET_KEY, (credentials.API_SECRET_KEY, credentials.JWT_SECRET)
    (inline,), named = fernet.inline, values.take_text(fernet.chart_value)
    plain = values.take(inline)
    if not release:
        if plain:
            adoption.secrets[fernet.setting] = inline
        elif named:
            adoption.secrets[fernet.setting] = f"Secret {named}, key {fernet.key}"
        elif "external" in adoption.settings["database"]:
            adoption.notes.append(
                "fernetKey: is not in the values, so a new one is generated. If an Airflow has used this database, set its key as airflow:fernetKey, with "
                "airflow:rotation.fernetGiven, or encrypted values become unreadable. The key is in the Secret <release>-fernet-key; of the community "
                "chart it is in the chart's own values.yaml"
            )
        adoption.set("rotation.fernetGiven", fernet.setting in adoption.secrets or None)
        for each in signing:
            reason = f"name that Secret in airflow:existingSecrets.{each.setting}, or let the program generate one"
            adoption.drop(each.chart_value, values.take(each.chart_value), reason)
        return
    adoption.set("rotation.fernetGiven", True)
    keep_secret(fernet, named, adoption, release)
    for each in signing:
        keep_secret(each, values.take_text(each.chart_value), adoption, release)


def convert_broker(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """Celery's broker."""
    broker_url, redis = credentials.BROKER_URL, credentials.REDIS_PASSWORD
    bundled = values.take("redis.enabled", True)
    url, password = values.take_text(broker_url.chart_value), values.take_text(redis.chart_value)
    if release:
        keep_secret(broker_url, url, adoption, release)
        if bundled:
            keep_secret(redis, password, adoption, release)
    elif not bundled:
        adoption.set(f"existingSecrets.{broker_url.setting}", url or "<secret>")


def keep_secret(credential: credentials.Credential, named: str, adoption: Adoption, release: InstalledRelease) -> str:
    """Keep the Secret of a release: the one that its values name, or the one that the chart created. Returns its name."""
    name = release.secret_name(named, credential.suffix)
    adoption.set(f"existingSecrets.{credential.setting}", name)
    if missing := sorted({*credential.keys} - release.secrets.get(name, frozenset())):
        adoption.blockers.append(
            f"Secret {name} in namespace {release.namespace} has no key {', '.join(missing)}, which the pods read"
        )
    return name
