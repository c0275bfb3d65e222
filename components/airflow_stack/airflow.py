"""Airflow on Kubernetes from git: the type that stacks and platform teams use.

It owns the order of the parts and the outputs; what each part is made of, and why, is in the part's own module.
"""

from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_camel

from airflow_stack import names
from airflow_stack.arguments import AirflowArgs, DatabaseArgs, ExistingSecretsArgs, RotationArgs, SecretKeyArgs
from airflow_stack.chart.delivery import poll_warnings
from airflow_stack.chart.values import base_url, chart_values
from airflow_stack.choices import DagDelivery, Executor, GitRefKind
from airflow_stack.inputs.deferred import Late, put_back
from airflow_stack.inputs.namespaces import claim_namespace
from airflow_stack.inputs.program import validated
from airflow_stack.inputs.version_check import chart_version, version_warnings
from airflow_stack.parts.dag_source import DagSource
from airflow_stack.parts.database import USER, AirflowDatabase
from airflow_stack.parts.generated_credentials import AirflowCredentials
from airflow_stack.parts.jobs import AdminUser, AirflowJobArgs, DatabaseMigration
from airflow_stack.parts.kubernetes import PlacedArgs
from airflow_stack.parts.log_volume import log_volume
from airflow_stack.parts.namespace import AirflowNamespace, AirflowNamespaceArgs
from airflow_stack.parts.protection import TO_DESTROY, last_of_all
from airflow_stack.parts.release import AirflowRelease, AirflowReleaseArgs
from airflow_stack.parts.rollout import ReleaseRollout
from airflow_stack.settings.models import Settings


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
    dag_delivery: DagDelivery
    """How the DAGs get to where they run: `gitSync`, `gitBundle` or `image`."""
    dag_repository: str | None
    """Repository of the DAGs."""
    dag_ref: str | None
    """Branch, tag or commit that is followed."""
    dag_ref_kind: GitRefKind | None
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
    to_destroy: str | None
    """Commands that remove a protected stack; `pulumi destroy` alone stops before it deletes anything."""

    def __init__(self, name: str, args: AirflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # No component records its arguments: each change would show twice in a preview, once for every level above the object.
        super().__init__("airflow:index:Airflow", name, None, opts)
        args, settings, late = validated(name, args)
        if "namespace" not in late:
            claim_namespace(self, name, settings.namespace)
        child = pulumi.ResourceOptions(parent=self)
        labels, existing = dict(settings.labels), settings.existing_secrets.model_dump(exclude_none=True)

        namespace_args: AirflowNamespaceArgs = {
            "name": late.get("namespace", settings.namespace),
            "labels": labels,
            "create": settings.create_namespace,
        }
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
                "database_username": USER if settings.makes_database else "",
                "broker": settings.executor is Executor.CELERY,
                "fernet_key": args.get("fernet_key", ""),
                "protect": settings.protect,
                "existing_secrets": cast(ExistingSecretsArgs, existing),
            },
            child,
        )
        dags = DagSource(f"{name}-git", settings, args, placed, credentials.salt, child)
        connection = existing.get("metadata_connection")
        database = (
            None if connection else _database(f"{name}-database", settings, args, placed, late, credentials, child)
        )
        made = {**credentials.digests, **dags.digests, **(database.digests if database else {})}
        values = chart_values(settings, made)
        job = _job(settings, values, placed)
        migration = DatabaseMigration(
            f"{name}-migration",
            {**job, "database": database.address if database else f"as in the Secret {connection}"},
            pulumi.ResourceOptions(parent=self, depends_on=[credentials, *([database] if database else [])]),
        )
        logs = log_volume(name, settings, placed, pulumi.ResourceOptions(parent=self, deleted_with=namespace.resource))
        before = [credentials, *dags.resources, *([database] if database else []), migration, *logs]
        release = AirflowRelease(
            name,
            _release(settings, values, namespace.name),
            pulumi.ResourceOptions(parent=self, depends_on=before, protect=settings.protect or None),
        )
        rollout = ReleaseRollout(
            f"{name}-rollout",
            {
                **placed,
                "image": job["image"],
                "pull_secrets": job.get("pull_secrets", []),
                "timeout_seconds": settings.chart.timeout_seconds,
                "values": values,
                "chart": f"{settings.chart.path or settings.chart.repository} {chart_version(settings.chart)}",
            },
            pulumi.ResourceOptions(parent=self, depends_on=[release]),
        )
        everything: list[pulumi.Resource] = [namespace, *before, release, rollout]
        if settings.admin.create:
            admin = AdminUser(
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
            everything.append(admin)
        # Not False where the setting is off: protection of the component, or of one above it, is for this too.
        last_of_all(name, placed, everything, pulumi.ResourceOptions(parent=self, protect=settings.protect or None))

        self.namespace = namespace.name
        # After the rollout, so that a program which uses the address waits until something answers there.
        self.service_name = pulumi.Output.all(release.service_name, rollout.ready).apply(lambda known: str(known[0]))
        self.service_port = self.service_name.apply(lambda _: names.API_SERVER_PORT)
        self.url = self.service_name.apply(lambda _: base_url(settings))
        self.port_forward = pulumi.Output.all(namespace.name, self.service_name).apply(
            lambda known: None if settings.ingress else _port_forward(*known)
        )
        self.admin_user = settings.admin.username if settings.admin.create else None
        self.admin_password = credentials.admin_password
        self.git_deploy_key, self.git_deploy_keys = dags.deploy_key, dags.deploy_keys
        self.git_deploy_key_page = dags.deploy_key_page
        self.repository_deploy_keys = dags.repository_deploy_keys
        self.dag_delivery, self.git_polls_per_hour = settings.dags.delivery, dags.polls_per_hour
        self.dag_repository, self.dag_ref, self.dag_ref_kind = dags.followed
        for warning in (*version_warnings(settings), *poll_warnings(settings)):
            pulumi.log.warn(warning, self)
        self.chart_version = release.chart_version
        self.secret_names = {secret.removeprefix(f"{names.RELEASE}-"): secret for secret in sorted(made)}
        self.to_destroy = TO_DESTROY if settings.protect else None
        self.register_outputs(self.outputs())

    def outputs(self) -> dict[str, Any]:
        """Every output under its camelCase name; those that do not apply are left out."""
        outputs = {to_camel(key): getattr(self, key) for key in Airflow.__annotations__}
        return {key: value for key, value in outputs.items() if value is not None}


def _database(
    name: str,
    settings: Settings,
    args: AirflowArgs,
    placed: PlacedArgs,
    late: Late,
    credentials: AirflowCredentials,
    opts: pulumi.ResourceOptions,
) -> AirflowDatabase:
    known = {"database": settings.database.model_dump(exclude_none=True)}
    chosen = put_back(known, {path: value for path, value in late.items() if path != "namespace"})["database"]
    return AirflowDatabase(
        name,
        {
            **placed,
            "database": cast(DatabaseArgs, chosen),
            "password": credentials.database_password or args["database_password"],
            "salt": credentials.salt,
            "image": settings.images.reference(settings.images.postgres),
            "pull_secrets": list(settings.images.pull_secrets),
            "protect": settings.protect,
        },
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[credentials])),
    )


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
        "existing_secrets": cast(ExistingSecretsArgs, settings.existing_secrets.model_dump(exclude_none=True)),
    }


def _release(settings: Settings, values: dict[str, Any], namespace: pulumi.Output[str]) -> AirflowReleaseArgs:
    release: AirflowReleaseArgs = {
        "namespace": namespace,
        "values": values,
        "chart_version": settings.chart.version,
        "chart_repository": settings.chart.repository,
        "timeout_seconds": settings.chart.timeout_seconds,
        "skip_await": True,  # its rollout is awaited
    }
    if settings.chart.path:
        release["chart_path"] = settings.chart.path
    return release


def _port_forward(namespace: str, service: str) -> str:
    port = names.API_SERVER_PORT
    return f"kubectl --namespace {namespace} port-forward service/{service} {port}:{port}"
