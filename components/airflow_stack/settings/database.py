"""Settings of the metadata database."""

from typing import Annotated

from pydantic import Field

from airflow_stack.choices import SslMode

from .fields import Line, Matching, MayBeOutput, Model, Name, ObjectName, Port, Storage
from .kubernetes_types import DataKey


class InClusterDatabase(Model):
    """One PostgreSQL pod with one volume: for development."""

    storage: Storage = "8Gi"
    """Size of its volume."""
    storage_class: ObjectName | None = None
    """StorageClass of its volume; left out: the cluster's default."""


class CaBundle(Model):
    """Certificate authorities of the database server, in the namespace of Airflow: a ConfigMap or a Secret."""

    config_map: ObjectName | None = None
    """Name of the ConfigMap."""
    secret: ObjectName | None = None
    """Name of the Secret."""
    key: DataKey = "ca.crt"
    """Key with the certificates, in PEM format."""


class ExternalDatabase(Model):
    """An existing PostgreSQL; its password is the secret `airflow:databasePassword`."""

    host: Annotated[
        str,
        Matching(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", "a host name or IPv4 address"),
        MayBeOutput("known-later"),
    ]
    """Host name or address."""
    port: Annotated[Port, MayBeOutput(5432)] = 5432
    """TCP port."""
    name: Annotated[Line, MayBeOutput("known-later")] = "airflow"
    """Database name."""
    user: Annotated[Line, MayBeOutput("known-later")] = "airflow"
    """User that owns the database."""
    ssl_mode: SslMode = SslMode.REQUIRE
    """Encryption of the connection and verification of the server."""
    ca_bundle: CaBundle | None = None
    """Certificate authorities for `verify-ca` and `verify-full`, in every pod that runs Airflow (`PGSSLROOTCERT`)."""


class CloudNativePGDatabase(Model):
    """A `Cluster` of the CloudNativePG operator, which must be installed."""

    instances: Annotated[int, Field(ge=1, le=9)] = 3
    """PostgreSQL instances: one primary, the others replicas."""
    storage: Storage = "20Gi"
    """Size of each instance's volume."""
    storage_class: ObjectName | None = None
    """StorageClass of the volumes; left out: the cluster's default."""
    operator_namespace: Name = "cnpg-system"
    """Namespace of the operator, which must reach the instances through the network policies."""


class Database(Model):
    """Airflow's metadata database: at most one of these, `inCluster` by default."""

    in_cluster: InClusterDatabase | None = None
    """A small PostgreSQL in Airflow's namespace, for development."""
    external: ExternalDatabase | None = None
    """A PostgreSQL that you run or rent."""
    cloud_native_pg: CloudNativePGDatabase | None = None
    """A PostgreSQL cluster run by CloudNativePG."""
