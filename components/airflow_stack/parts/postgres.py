"""PostgreSQL in the cluster: the official image in one pod with one volume. For development: no backup, no standby."""

from collections.abc import Sequence
from typing import NotRequired

import pulumi

from airflow_stack.chart import pod_security, sizes
from airflow_stack.credentials import DATABASE_PASSWORD
from airflow_stack.names import RELEASE

from .kubernetes import SKIP_AWAIT, KubernetesObject, Manifest, PlacedArgs, PodArgs, from_secret, metadata, place

POSTGRES_PORT = 5432
_NAME = f"{RELEASE}-database"
_SELECTOR = {"component": "database", "release": RELEASE}
_POSTGRES_UID = 999  # user `postgres` of the Debian variant of the official image

# PostgreSQL keeps the password of its first start. This sets the Secret's password at every start, over the local socket, which the image
# trusts. \getenv (psql 15) keeps the password off the command line.
_AT_EVERY_START = r"""
for attempt in $(seq 120); do
  printf '%s\n' '\getenv password POSTGRES_PASSWORD' "ALTER ROLE :\"USER\" PASSWORD :'password';" \
    | psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" >/dev/null 2>&1 && exit 0
  sleep 0.5
done
exit 1
"""


class PostgresArgs(PodArgs):
    """Arguments of `run_postgres`."""

    image: str
    """Image, as a pod names it."""
    storage: str
    """Size of the volume as a Kubernetes quantity, such as `8Gi`."""
    password_digest: pulumi.Input[str]
    """Digest of the password: a changed one restarts the pod."""
    pull_secrets: NotRequired[Sequence[str]]
    """Pull Secrets of the image."""
    storage_class: NotRequired[str]
    """StorageClass; left out: the cluster's default."""


def run_postgres(name: str, args: PostgresArgs, opts: pulumi.ResourceOptions) -> None:
    """Make a StatefulSet, which Pulumi awaits, and its Service. User and database are both `airflow`."""
    KubernetesObject(
        f"{name}-service",
        "v1",
        "Service",
        {
            # Pulumi would wait until its endpoints have not changed for 10 s. It awaits the StatefulSet anyway.
            "metadata": metadata(_NAME, args, SKIP_AWAIT),
            "spec": {"selector": _SELECTOR, "ports": [{"name": "postgresql", "port": POSTGRES_PORT}]},
        },
        pulumi.ResourceOptions(parent=opts.parent),  # not protected: the StatefulSet holds the data
    )
    claim: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": args["storage"]}}}
    if storage_class := args.get("storage_class"):
        claim["storageClassName"] = storage_class
    template = {
        "metadata": {
            "labels": {**args.get("labels", {}), **_SELECTOR},
            "annotations": {f"checksum/{DATABASE_PASSWORD.secret}": args["password_digest"]},
        },
        "spec": place(_pod(args["image"], args.get("pull_secrets", [])), args.get("pods"), prefix="extra-"),
    }
    KubernetesObject(
        f"{name}-postgres",
        "apps/v1",
        "StatefulSet",
        {
            "metadata": metadata(_NAME, args),
            "spec": {
                "serviceName": _NAME,
                "replicas": 1,
                "selector": {"matchLabels": _SELECTOR},
                "template": template,
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
            },
        },
        opts,
    )


def _pod(image: str, pull_secrets: Sequence[str]) -> Manifest:
    ready = 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'

    def probe(period: int, failures: int) -> Manifest:
        command = ["sh", "-c", ready]
        return {"exec": {"command": command}, "periodSeconds": period, "failureThreshold": failures}

    return {
        "automountServiceAccountToken": False,
        **({"imagePullSecrets": [{"name": secret} for secret in pull_secrets]} if pull_secrets else {}),
        "securityContext": pod_security.pod(_POSTGRES_UID, _POSTGRES_UID),
        "containers": [
            {
                "name": "postgres",
                "image": image,
                "env": [
                    from_secret("POSTGRES_USER", DATABASE_PASSWORD.secret, "username"),
                    from_secret("POSTGRES_PASSWORD", DATABASE_PASSWORD.secret, DATABASE_PASSWORD.key),
                    {"name": "POSTGRES_DB", "value": "airflow"},
                    {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
                ],
                "ports": [{"name": "postgresql", "containerPort": POSTGRES_PORT}],
                "resources": sizes.POSTGRES.as_kubernetes(),
                "startupProbe": probe(2, 90),
                "readinessProbe": probe(5, 3),
                "livenessProbe": probe(20, 6),
                "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", _AT_EVERY_START]}}},
                "securityContext": {**pod_security.CONTAINER, "readOnlyRootFilesystem": True},
                "volumeMounts": [
                    {"name": "data", "mountPath": "/var/lib/postgresql/data"},
                    {"name": "run", "mountPath": "/var/run/postgresql"},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  a volume of the pod's own
                ],
            }
        ],
        "volumes": [{"name": name, "emptyDir": {"sizeLimit": "64Mi"}} for name in ("run", "tmp")],
    }


def allow_airflow(
    name: str,
    placed: PlacedArgs,
    opts: pulumi.ResourceOptions,
    operator_namespace: str | None = None,
    *,
    for_tasks: bool = False,
) -> None:
    """Let Airflow's pods and Jobs reach a database in their namespace, those with tasks only `for_tasks`; with CloudNativePG its instances and operator too."""
    airflow: Manifest = {"matchLabels": {"tier": "airflow", "release": RELEASE}}
    if not for_tasks:
        airflow["matchExpressions"] = [{"key": "component", "operator": "NotIn", "values": ["worker"]}]
    rules: list[Manifest] = [{"from": [{"podSelector": airflow}], "ports": [{"port": POSTGRES_PORT}]}]
    selector: Manifest = {"matchLabels": _SELECTOR}
    if operator_namespace:
        operator: Manifest = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}}}
        selector = {"matchLabels": {"cnpg.io/cluster": _NAME}}
        # 8000 is the instance manager's status port; instances replicate from each other.
        rules += [{"from": [operator], "ports": [{"port": POSTGRES_PORT}, {"port": 8000}]}]
        rules += [{"from": [{"podSelector": selector}], "ports": [{"port": POSTGRES_PORT}]}]
    KubernetesObject(
        f"{name}-allow-airflow",
        "networking.k8s.io/v1",
        "NetworkPolicy",
        {
            "metadata": metadata(f"{_NAME}-allow-airflow", placed),
            "spec": {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": rules},
        },
        opts,
    )
