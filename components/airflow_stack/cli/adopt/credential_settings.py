"""Database, keys and broker. Where a release runs its Secrets are named, else what the values hold becomes stack secrets."""

from airflow_stack.cli.adopt.model import Adoption, Given, Live


def database(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The metadata database; of a release that runs, the one that it has."""
    connection, name = given.part("data.metadataConnection"), given.text("data.metadataSecretName")
    bundled = given.take("postgresql.enabled", True)
    if live:
        secret = live.secret(name, "metadata")
        dialect = live.connections.get(secret, "")
        if not dialect.startswith("postgres"):
            adoption.stops.append(
                f"Secret {secret}: its key connection is not a PostgreSQL URL; the program knows no other database"
            )
        adoption.put("existingSecrets.metadataConnection", secret)
        if bundled:
            adoption.put("values.postgresql", {**given.part("postgresql"), "enabled": True})
            adoption.advice.append(
                "postgresql: the chart's PostgreSQL stays as it is, part of the release, by airflow:values. Its image gets no updates any more: "
                "move the data to a database of yours (airflow:database.external) when you can"
            )
        return
    if bundled and not name and not connection.get("host"):
        adoption.put("database.inCluster.storage", given.take("postgresql.primary.persistence.size", "8Gi"))
        adoption.drop("data.metadataConnection", connection, "the program's own PostgreSQL has a generated password")
        adoption.advice.append(
            "postgresql: the chart's PostgreSQL, whose image gets no updates any more, is not taken: the program runs one of its own for development "
            "(airflow:database.inCluster), with new data. For an Airflow that runs already use --release; for production airflow:database.external"
        )
        given.part("postgresql")
        return
    if connection.get("protocol", "postgresql") != "postgresql":
        adoption.stops.append("data.metadataConnection.protocol: the program knows PostgreSQL alone")
    for key, setting, default in (
        ("host", "host", "<host>"),
        ("db", "name", "postgres"),
        ("user", "user", "postgres"),
        ("sslmode", "sslMode", "disable"),
    ):
        adoption.put(f"database.external.{setting}", connection.get(key, "<host>" if key == "host" else default))
    adoption.put("database.external.port", connection.get("port"))
    inline = "data.metadataConnection.pass" if connection.get("pass") else ""
    adoption.secrets["databasePassword"] = f"Secret {name}, the password in its key connection" if name else inline
    if name:
        adoption.stops.append(
            f"data.metadataSecretName: host, name and user of the database are in Secret {name}; write them to airflow:database.external"
        )
    given.part("postgresql")


def keys(given: Given, adoption: Adoption, live: Live | None) -> None:
    """The Fernet key, and the secrets that sign sessions and tokens."""
    fernet = given.text("fernetKeySecretName")
    if not live:
        if given.take("fernetKey"):
            adoption.secrets["fernetKey"] = "fernetKey"
        elif fernet:
            adoption.secrets["fernetKey"] = f"Secret {fernet}, key fernet-key"
        elif "external" in adoption.settings["database"]:
            adoption.advice.append(
                "fernetKey: is not in the values, so a new one will be made. If an Airflow has used this database, its key has to come along, or what "
                "it encrypted cannot be read: that of the Secret <release>-fernet-key, or of the community chart the one in its own values.yaml. "
                "Set it as airflow:fernetKey, with airflow:rotation.fernetGiven"
            )
        adoption.put("rotation.fernetGiven", "fernetKey" in adoption.secrets or None)
        for path in ("apiSecretKeySecretName", "jwtSecretName"):
            adoption.drop(
                path,
                given.take(path),
                f"name that Secret in airflow:existingSecrets.{path.removesuffix('SecretName').removesuffix('Name')}, or let the program generate one",
            )
        return
    given.take("fernetKey")
    adoption.put("rotation.fernetGiven", True)
    for setting, name, suffix, key in (
        ("fernetKey", fernet, "fernet-key", "fernet-key"),
        ("apiSecretKey", given.text("apiSecretKeySecretName"), "api-secret-key", "api-secret-key"),
        ("jwtSecret", given.text("jwtSecretName"), "jwt-secret", "jwt-secret"),
    ):
        _existing(setting, live.secret(name, suffix), key, adoption, live)


def broker(given: Given, adoption: Adoption, live: Live | None) -> None:
    """Celery's broker."""
    ours = given.take("redis.enabled", True)
    url, password = given.text("data.brokerUrlSecretName"), given.text("redis.passwordSecretName")
    if live:
        _existing("brokerUrl", live.secret(url, "broker-url"), "connection", adoption, live)
        if ours:
            _existing("redisPassword", live.secret(password, "redis-password"), "password", adoption, live)
    elif not ours:
        adoption.put("existingSecrets.brokerUrl", url or "<secret>")


def _existing(setting: str, name: str, key: str, adoption: Adoption, live: Live) -> None:
    adoption.put(f"existingSecrets.{setting}", name)
    if key not in live.secrets.get(name, frozenset()):
        adoption.stops.append(
            f"Secret {name}, key {key}, is not in namespace {live.namespace}: Airflow reads it, and without it nothing can be kept"
        )
