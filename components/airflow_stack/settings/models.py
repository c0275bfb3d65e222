"""The settings as frozen models: defaults, limits, and what must hold between them.

Every key of a stack file is one field of `Settings`; secrets are not here, for a model must never hold one. Names and documentation are
in `arguments.py`. Nothing here reads Pulumi's configuration: `stack_config.py` does, and words the errors.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from airflow_stack.choices import AccessMode, DagDelivery, Executor, GitAuthentication, GitHost, Size, SslMode
from airflow_stack.git.hosts import other_form
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.git.url import GitUrl
from airflow_stack.names import GIT_CONNECTION, SecretNames
from airflow_stack.settings.dags import DagRepository, check_delivery
from airflow_stack.settings.existing_secrets import ExistingSecrets
from airflow_stack.settings.fields import (
    EnvironmentName,
    Generation,
    LabelKey,
    LabelValue,
    Line,
    Matching,
    Model,
    Name,
    Port,
    Quantity,
    at_most_one,
)
from airflow_stack.settings.git_rules import check_github_app, check_registration
from airflow_stack.settings.images import Images
from airflow_stack.versions import CHART_VERSION, NUMBER

# What the program itself puts into every Airflow container (chart 1.22.0, `_helpers.yaml`, standard_airflow_environment).
MANAGED_ENVIRONMENT = frozenset(
    {
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__CORE__AUTH_MANAGER",
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
        "AIRFLOW_CONN_AIRFLOW_DB",
        "AIRFLOW__API__SECRET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW__CELERY__BROKER_URL",
    }
)


def _no_managed_environment(names: dict[str, Any]) -> dict[str, Any]:
    connections = {name for name in names if name.startswith(f"AIRFLOW_CONN_{GIT_CONNECTION.upper()}")}
    if taken := sorted((MANAGED_ENVIRONMENT & names.keys()) | connections):
        raise ValueError(f"{', '.join(taken)} is set by the program from its own Secrets; leave it out")
    return names


# The chart finds its own objects by these; another value in `labels` would win over the chart's.
_CHARTS_LABELS = frozenset({"tier", "component", "release", "chart", "heritage", "executor"})


def _no_labels_of_the_chart(labels: dict[str, str]) -> dict[str, str]:
    if taken := sorted(_CHARTS_LABELS & labels.keys()):
        raise ValueError(
            f"{', '.join(taken)} is a label that the chart sets; choose another name, such as example.com/{taken[0]}"
        )
    return labels


class GithubApp(Model):  # noqa: D101  documented in arguments.py, as is every model below
    application_id: Annotated[int, Field(ge=1)] | None = None
    client_id: Annotated[str, Matching(r"^[A-Za-z0-9._-]+$", "a client ID such as Iv23liABCDEF")] | None = None
    installation_id: Annotated[int, Field(ge=1)]
    base_url: Annotated[str, Matching(r"^https://[^\s@]+$", "an https:// address without a user")] | None = None

    @model_validator(mode="after")
    def _is_named_once(self) -> "GithubApp":
        at_most_one(self, "application_id", "client_id")
        if self.application_id is None and self.client_id is None:
            raise ValueError("applicationId or clientId is needed: both stand on the App's settings page")
        return self


class Dags(DagRepository):  # noqa: D101
    delivery: DagDelivery = DagDelivery.GIT_SYNC
    repository: Line = ""
    more_repositories: dict[Name, DagRepository] = {}
    depth: Annotated[int, Field(ge=1)] = 1
    # The delivery sets the least (budget.py), in words; editors know the least of all.
    visible_within_seconds: Annotated[int, Field(ge=1, le=3600, json_schema_extra={"minimum": 20})] = 60
    authentication: GitAuthentication | None = None
    username: Line = "git"
    known_hosts: str | None = None
    github_app: GithubApp | None = None
    git_host: GitHost | None = None
    register_deploy_key: bool = False

    @model_validator(mode="after")
    def _delivery_agrees(self) -> "Dags":
        check_delivery(self)
        return self

    @model_validator(mode="after")
    def _agrees(self) -> "Dags":
        if not self.repository:
            return self
        url = GitUrl.parse(self.repository)
        ssh = self.authentication in (GitAuthentication.SSH_KEY, GitAuthentication.GENERATED_SSH_KEY)
        if self.authentication is not None and ssh != url.is_ssh:
            raise ValueError(
                f"authentication {self.authentication.value!r} does not fit the {'SSH' if url.is_ssh else 'HTTPS'} URL "
                f"{self.repository!r}; write the repository as {other_form(url)!r}, or leave authentication out"
            )
        if url.is_ssh and self.known_hosts is None and known_hosts_for(url.host, url.port) is None:
            raise ValueError(
                f"knownHosts is needed for {url.host_and_port}: its host keys do not come with this program; "
                f"get them with `ssh-keyscan -p {url.port or 22} {url.host}` and compare them with what the host publishes"
            )
        if self.known_hosts is not None and not self.known_hosts.strip():
            raise ValueError("knownHosts must not be empty: host keys are always verified")
        return self

    @model_validator(mode="after")
    def _access_agrees(self) -> "Dags":
        check_github_app(self)
        check_registration(self)
        return self


class Component(Model):  # noqa: D101
    replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None


class Components(Model):  # noqa: D101
    api_server: Component = Component()
    scheduler: Component = Component()
    dag_processor: Component = Component()
    triggerer: Component = Component()
    workers: Component = Component()


class InClusterDatabase(Model):  # noqa: D101
    storage: Quantity = "8Gi"
    storage_class: Name | None = None


class ExternalDatabase(Model):  # noqa: D101
    host: Annotated[str, Matching(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", "a host name or IPv4 address")]
    port: Port = 5432
    name: Line = "airflow"
    user: Line = "airflow"
    ssl_mode: SslMode = SslMode.REQUIRE


class CloudNativePgDatabase(Model):  # noqa: D101
    instances: Annotated[int, Field(ge=1, le=9)] = 3
    storage: Quantity = "20Gi"
    storage_class: Name | None = None
    operator_namespace: Name = "cnpg-system"


class Database(Model):  # noqa: D101
    in_cluster: InClusterDatabase | None = None
    external: ExternalDatabase | None = None
    cloud_native_pg: CloudNativePgDatabase | None = None

    @model_validator(mode="after")
    def _is_one_database(self) -> "Database":
        at_most_one(self, "in_cluster", "external", "cloud_native_pg")
        return self


class Ingress(Model):  # noqa: D101
    host: Annotated[str, Matching(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "a host name such as airflow.example.com")]
    controller_namespace: Name
    class_name: str | None = None
    tls_secret: Name | None = None
    annotations: dict[str, str] = {}


class Admin(Model):  # noqa: D101
    create: bool = True
    username: Line = "admin"
    email: Annotated[str, Matching(r"^[^@\s]+@[^@\s]+$", "an e-mail address")] = "admin@example.com"
    first_name: Line = "Airflow"
    last_name: Line = "Admin"


class LogVolume(Model):  # noqa: D101
    size: Quantity
    storage_class: Name | None = None
    access_mode: AccessMode = AccessMode.READ_WRITE_MANY


class RemoteLogs(Model):  # noqa: D101
    folder: Annotated[
        str,
        Matching(
            r"^(s3|gs|abfs|oss|hdfs|cloudwatch)://[^\s{}]+$|^wasb[^\s{}]*$", "a folder such as s3://bucket/airflow"
        ),
    ]
    connection: Annotated[str, Matching(r"^[\w#!().:/-]+$", "an Airflow connection id")] | None = None


class Logs(Model):  # noqa: D101
    volume: LogVolume | None = None
    remote: RemoteLogs | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> "Logs":
        at_most_one(self, "volume", "remote")
        return self


class Chart(Model):  # noqa: D101
    version: Annotated[
        str,
        Matching(
            rf"^1\.{NUMBER}\.{NUMBER}(-[a-z0-9.]+)?$", f"a chart version such as {CHART_VERSION}; 2.x is another chart"
        ),
    ] = CHART_VERSION
    repository: Annotated[str, Matching(r"^(https|oci)://\S+$", "an https:// or oci:// address")] = (
        "https://airflow.apache.org"
    )
    path: Line | None = None
    timeout_seconds: Annotated[int, Field(ge=30, le=7200)] = 900


class SecretKey(Model):  # noqa: D101
    secret: Name
    key: Annotated[str, Matching(r"^[-._a-zA-Z0-9]+$", "the key of a Secret")]


class Rotation(Model):  # noqa: D101
    fernet: Generation = 1
    fernet_given: bool = False
    api_secret: Generation = 1
    jwt: Generation = 1
    admin_password: Generation = 1
    database_password: Generation = 1
    redis_password: Generation = 1
    git_ssh_key: Generation = 1
    git_ssh_key_dropped: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _keeps_a_key(self) -> "Rotation":
        if self.git_ssh_key_dropped >= self.git_ssh_key:
            raise ValueError(
                f"gitSshKeyDropped {self.git_ssh_key_dropped} leaves no deploy key: it must be less than gitSshKey, "
                f"which is {self.git_ssh_key}; raise that first, and add the new key to the repository"
            )
        return self


class Settings(Model):
    """Everything that a stack decides, checked."""

    dags: Dags
    executor: Executor = Executor.KUBERNETES
    size: Size = Size.SMALL
    components: Components = Components()
    database: Database = Database()
    ingress: Ingress | None = None
    admin: Admin = Admin()
    logs: Logs = Logs()
    images: Images = Images()
    chart: Chart = Chart()
    namespace: Name = "airflow"
    create_namespace: bool = True
    quota: dict[
        str, Annotated[str, Field(coerce_numbers_to_str=True, json_schema_extra={"type": ["string", "number"]})]
    ] = {}
    labels: Annotated[dict[LabelKey, LabelValue], AfterValidator(_no_labels_of_the_chart)] = {}
    service_account_annotations: dict[
        LabelKey, Annotated[str, Matching(r"^((?!\{\{)[^\n])*$", "one line without {{, a template to the chart")]
    ] = {}
    environment: Annotated[dict[EnvironmentName, str], AfterValidator(_no_managed_environment)] = {}
    environment_from: Annotated[dict[EnvironmentName, SecretKey], AfterValidator(_no_managed_environment)] = {}
    existing_secrets: ExistingSecrets = ExistingSecrets()
    rotation: Rotation = Rotation()
    protect: bool = False
    values: dict[str, Any] = {}

    @property
    def secret_names(self) -> SecretNames:
        """The Secrets that Airflow reads, made or found."""
        return SecretNames.of(self.existing_secrets.model_dump(exclude_none=True))

    @property
    def makes_database(self) -> bool:
        """Whether the metadata database is the program's own."""
        return self.database.external is None and self.existing_secrets.metadata_connection is None

    @model_validator(mode="after")
    def _environment_is_given_once(self) -> "Settings":
        if twice := sorted(self.environment.keys() & self.environment_from.keys()):
            raise ValueError(f"{', '.join(twice)}: give a variable in environment or in environmentFrom, not in both")
        return self
