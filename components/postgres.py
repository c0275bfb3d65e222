"""The in-cluster PostgreSQL: the official image in one pod with one volume. For development; it has no backup and no standby."""

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_kubernetes as k8s

from . import sizes
from .names import RELEASE, SecretNames
from .objects import PlacedArgs, from_secret, metadata

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import PodSpecArgsDict, ProbeArgsDict
    from pulumi_kubernetes.networking.v1 import NetworkPolicyIngressRuleArgsDict

POSTGRES_PORT = 5432
_NAME = f"{RELEASE}-database"
_SELECTOR = {"component": "database", "release": RELEASE}
_POSTGRES_UID = 999  # user `postgres` of the Debian variant of the official image

# PostgreSQL keeps the password of its first start; this gives it the Secret's at every start, over the local socket, which the image
# trusts. \getenv (psql 15) keeps the password out of every command line.
_AT_EVERY_START = r"""
for attempt in $(seq 120); do
  printf '%s\n' '\getenv password POSTGRES_PASSWORD' "ALTER ROLE :\"USER\" PASSWORD :'password';" \
    | psql -q -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" >/dev/null 2>&1 && exit 0
  sleep 0.5
done
exit 1
"""


def run_postgres(
    name: str,
    placed: PlacedArgs,
    *,
    image: str,
    pull_secrets: list[str],
    storage: str,
    storage_class: str | None,
    password_digest: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """A StatefulSet, which Pulumi waits for, and its Service; user and database are both `airflow`."""
    k8s.core.v1.Service(
        f"{name}-service",
        metadata=metadata(_NAME, placed),
        spec={"selector": _SELECTOR, "ports": [{"name": "postgresql", "port": POSTGRES_PORT}]},
        # The StatefulSet is what holds data; a Service without pods is never ready, so nothing waits for it.
        opts=pulumi.ResourceOptions(parent=opts.parent),
    )
    claim: Any = {"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}}
    if storage_class:
        claim["storage_class_name"] = storage_class
    k8s.apps.v1.StatefulSet(
        f"{name}-postgres",
        metadata=metadata(_NAME, placed),
        spec={
            "service_name": _NAME,
            "replicas": 1,
            "selector": {"match_labels": _SELECTOR},
            "template": {
                "metadata": {
                    "labels": {**placed.get("labels", {}), **_SELECTOR},
                    "annotations": {f"checksum/{SecretNames().database}": password_digest},
                },
                "spec": _pod(image, pull_secrets),
            },
            "volume_claim_templates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
        opts=opts,
    )


def _pod(image: str, pull_secrets: list[str]) -> "PodSpecArgsDict":
    ready = 'pg_isready -q -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB"'

    def probe(period: int, failures: int) -> "ProbeArgsDict":
        command = ["sh", "-c", ready]
        return {"exec_": {"command": command}, "period_seconds": period, "failure_threshold": failures}

    return {
        "automount_service_account_token": False,
        "image_pull_secrets": [{"name": secret} for secret in pull_secrets],
        "security_context": {
            "run_as_user": _POSTGRES_UID,
            "run_as_group": _POSTGRES_UID,
            "fs_group": _POSTGRES_UID,
            "run_as_non_root": True,
            "seccomp_profile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "postgres",
                "image": image,
                "env": [
                    from_secret("POSTGRES_USER", SecretNames().database, "username"),
                    from_secret("POSTGRES_PASSWORD", SecretNames().database, "password"),
                    {"name": "POSTGRES_DB", "value": "airflow"},
                    {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
                ],
                "ports": [{"name": "postgresql", "container_port": POSTGRES_PORT}],
                "resources": sizes.POSTGRES.as_kubernetes(),
                "startup_probe": probe(2, 90),
                "readiness_probe": probe(5, 3),
                "liveness_probe": probe(20, 6),
                "lifecycle": {"post_start": {"exec_": {"command": ["sh", "-c", _AT_EVERY_START]}}},
                "security_context": {
                    "allow_privilege_escalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "read_only_root_filesystem": True,
                },
                "volume_mounts": [
                    {"name": "data", "mount_path": "/var/lib/postgresql/data"},
                    {"name": "run", "mount_path": "/var/run/postgresql"},
                    {"name": "tmp", "mount_path": "/tmp"},  # noqa: S108  a volume of the pod's own
                ],
            }
        ],
        "volumes": [{"name": "run", "empty_dir": {}}, {"name": "tmp", "empty_dir": {}}],
    }


def allow_airflow(
    name: str,
    placed: PlacedArgs,
    opts: pulumi.ResourceOptions,
    operator_namespace: str | None = None,
) -> None:
    """Let Airflow's pods and Jobs reach a database in their namespace; with CloudNativePG its instances and operator too."""
    airflow: Any = {"pod_selector": {"match_labels": {"tier": "airflow", "release": RELEASE}}}
    rules: list[NetworkPolicyIngressRuleArgsDict] = [{"from_": [airflow], "ports": [{"port": POSTGRES_PORT}]}]
    selector: Any = {"match_labels": _SELECTOR}
    if operator_namespace:
        operator: Any = {"namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": operator_namespace}}}
        selector = {"match_labels": {"cnpg.io/cluster": _NAME}}
        # 8000 is the instance manager's status port; instances replicate from each other.
        rules += [{"from_": [operator], "ports": [{"port": POSTGRES_PORT}, {"port": 8000}]}]
        rules += [{"from_": [{"pod_selector": selector}], "ports": [{"port": POSTGRES_PORT}]}]
    k8s.networking.v1.NetworkPolicy(
        f"{name}-allow-airflow",
        metadata=metadata(f"{_NAME}-allow-airflow", placed),
        spec={"pod_selector": selector, "policy_types": ["Ingress"], "ingress": rules},
        opts=opts,
    )
