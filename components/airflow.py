"""Airflow on Kubernetes from git: the type that stacks and platform teams use.

It owns the order of the parts and the outputs; what each part is made of, and why, is in the part's own module.
"""

from typing import TYPE_CHECKING, Any, cast

import pulumi
import pulumi_kubernetes as k8s
from pydantic.alias_generators import to_camel

from . import names
from .arguments import AirflowArgs, DagDelivery, DatabaseArgs, Executor, GitAuthentication, RotationArgs, SecretKeyArgs
from .credentials import AirflowCredentials
from .database import USER, AirflowDatabase
from .delivery import bundles, known_hosts, poll_warnings, polls_per_hour
from .git_access import GitAccess, GitAccessArgs
from .git_bundle import GitBundle
from .git_hosts import deploy_key_page
from .git_url import GitUrl
from .jobs import AdminUser, AirflowJobArgs, DatabaseMigration
from .namespace import AirflowNamespace, AirflowNamespaceArgs
from .objects import PlacedArgs, metadata
from .release import AirflowRelease, AirflowReleaseArgs
from .settings import Settings
from .stack_config import SECRETS, load
from .values import base_url, chart_values

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import PersistentVolumeClaimSpecArgsDict


class Airflow(pulumi.ComponentResource):
    """One Airflow that runs the DAGs of a git branch, ready once it is created."""

    namespace: pulumi.Output[str]
    """Namespace of everything."""
    url: pulumi.Output[str]
    """Address of the UI; without an ingress it answers while the port-forward runs."""
    port_forward: pulumi.Output[str | None]
    """Command that makes `url` answer, where there is no ingress."""
    admin_user: str | None
    """Login name of the admin user."""
    admin_password: pulumi.Output[str] | None
    """Its password. Secret."""
    git_deploy_key: pulumi.Output[str] | None
    """Public half of the newest generated SSH key, to be added to the DAG repository as a read-only deploy key."""
    git_deploy_keys: dict[str, pulumi.Output[str]] | None
    """Where more than one is kept, all of them by generation; the oldest is in use."""
    git_deploy_key_page: str | None
    """Page on which the public key is added."""
    repository_deploy_keys: dict[str, pulumi.Output[str]] | None
    """Public half of the key that was generated for each of `dags.moreRepositories`, by its name."""
    dag_delivery: str
    """How the DAGs get to where they run: `gitSync`, `gitBundle` or `image`."""
    dag_repository: str | None
    """Repository of the DAGs."""
    dag_ref: str | None
    """Branch, tag or commit that is followed."""
    dag_ref_kind: str | None
    """Which of the three it is: `branch`, `tag` or `commit`."""
    git_polls_per_hour: int | None
    """Logins that the stack makes on git hosts in an hour, at most; task pods, which clone once each, are not counted."""
    chart_version: pulumi.Output[str]
    """Version of the Airflow chart."""
    secret_names: dict[str, str]
    """Names of the Secrets that were made, by what they hold."""
    service_name: pulumi.Output[str]
    """Service of the API server and UI."""
    service_port: pulumi.Output[int]
    """Its port."""

    def __init__(self, name: str, args: AirflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # No component records its arguments: each change would show twice in a preview, once for every level above the object.
        super().__init__("airflow:index:Airflow", name, None, opts)
        settings = _validated(name, args)
        child = pulumi.ResourceOptions(parent=self)
        labels, ours = dict(settings.labels), settings.database.external is None

        namespace_args: AirflowNamespaceArgs = {"name": settings.namespace, "labels": labels}
        if settings.quota:
            namespace_args["quota"] = settings.quota
        namespace = AirflowNamespace(
            name, namespace_args, pulumi.ResourceOptions(parent=self, protect=settings.protect or None)
        )
        placed: PlacedArgs = {"namespace": namespace.name, "labels": labels}

        credentials = AirflowCredentials(
            name,
            {
                **placed,
                "rotation": cast(RotationArgs, settings.rotation.model_dump()),
                "admin_username": settings.admin.username if settings.admin.create else "",
                "database_username": USER if ours else "",
                "broker": settings.executor is Executor.CELERY,
                "protect": settings.protect,
            },
            child,
        )
        access = _git(settings, args, placed, credentials.salt)
        # With git bundles a token is part of the connection and has no Secret of its own.
        alone = settings.dags.delivery is DagDelivery.GIT_SYNC or access["authentication"] is not GitAuthentication.TOKEN
        git = GitAccess(
            f"{name}-git", access if alone else {**access, "authentication": GitAuthentication.NONE}, child
        )
        git_bundles = _bundles(f"{name}-git-bundle", settings, access, placed, child)
        database = AirflowDatabase(
            f"{name}-database",
            {
                **placed,
                "database": cast(DatabaseArgs, settings.database.model_dump(exclude_none=True)),
                "password": credentials.database_password or args["database_password"],
                "salt": credentials.salt,
                "image": settings.images.reference(settings.images.postgres),
                "pull_secrets": list(settings.images.pull_secrets),
                "protect": settings.protect,
            },
            pulumi.ResourceOptions(parent=self, depends_on=[credentials]),
        )
        made = {**credentials.digests, **git.digests, **database.digests}
        for bundle in git_bundles:
            made |= bundle.digests
        values = chart_values(settings, made)
        job = _job(settings, values, placed)
        migration = DatabaseMigration(
            f"{name}-migration",
            {**job, "database": database.address},
            pulumi.ResourceOptions(parent=self, depends_on=[credentials, database]),
        )
        before = [credentials, git, *git_bundles, database, migration, *self._log_volume(name, settings, placed, namespace)]
        release = AirflowRelease(
            name,
            _release(settings, values, namespace.name),
            pulumi.ResourceOptions(parent=self, depends_on=before, protect=settings.protect or None),
        )
        if settings.admin.create:
            AdminUser(
                f"{name}-admin",
                {
                    **job,
                    "username": settings.admin.username,
                    "email": settings.admin.email,
                    "first_name": settings.admin.first_name,
                    "last_name": settings.admin.last_name,
                    "generation": settings.rotation.admin_password,
                },
                pulumi.ResourceOptions(parent=self, depends_on=[migration]),
            )

        self.namespace = namespace.name
        # The release's own output, so that a program which uses the address waits until something answers there.
        self.url = release.service_name.apply(lambda _: base_url(settings))
        self.port_forward = pulumi.Output.all(namespace.name, release.service_name).apply(
            lambda known: None if settings.ingress else _port_forward(*known)
        )
        self.admin_user = settings.admin.username if settings.admin.create else None
        self.admin_password = credentials.admin_password
        keys = git.deploy_keys
        self.git_deploy_key = [*keys.values()][-1] if keys else None
        self.git_deploy_keys = keys if len(keys) > 1 else None
        self.repository_deploy_keys = next((bundle.deploy_keys for bundle in git_bundles if bundle.deploy_keys), None)
        dags, from_git = settings.dags, settings.dags.delivery is not DagDelivery.IMAGE
        self.git_deploy_key_page = deploy_key_page(GitUrl.parse(dags.repository), dags.git_host) if keys else None
        self.dag_delivery = dags.delivery.value
        self.dag_repository, self.dag_ref, self.dag_ref_kind = (
            (dags.repository, dags.ref, dags.ref_kind) if from_git else (None, None, None)
        )
        self.git_polls_per_hour = sum(polls_per_hour(settings).values()) if from_git else None
        for warning in poll_warnings(settings):
            pulumi.log.warn(warning, self)
        self.chart_version = release.chart_version
        self.secret_names = {secret.removeprefix(f"{names.RELEASE}-"): secret for secret in sorted(made)}
        self.service_name, self.service_port = release.service_name, release.service_port
        self.register_outputs(self.outputs())

    def outputs(self) -> dict[str, Any]:
        """Every output under its camelCase name; those that do not apply are left out."""
        outputs = {to_camel(key): getattr(self, key) for key in Airflow.__annotations__}
        return {key: value for key, value in outputs.items() if value is not None}

    def _log_volume(
        self, name: str, settings: Settings, placed: PlacedArgs, namespace: AirflowNamespace
    ) -> list[pulumi.Resource]:
        if not (volume := settings.logs.volume):
            return []
        spec: PersistentVolumeClaimSpecArgsDict = {
            "access_modes": [volume.access_mode],
            "resources": {"requests": {"storage": volume.size}},
        }
        if volume.storage_class:
            spec["storage_class_name"] = volume.storage_class
        claim = k8s.core.v1.PersistentVolumeClaim(
            f"{name}-task-logs",
            # Where volumes bind to their first consumer, that is a pod of the release: nothing may wait for it here.
            metadata=metadata(names.LOG_CLAIM, placed, {"pulumi.com/skipAwait": "true"}),
            spec=spec,
            # Task pods that have ended keep hold of the claim, and nobody deletes them but the namespace.
            opts=pulumi.ResourceOptions(parent=self, protect=settings.protect or None, deleted_with=namespace.resource),
        )
        return [claim]


def _validated(name: str, args: AirflowArgs) -> Settings:
    """The arguments as settings; the same checks and words as for a stack file.

    Raises:
        SettingsError: one or more arguments are wrong.
    """
    config = {to_camel(key): value for key, value in args.items()}
    return load(name, config, SECRETS.keys() & config.keys(), by_name=True)


def _git(settings: Settings, args: AirflowArgs, placed: PlacedArgs, salt: pulumi.Input[str]) -> GitAccessArgs:
    access: GitAccessArgs = {
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        "salt": salt,
        "authentication": settings.dags.authentication or GitAuthentication.NONE,
        "repository": settings.dags.repository,
        "username": settings.dags.username,
        "generation": settings.rotation.git_ssh_key,
        "dropped": settings.rotation.git_ssh_key_dropped,
        "git_host": settings.dags.git_host,
    }
    if "git_ssh_key" in args:
        access["ssh_key"] = args["git_ssh_key"]
    if "git_token" in args:
        access["token"] = args["git_token"]
    if "github_app_private_key" in args:
        access["github_app_private_key"] = args["github_app_private_key"]
    if "git_host_token" in args:
        access["git_host_token"] = args["git_host_token"]
    return access


def _bundles(
    name: str, settings: Settings, access: GitAccessArgs, placed: PlacedArgs, opts: pulumi.ResourceOptions
) -> list[GitBundle]:
    """What Airflow's own git bundles need, where they deliver the DAGs."""
    if settings.dags.delivery is not DagDelivery.GIT_BUNDLE:
        return []
    hosts = known_hosts(settings.dags)
    return [
        GitBundle(name, {**placed, "bundles": bundles(settings.dags), "access": access, "known_hosts": hosts}, opts)
    ]


def _job(settings: Settings, values: dict[str, Any], placed: PlacedArgs) -> AirflowJobArgs:
    references = {key: ref.model_dump() for key, ref in settings.environment_from.items()}
    return {
        **placed,
        "image": f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}",
        "pull_secrets": list(settings.images.pull_secrets),
        "environment": dict(settings.environment),
        "environment_from": cast(dict[str, SecretKeyArgs], references),
        "auth_manager": values["config"]["core"]["auth_manager"],
        "timeout_seconds": settings.chart.timeout_seconds,
    }


def _release(settings: Settings, values: dict[str, Any], namespace: pulumi.Output[str]) -> AirflowReleaseArgs:
    release: AirflowReleaseArgs = {
        "namespace": namespace,
        "values": values,
        "chart_version": settings.chart.version,
        "chart_repository": settings.chart.repository,
        "timeout_seconds": settings.chart.timeout_seconds,
    }
    if settings.chart.path:
        release["chart_path"] = settings.chart.path
    return release


def _port_forward(namespace: str, service: str) -> str:
    port = names.API_SERVER_PORT
    return f"kubectl --namespace {namespace} port-forward service/{service} {port}:{port}"
