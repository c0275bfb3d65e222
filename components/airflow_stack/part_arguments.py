"""Arguments of each part, from the settings of a stack. The parts themselves know no settings.

Every function returns what one part takes; `airflow.py` calls them in order.
"""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from airflow_stack.arguments import AirflowArgs, DatabaseArgs, ExistingSecretsArgs, RotationArgs, SecretKeyArgs
from airflow_stack.chart.delivery import bundles, known_hosts
from airflow_stack.chart.isolation import service_account, task_runners
from airflow_stack.chart.job_values import job_values
from airflow_stack.chart.local_chart import chart_version
from airflow_stack.chart.login import webserver_config
from airflow_stack.chart.placement import own_pods
from airflow_stack.chart.values import chart_values, environment
from airflow_stack.chart.web import annotations, awaited, issues, peers
from airflow_stack.choices import DagDelivery, Executor, GitAuthentication
from airflow_stack.credentials import CREDENTIALS, GIT_SSH_KEY
from airflow_stack.inputs.deferred import Deferred, with_outputs
from airflow_stack.parts.database import USER, AirflowDatabaseArgs
from airflow_stack.parts.generated_credentials import AirflowCredentials, AirflowCredentialsArgs
from airflow_stack.parts.git_access import GitAccessArgs
from airflow_stack.parts.git_bundle import GitBundleArgs
from airflow_stack.parts.jobs import AdminUserArgs, AirflowJobArgs
from airflow_stack.parts.kubernetes import PlacedArgs, PodArgs
from airflow_stack.parts.log_volume import TaskLogVolumeArgs
from airflow_stack.parts.login import LoginAccessArgs
from airflow_stack.parts.namespace import AirflowNamespaceArgs
from airflow_stack.parts.release import AirflowReleaseArgs
from airflow_stack.parts.rollout import ReleaseRolloutArgs
from airflow_stack.parts.task_access import TaskAccessArgs
from airflow_stack.parts.web import ROUTE, RouteArgs, WebAddressArgs
from airflow_stack.parts.web_ready import WebReadyArgs
from airflow_stack.settings.models import LogVolume, Settings


def namespace(settings: Settings, deferred: Deferred) -> AirflowNamespaceArgs:
    """Arguments of `AirflowNamespace`."""
    args: AirflowNamespaceArgs = {
        "name": deferred.get("namespace", settings.namespace),
        "labels": dict(settings.labels),
        "create": settings.create_namespace,
    }
    if settings.tier:
        args["tier"] = settings.tier
    if settings.quota:
        args["quota"] = settings.quota
    return args


def credentials(settings: Settings, args: AirflowArgs, placed: PlacedArgs) -> AirflowCredentialsArgs:
    """Arguments of `AirflowCredentials`."""
    return {
        **placed,
        "rotation": cast(RotationArgs, settings.rotation.model_dump()),
        "admin_username": settings.admin.username if settings.admin.create else "",
        "database_username": USER if settings.makes_database else "",
        "broker": settings.executor is Executor.CELERY,
        "fernet_key": args.get("fernet_key", ""),
        "protect": settings.protect,
        "existing_secrets": _existing_secrets(settings),
    }


def git_connection(settings: Settings, args: AirflowArgs, placed: PlacedArgs, salt: pulumi.Input[str]) -> GitAccessArgs:
    """Access to `dags.repository` with all of its secrets: for `GitBundle`, and the base of `git_access`."""
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


def git_access(settings: Settings, connection: GitAccessArgs) -> GitAccessArgs:
    """Arguments of `GitAccess`, which makes no Secret if another one has the credential."""
    existing = settings.existing_secrets
    # A git bundle's token is part of its connection.
    in_connection = (
        settings.dags.delivery is DagDelivery.GIT_BUNDLE and connection["authentication"] is GitAuthentication.TOKEN
    )
    if in_connection or any(getattr(existing, each.name) for each in CREDENTIALS if each.authentication):
        return {**connection, "authentication": GitAuthentication.NONE}
    return connection


def git_bundle(settings: Settings, connection: GitAccessArgs, placed: PlacedArgs) -> GitBundleArgs:
    """Arguments of `GitBundle`."""
    return {
        **placed,
        "bundles": bundles(settings.dags, settings.existing_secrets.git_ssh_key or GIT_SSH_KEY.secret),
        "access": connection,
        "known_hosts": known_hosts(settings.dags),
    }


def login_access(settings: Settings, args: AirflowArgs, placed: PlacedArgs, salt: pulumi.Input[str]) -> LoginAccessArgs:
    """Arguments of `LoginAccess`."""
    access: LoginAccessArgs = {
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        "config": webserver_config(settings),
        "salt": salt,
    }
    if not settings.existing_secrets.login_client_secret:
        access["client_secret"] = args["login_client_secret"]
    return access


def with_pods(settings: Settings, placed: PlacedArgs) -> PodArgs:
    """Arguments of every component that has pods: those of every component, with placement and extra volumes."""
    return {**placed, "pods": own_pods(settings, chart_values(settings))}


def database(
    settings: Settings, args: AirflowArgs, deferred: Deferred, placed: PodArgs, made: AirflowCredentials
) -> AirflowDatabaseArgs:
    """Arguments of `AirflowDatabase`; `made` are the credentials, among them the password of a database of the program's own."""
    known = {"database": settings.database.model_dump(exclude_none=True)}
    outputs = {path: value for path, value in deferred.items() if path.startswith("database.")}
    return {
        **placed,
        "database": cast(DatabaseArgs, with_outputs(known, outputs)["database"]),
        "password": made.database_password or args["database_password"],
        "salt": made.salt,
        "image": settings.images.reference(settings.images.postgres),
        "pull_secrets": list(settings.images.pull_secrets),
        "protect": settings.protect,
        "for_tasks": not settings.isolated,
    }


def task_access(settings: Settings, values: Mapping[str, Any], placed: PlacedArgs) -> TaskAccessArgs:
    """Arguments of `TaskAccess`."""
    security, runners = settings.security, task_runners(settings.executor)
    args: TaskAccessArgs = {
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        "task_accounts": [service_account(values, each) for each in (runners, "triggerer")],
        "pod_namespaces": security.pod_namespaces,
        "components": [runners, "dag-processor", "triggerer"],
        "networks": security.task_egress,
        "cloud_metadata": security.cloud_metadata,
    }
    if settings.executor is Executor.KUBERNETES:
        args["scheduler"] = service_account(values, "scheduler")
    return args


def job(settings: Settings, values: Mapping[str, Any], placed: PodArgs) -> AirflowJobArgs:
    """Arguments that `DatabaseMigration` and `AdminUser` have in common. Image and auth manager are those of the release."""
    references = {variable: reference.model_dump() for variable, reference in settings.environment_from.items()}
    return {
        **placed,
        "image": _image(values),
        "pull_secrets": list(settings.images.pull_secrets),
        "environment": environment(settings),
        "environment_from": cast(dict[str, SecretKeyArgs], references),
        "auth_manager": values["config"]["core"]["auth_manager"],
        "timeout_seconds": settings.chart.timeout_seconds,
        "of_release": job_values(settings, values),
        "existing_secrets": _existing_secrets(settings),
    }


def admin_user(settings: Settings, common: AirflowJobArgs) -> AdminUserArgs:
    """Arguments of `AdminUser`."""
    return {
        **common,
        "username": settings.admin.username,
        "email": settings.admin.email,
        "first_name": settings.admin.first_name,
        "last_name": settings.admin.last_name,
        "generation": settings.rotation.admin_password,
    }


def log_volume(volume: LogVolume, settings: Settings, placed: PlacedArgs) -> TaskLogVolumeArgs:
    """Arguments of `task_log_volume`."""
    args: TaskLogVolumeArgs = {
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        "size": volume.size,
        "access_mode": volume.access_mode,
        "protect": settings.protect,
    }
    if volume.storage_class:
        args["storage_class"] = volume.storage_class
    return args


def release(settings: Settings, values: Mapping[str, Any], namespace: pulumi.Output[str]) -> AirflowReleaseArgs:
    """Arguments of `AirflowRelease`."""
    args: AirflowReleaseArgs = {
        "namespace": namespace,
        "values": values,
        "chart_version": settings.chart.version,
        "chart_repository": settings.chart.repository,
        "timeout_seconds": settings.chart.timeout_seconds,
        "skip_await": True,  # `ReleaseRollout` waits
    }
    if settings.chart.path:
        args["chart_path"] = settings.chart.path
    return args


def rollout(settings: Settings, values: Mapping[str, Any], placed: PodArgs) -> ReleaseRolloutArgs:
    """Arguments of `ReleaseRollout`."""
    chart = settings.chart
    return {
        **placed,
        "image": _image(values),
        "pull_secrets": list(settings.images.pull_secrets),
        "timeout_seconds": chart.timeout_seconds,
        "of_release": job_values(settings, values),
        "values": values,
        "chart": f"{chart.path or chart.repository} {chart_version(chart)}",
    }


def web_address(settings: Settings, placed: PlacedArgs) -> WebAddressArgs | None:
    """Arguments of `WebAddress`; None: the chart's Ingress is all that the address needs."""
    web = settings.address
    args: WebAddressArgs = {"namespace": placed["namespace"], "labels": placed.get("labels", {})}
    if web and (gateway := web.gateway):
        parent = {"name": gateway.name, "namespace": gateway.namespace, "sectionName": gateway.listener}
        route: RouteArgs = {
            "host": web.host or "",
            "path": web.path or "/",
            "parent": {key: value for key, value in parent.items() if value},
            "annotations": annotations(web),
        }
        if gateway.timeout_seconds is not None:
            route["timeout_seconds"] = gateway.timeout_seconds
        args["route"] = route
    elif web and issues(web):
        args["solver_clients"] = peers(settings)
    else:
        return None
    return args


def web_ready(settings: Settings, values: Mapping[str, Any], placed: PodArgs) -> WebReadyArgs | None:
    """Arguments of `WebReady`; None: nothing has to serve an address."""
    web = settings.address
    wanted = awaited(web, ROUTE) if web else {}
    if not web or not wanted:
        return None
    return {
        **placed,
        "image": _image(values),
        "pull_secrets": list(settings.images.pull_secrets),
        "timeout_seconds": settings.chart.timeout_seconds,
        "of_release": job_values(settings, values),
        "wanted": wanted,
        "address": " ".join([web.url, *wanted.values()]),
    }


def _image(values: Mapping[str, Any]) -> str:
    return f"{values['defaultAirflowRepository']}:{values['defaultAirflowTag']}"


def _existing_secrets(settings: Settings) -> ExistingSecretsArgs:
    return cast(ExistingSecretsArgs, settings.existing_secrets.model_dump(exclude_none=True))
