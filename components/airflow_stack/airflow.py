"""`Airflow`: Apache Airflow on Kubernetes from git, as one Pulumi component.

Order of the parts, and outputs. Each part is documented in its module; `part_arguments.py` has their arguments.
"""

from typing import Any

import pulumi
from pydantic.alias_generators import to_camel

from airflow_stack import part_arguments
from airflow_stack.arguments import AirflowArgs
from airflow_stack.chart.delivery import poll_warnings, polls_per_hour
from airflow_stack.chart.values import chart_values
from airflow_stack.chart.web import base_url
from airflow_stack.chart.without_effect import value_warnings
from airflow_stack.choices import DagDelivery, GitRefKind
from airflow_stack.git.hosts import deploy_key_page
from airflow_stack.git.url import GitUrl
from airflow_stack.inputs.namespaces import claim_namespace
from airflow_stack.inputs.program import validated
from airflow_stack.inputs.version_check import version_warnings
from airflow_stack.inputs.web_rules import web_warnings
from airflow_stack.names import API_SERVER_PORT, RELEASE
from airflow_stack.parts.database import AirflowDatabase
from airflow_stack.parts.generated_credentials import AirflowCredentials
from airflow_stack.parts.git_access import GitAccess
from airflow_stack.parts.git_bundle import GitBundle
from airflow_stack.parts.jobs import AdminUser, DatabaseMigration
from airflow_stack.parts.kubernetes import PlacedArgs
from airflow_stack.parts.log_volume import task_log_volume
from airflow_stack.parts.login import LoginAccess
from airflow_stack.parts.namespace import AirflowNamespace
from airflow_stack.parts.protection import TO_DESTROY, protection_marker
from airflow_stack.parts.release import AirflowRelease
from airflow_stack.parts.rollout import ReleaseRollout
from airflow_stack.parts.task_access import TaskAccess
from airflow_stack.parts.web import WebAddress
from airflow_stack.parts.web_ready import WebReady


class Airflow(pulumi.ComponentResource):
    """Airflow that runs the DAGs of a git branch. Creation ends when every workload is ready."""

    namespace: pulumi.Output[str]
    """Namespace of Airflow."""
    url: pulumi.Output[str]
    """Address of the UI. Without `web.host`, run `portForward` first."""
    port_forward: pulumi.Output[str | None]
    """Port-forward command for `url`; only without `web.host`."""
    admin_user: str | None
    """Login name of the admin user."""
    admin_password: pulumi.Output[str] | None
    """Password of the admin user. Secret."""
    git_deploy_key: pulumi.Output[str] | None
    """Public half of the newest generated SSH key. Add it to the DAG repository as a read-only deploy key."""
    git_deploy_keys: dict[str, pulumi.Output[str]] | None
    """All kept public keys by generation, if there are several; the oldest is in use."""
    git_deploy_key_page: str | None
    """Page of the git host for adding the public key."""
    repository_deploy_keys: dict[str, pulumi.Output[str]] | None
    """Public half of each key generated for `dags.moreRepositories`, by repository name."""
    dag_delivery: DagDelivery
    """Way of the DAGs into Airflow's pods: `gitSync`, `gitBundle` or `image`."""
    dag_repository: str | None
    """Repository of the DAGs."""
    dag_ref: str | None
    """Branch, tag or commit that is followed."""
    dag_ref_kind: GitRefKind | None
    """Kind of `dagRef`: `branch`, `tag` or `commit`."""
    git_polls_per_hour: int | None
    """Maximum number of logins on git hosts per hour. Task pods clone once each and are not counted."""
    chart_version: pulumi.Output[str]
    """Version of the Airflow chart."""
    secret_names: dict[str, str]
    """Names of the created Secrets, by content."""
    service_name: pulumi.Output[str]
    """Service of the API server and UI."""
    service_port: pulumi.Output[int]
    """Port of that Service."""
    to_destroy: str | None
    """Commands that remove a protected stack. `pulumi destroy` alone stops before it deletes anything."""

    def __init__(self, name: str, args: AirflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # No arguments are recorded: a preview would show each change again for every component above the object.
        super().__init__("airflow:index:Airflow", name, None, opts)
        args, settings, deferred = validated(name, args)
        if "namespace" not in deferred:
            claim_namespace(self, name, settings.namespace)
        of_address = web_warnings(settings)
        for warning in (*version_warnings(settings), *of_address, *poll_warnings(settings), *value_warnings(settings)):
            pulumi.log.warn(warning, self)
        dags, existing_connection = settings.dags, settings.existing_secrets.metadata_connection
        # Not False: without the setting, protection inherited from the component or its parents still applies.
        protect = settings.protect or None

        def after(*resources: pulumi.Resource | None, **more: Any) -> pulumi.ResourceOptions:  # noqa: ANN401  options of Pulumi
            depends_on = [each for each in resources if each is not None]
            return pulumi.ResourceOptions(parent=self, depends_on=depends_on, **more)

        namespace = AirflowNamespace(name, part_arguments.namespace(settings, deferred), after(protect=protect))
        placed: PlacedArgs = {"namespace": namespace.name, "labels": dict(settings.labels)}
        with_pods = part_arguments.with_pods(settings, placed)
        credentials = AirflowCredentials(name, part_arguments.credentials(settings, args, placed), after())
        connection = part_arguments.git_connection(settings, args, placed, credentials.salt)
        git = GitAccess(f"{name}-git", part_arguments.git_access(settings, connection), after())
        bundle = login = database = logs = admin = access = address_of_ui = ready = None
        if dags.delivery is DagDelivery.GIT_BUNDLE:
            bundle = GitBundle(f"{name}-git-bundle", part_arguments.git_bundle(settings, connection, placed), after())
        if settings.access.login:
            of_login = part_arguments.login_access(settings, args, placed, credentials.salt)
            login = LoginAccess(f"{name}-login", of_login, after())
        if existing_connection is None:
            database = AirflowDatabase(
                f"{name}-database",
                part_arguments.database(settings, args, deferred, with_pods, credentials),
                after(credentials),
            )
        sources = [part for part in (credentials, git, bundle, login, database) if part is not None]
        digests = {secret: digest for part in sources for secret, digest in part.digests.items()}
        values = chart_values(settings, digests)

        job = part_arguments.job(settings, values, with_pods)
        address = database.address if database else f"as in the Secret {existing_connection}"
        migration = DatabaseMigration(f"{name}-migration", {**job, "database": address}, after(credentials, database))
        if settings.logs.volume:
            logs = task_log_volume(
                name,
                part_arguments.log_volume(settings.logs.volume, settings, placed),
                after(deleted_with=namespace.resource),
            )
        if settings.isolated:
            access = TaskAccess(f"{name}-tasks", part_arguments.task_access(settings, values, placed), after())
        if web := part_arguments.web_address(settings, placed):
            address_of_ui = WebAddress(f"{name}-web", web, after())
        before = (*sources, migration, logs, access, address_of_ui)
        release = AirflowRelease(
            name, part_arguments.release(settings, values, namespace.name), after(*before, protect=protect)
        )
        rollout = ReleaseRollout(f"{name}-rollout", part_arguments.rollout(settings, values, with_pods), after(release))
        if served := part_arguments.web_ready(settings, values, with_pods):
            ready = WebReady(f"{name}-web-ready", served, after(release, address_of_ui))
        if settings.admin.create:
            admin = AdminUser(f"{name}-admin", part_arguments.admin_user(settings, job), after(migration))
        protection_marker(name, placed, after(namespace, *before, release, rollout, ready, admin, protect=protect))

        self.namespace = namespace.name
        # After the rollout: a program that uses the address waits until Airflow answers there.
        self.service_name = pulumi.Output.all(release.service_name, rollout.ready).apply(lambda known: str(known[0]))
        self.service_port = self.service_name.apply(lambda _: API_SERVER_PORT)
        self.url = self.service_name.apply(lambda _: base_url(settings))
        self.port_forward = pulumi.Output.all(namespace.name, self.service_name).apply(
            lambda known: None if settings.address else _port_forward(*known)
        )
        self.admin_user = settings.admin.username if settings.admin.create else None
        self.admin_password = credentials.admin_password
        self.git_deploy_key = git.deploy_key
        self.git_deploy_keys = git.deploy_keys if len(git.deploy_keys) > 1 else None
        self.git_deploy_key_page = (
            deploy_key_page(GitUrl.parse(dags.repository), dags.git_host) if git.deploy_keys else None
        )
        self.repository_deploy_keys = (bundle and bundle.deploy_keys) or None
        self.dag_delivery = dags.delivery
        in_image = dags.delivery is DagDelivery.IMAGE
        self.dag_repository = None if in_image else dags.repository
        self.dag_ref, self.dag_ref_kind = (None, None) if in_image else (dags.ref, dags.ref_kind)
        self.git_polls_per_hour = None if in_image else sum(polls_per_hour(settings).values())
        self.chart_version = release.chart_version
        self.secret_names = {secret.removeprefix(f"{RELEASE}-"): secret for secret in sorted(digests)}
        self.to_destroy = TO_DESTROY if settings.protect else None
        self.register_outputs(self.outputs())

    def outputs(self) -> dict[str, Any]:
        """Outputs by camelCase name, without those that are None."""
        outputs = {to_camel(key): getattr(self, key) for key in Airflow.__annotations__}
        return {key: value for key, value in outputs.items() if value is not None}


def _port_forward(namespace: str, service: str) -> str:
    return f"kubectl --namespace {namespace} port-forward service/{service} {API_SERVER_PORT}:{API_SERVER_PORT}"
