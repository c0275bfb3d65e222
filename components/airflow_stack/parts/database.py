"""Airflow's metadata database: a small PostgreSQL for development, an external server, or a CloudNativePG cluster.

Each of them ends in the same Secret: the connection that every Airflow container reads. `postgres.py` has the objects of the first.
"""

from typing import NotRequired
from urllib.parse import quote

import pulumi

from airflow_stack.arguments import CloudNativePGDatabaseArgs, DatabaseArgs, ExternalDatabaseArgs
from airflow_stack.chart.placement import SPREAD_BY_COMPONENT, PodPlacement
from airflow_stack.choices import SslMode
from airflow_stack.credentials import ASYNC_METADATA_CONNECTION, DATABASE_PASSWORD, METADATA_CONNECTION
from airflow_stack.names import RELEASE
from airflow_stack.versions import POSTGRES_TAG

from .kubernetes import KubernetesObject, Manifest, PodArgs, digest, make_secret, metadata
from .postgres import POSTGRES_PORT, PostgresArgs, allow_airflow, run_postgres

USER = "airflow"
DATABASE = "airflow"


class AirflowDatabaseArgs(PodArgs):
    """Arguments of `AirflowDatabase`."""

    database: DatabaseArgs
    """The database; `inCluster` if none is given."""
    password: pulumi.Input[str]
    """Password of the database user. Secret."""
    salt: pulumi.Input[str]
    """Salt of the digests."""
    image: NotRequired[str]
    """Image of the in-cluster database."""
    pull_secrets: NotRequired[list[str]]
    """Pull Secrets of that image."""
    protect: NotRequired[bool]
    """Protects a database in the cluster from deletion."""
    for_tasks: NotRequired[bool]
    """Whether pods that run tasks may connect to a database in the cluster; false by default."""


class AirflowDatabase(pulumi.ComponentResource):
    """The metadata database and the Secret that holds its connection."""

    address: pulumi.Output[str]
    """Host, port and name of the database, without user and password."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of the connection, by the Secret's name."""

    def __init__(self, name: str, args: AirflowDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowDatabase", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        protected = pulumi.ResourceOptions(parent=self, protect=True if args.get("protect") else None)
        external: ExternalDatabaseArgs = args["database"].get("external") or {"host": f"{RELEASE}-database"}
        for_tasks = args.get("for_tasks", False)
        if (cloud_native_pg := args["database"].get("cloud_native_pg")) is not None:
            _cloud_native_pg(name, args, cloud_native_pg, protected)
            operator = cloud_native_pg.get("operator_namespace", "cnpg-system")
            allow_airflow(name, args, child, operator, for_tasks=for_tasks)
            external = {"host": f"{RELEASE}-database-rw", "ssl_mode": SslMode.REQUIRE}
        elif "external" not in args["database"]:
            in_cluster = args["database"].get("in_cluster", {})
            postgres: PostgresArgs = {
                "namespace": args["namespace"],
                "labels": args.get("labels", {}),
                "image": args.get("image", f"postgres:{POSTGRES_TAG}"),
                "pull_secrets": args.get("pull_secrets", []),
                "storage": in_cluster.get("storage", "8Gi"),
                "password_digest": digest(args["salt"], {"password": args["password"]}),
            }
            if storage_class := in_cluster.get("storage_class"):
                postgres["storage_class"] = storage_class
            if "pods" in args:
                postgres["pods"] = args["pods"]
            run_postgres(name, postgres, protected)
            allow_airflow(name, args, child, for_tasks=for_tasks)

        host, port = external["host"], external.get("port", POSTGRES_PORT)
        user, database = external.get("user", USER), external.get("name", DATABASE)
        ssl_mode = external.get("ssl_mode")
        self.address = pulumi.Output.format("{}:{}/{}", host, port, database)
        mode = getattr(ssl_mode, "value", ssl_mode)

        def url(driver: str, parameter: str) -> pulumi.Output[str]:
            query = f"?{parameter}={mode}" if mode else ""
            name, login, password = (
                pulumi.Output.from_input(part).apply(lambda text: quote(text, ""))
                for part in (database, user, pulumi.Output.secret(args["password"]))
            )
            return pulumi.Output.format("{}://{}:{}@{}:{}/{}{}", driver, login, password, host, port, name, query)

        # Until 3.4, Airflow passes `sslmode` on to asyncpg, which knows only `ssl` and fails (MagicStack/asyncpg#737).
        data = {
            METADATA_CONNECTION.key: url("postgresql", "sslmode"),
            ASYNC_METADATA_CONNECTION.key: url("postgresql+asyncpg", "ssl"),
        }
        secret_name = METADATA_CONNECTION.secret
        make_secret(f"{name}-metadata", secret_name, args, data, child)
        self.digests = {secret_name: digest(args["salt"], data)}
        self.register_outputs({"address": self.address, "digests": self.digests})


def _cloud_native_pg(
    name: str,
    placed: PodArgs,
    args: CloudNativePGDatabaseArgs,
    opts: pulumi.ResourceOptions,
) -> None:
    """Make the operator's `Cluster`; Pulumi awaits its Ready condition (https://cloudnative-pg.io/documentation/current/)."""
    storage = {"size": args.get("storage", "20Gi")}
    if storage_class := args.get("storage_class"):
        storage["storageClass"] = storage_class
    initial = {"database": DATABASE, "owner": USER, "secret": {"name": DATABASE_PASSWORD.secret}}
    KubernetesObject(
        f"{name}-cluster",
        "postgresql.cnpg.io/v1",
        "Cluster",
        {
            "metadata": metadata(f"{RELEASE}-database", placed, {"pulumi.com/waitFor": "condition=Ready"}),
            "spec": {
                "instances": args.get("instances", 3),
                "storage": storage,
                "bootstrap": {"initdb": initial},
                **_cluster_placement(placed.get("pods")),
            },
        },
        opts,
    )


def _cluster_placement(pods: PodPlacement | None) -> Manifest:
    """Placement as the operator's API spells it (cloudnative-pg.io/v1, `ClusterSpec.affinity`). A `Cluster` takes no extra volumes."""
    spec = pods.spec if pods else {}
    affinity = spec.get("affinity", {})
    of_cluster = {
        "nodeSelector": spec.get("nodeSelector"),
        "tolerations": spec.get("tolerations"),
        "nodeAffinity": affinity.get("nodeAffinity"),
        "additionalPodAffinity": affinity.get("podAffinity"),
        "additionalPodAntiAffinity": affinity.get("podAntiAffinity"),
    }
    instances = {"labelSelector": {"matchLabels": {"cnpg.io/cluster": f"{RELEASE}-database"}}}
    spread = [
        {**{key: value for key, value in each.items() if key not in SPREAD_BY_COMPONENT}, **instances}
        if each.items() >= SPREAD_BY_COMPONENT.items()
        else each
        for each in spec.get("topologySpreadConstraints", ())
    ]
    placed = {
        "affinity": {key: value for key, value in of_cluster.items() if value},
        "topologySpreadConstraints": spread,
        "priorityClassName": spec.get("priorityClassName"),
        "schedulerName": spec.get("schedulerName"),
    }
    return {key: value for key, value in placed.items() if value}
