"""What must hold between the settings of `security` and others. Each rule yields at most one problem for one cause."""

import ipaddress
from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from airflow_stack.choices import Executor
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set

_METADATA = ipaddress.ip_network("169.254.0.0/16")
_GKE_IDENTITY = "iam.gke.io/gcp-service-account"


def limits_of_isolated_tasks(settings: Settings) -> Iterator[Problem]:
    """Limits go with isolated tasks."""
    given = sorted(settings.security.model_fields_set - {"tasks"})
    if given and not settings.isolated:
        first, *others = (f"security.{to_camel(name)}" for name in given)
        too = "".join(f", and so has {name}" for name in others)
        reason = f"has no effect with security.tasks 'trusted'{too}"
        yield Problem(first, reason, tuple(map(Remove, (first, *others))), otherwise="leave security.tasks out")


def link_local_networks(settings: Settings) -> Iterator[Problem]:
    """The metadata endpoint has a setting of its own."""
    networks = [ipaddress.ip_network(each) for each in settings.security.task_egress]
    if named := [str(each) for each in networks if each.network_address in _METADATA]:
        path, reason = "security.taskEgress", f"{named[0]} has the address of the cloud's metadata endpoint"
        yield Problem(path, reason, (f"remove {named[0]}", Set("security.cloudMetadata", "true")))


def tasks_of_their_own(settings: Settings) -> Iterator[Problem]:
    """Tasks have pods of their own where a setting separates them."""
    security = settings.security
    if settings.executor is Executor.LOCAL:
        steps = (Set("executor", Executor.KUBERNETES.value),)
        for name, is_given in (
            ("tasks", "tasks" in security.model_fields_set and settings.isolated),
            ("taskEgress", bool(security.task_egress)),
        ):
            if is_given:
                reason = "has no effect with executor 'LocalExecutor', which runs tasks in the scheduler's pod"
                yield Problem(f"security.{name}", reason, steps, otherwise="leave it out")
                return
    if settings.executor is not Executor.KUBERNETES and security.pod_override != type(security.pod_override)():
        reason = f"has no effect with executor {settings.executor.value!r}, whose tasks have no pods of their own"
        yield Problem("security.podOverride", reason, (Remove("security.podOverride"),))


def other_namespaces_for_pods(settings: Settings) -> Iterator[Problem]:
    """Isolated tasks create pods outside the namespace with Airflow's Secrets."""
    if settings.namespace in settings.security.pod_namespaces:
        reason = f"{settings.namespace!r} is Airflow's own namespace: a pod there can mount each of its Secrets"
        steps = ("name another namespace",)
        yield Problem(
            "security.podNamespaces", reason, steps, otherwise="leave it out and set security.tasks to 'trusted'"
        )


def metadata_for_identities(settings: Settings) -> Iterator[Problem]:
    """Google's workload identity reaches its metadata server."""
    named = _GKE_IDENTITY in settings.service_account_annotations
    if named and settings.isolated and not settings.security.cloud_metadata:
        reason = f"is false, and the annotation {_GKE_IDENTITY} of serviceAccountAnnotations needs the metadata server"
        yield Problem("security.cloudMetadata", reason, (Set("security.cloudMetadata", "true"),), value=False)


def results_without_the_database(settings: Settings) -> Iterator[Problem]:
    """Isolated Celery workers keep their results outside the metadata database."""
    existing = settings.existing_secrets
    own_broker = settings.executor is Executor.CELERY and existing.broker_url and not existing.redis_password
    if own_broker and settings.isolated and not existing.result_backend:
        reason = (
            "is needed with a broker of your own: Celery would keep its results in the metadata database, "
            "which is closed to workers with security.tasks 'isolated'"
        )
        path = "existingSecrets.resultBackend"
        yield Problem(path, reason, (Set(path, "<name>"),), otherwise="set security.tasks to 'trusted'")
