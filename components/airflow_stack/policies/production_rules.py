"""Rules for production only, where losses are permanent."""

import re
from collections.abc import Iterator

from airflow_stack.choices import Tier
from airflow_stack.credentials import CREDENTIALS

from .model import Resource, Rule, Violation, at, truth
from .places import option
from .workload_rules import NAMESPACE, containers

_POSTGRES = re.compile(r"(^|/)(postgres|postgresql)([:@]|$)")
_CLUSTER = "kubernetes:postgresql.cnpg.io/v1:Cluster"
_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"


def _runs_postgres(resource: Resource) -> bool:
    """Whether a permanent container is a database. Jobs and init containers of the same image are clients."""
    if resource.type.endswith(("Job", "CronJob")):
        return False
    permanent = (container for path, container in containers(resource) if ".initContainers." not in f".{path}.")
    return any(_POSTGRES.search(at(container, "image", "")) for container in permanent)


def _database(resource: Resource) -> Iterator[Violation]:
    bundled = resource.is_airflow and truth(resource.at("values.postgresql.enabled", True))
    if bundled or _runs_postgres(resource):
        yield Violation(
            "values.postgresql.enabled" if bundled else "spec",
            "one pod with one volume, without backup or standby, would hold all runs, connections and variables of production",
            "use airflow:database.external or airflow:database.cloudNativePg",
            True if bundled else None,
        )


def _logs(resource: Resource) -> Iterator[Violation]:
    if not resource.is_airflow:
        return
    values = resource.at("values", {})
    remote = option(resource, "logging", "remote_logging")  # the last one wins
    folder = option(resource, "logging", "remote_base_log_folder")
    is_remote = (
        bool(remote) and (remote[-1][1] is None or truth(remote[-1][1])) and any(value != "" for _, value in folder)
    )
    kept = ("logs.persistence.enabled", "elasticsearch.enabled", "opensearch.enabled")
    if not is_remote and not any(truth(at(values, path, False)) for path in kept):
        yield Violation(
            "values.config.logging.remote_logging",
            "logs disappear with their pod: in the morning, a task that failed at night cannot be explained",
            "set airflow:logs.remote.folder to a bucket, or airflow:logs.volume",
            "not set",
        )


def _loss(resource: Resource) -> str:
    """The loss when the resource is deleted; empty if there is none."""
    name = resource.name
    if resource.type == NAMESPACE:
        return "everything in the namespace"
    if resource.type in (_CLUSTER, _CLAIM) or _runs_postgres(resource):
        return "the database" if resource.type != _CLAIM else "the content of the volume"
    generated = CREDENTIALS if resource.type.startswith("random:") else ()
    return next((each.lost for each in generated if each.resource in name), "")


def _protected(resource: Resource) -> Iterator[Violation]:
    if (loss := _loss(resource)) and not resource.protect:
        yield Violation(
            resource.name,
            f"an accidental `pulumi destroy` or rename would delete {loss}",
            "protect it: pulumi config set airflow:protect true (the option protect, in a program of your own)",
        )


_PRODUCTION = Tier.PRODUCTION
RULES = (
    Rule("production-database", "The production database survives the loss of a node.", "https://github.com/apache/airflow/issues/55823", _database, _PRODUCTION),
    Rule("production-logs", "Production logs outlive their pods.", "https://github.com/apache/airflow/issues/29963", _logs, _PRODUCTION),
    Rule("production-protection", "Production keys and data are protected from accidental deletion.", "https://github.com/pulumi/pulumi-kubernetes/issues/2882", _protected, _PRODUCTION),
)  # fmt: skip
