"""The settings of a stack: every key of a stack file is one field of `Settings`, except secrets, which no model holds.

Types, defaults, limits and documentation only; `inputs/` has what must hold between settings. `arguments.py`, `Pulumi.yaml`, the JSON Schema and the
reference are generated from here.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from airflow_stack.choices import AccessMode, Executor, Size, TaskIsolation, Tier
from airflow_stack.credentials import CREDENTIALS
from airflow_stack.versions import CHART_VERSION, NUMBER

from .access import Access
from .dags import Dags
from .database import Database
from .fields import (
    Cpu,
    EnvironmentName,
    LabelKey,
    LabelValue,
    Line,
    Matching,
    MayBeOutput,
    Memory,
    Model,
    Name,
    ObjectName,
    Storage,
)
from .images import Images
from .kubernetes_rules import wrong_quota
from .placement import Placement, Volume, VolumeName
from .secrets import ExistingSecrets, Rotation, SecretKey
from .security import Security
from .web import DataPlane, HostName, Web, WebIngress, WebTls

# Variables that the program itself sets in every Airflow container (chart 1.22.0, `_helpers.yaml`, standard_airflow_environment).
MANAGED_ENVIRONMENT = frozenset(
    {"AIRFLOW__CORE__AUTH_MANAGER", *(variable for each in CREDENTIALS for variable in each.variables)}
)


_ELSEWHERE = ("_CMD", "_SECRET")
"""Ends of variables that say where Airflow finds the value of an option (AirflowConfigParser, `_get_env_var_option`)."""


def shadowed_by(name: str) -> str:
    """The variable of the program that wins over one such as `AIRFLOW__CORE__FERNET_KEY_CMD`; empty if there is none."""
    option = next((name.removesuffix(end) for end in _ELSEWHERE if name.endswith(end)), "")
    return option if option in MANAGED_ENVIRONMENT else ""


# The chart selects its own objects by these labels; a value in `labels` would override the chart's.
_CHARTS_LABELS = frozenset({"tier", "component", "release", "chart", "heritage", "executor"})


def _no_labels_of_the_chart(labels: dict[str, str]) -> dict[str, str]:
    if taken := sorted(_CHARTS_LABELS & labels.keys()):
        raise ValueError(
            f"{', '.join(taken)} is a label that the chart sets; choose another name, such as example.com/{taken[0]}"
        )
    return labels


def _of_a_quota(quota: dict[str, str]) -> dict[str, str]:
    if wrong := [reason for name, amount in quota.items() if (reason := wrong_quota(name, amount))]:
        raise ValueError("; ".join(wrong))
    return quota


class Component(Model):
    """Replicas, CPU and memory of one Airflow component; each value left out comes from the `size` preset."""

    replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Pods to run. Task pods of the KubernetesExecutor have none."""
    cpu: Cpu | None = None
    """CPU request, a Kubernetes quantity such as `500m`."""
    memory: Memory | None = None
    """Memory request and limit, a Kubernetes quantity such as `2Gi`."""


class Components(Model):
    """Per-component changes to the `size` preset."""

    api_server: Component = Component()
    """The UI and the REST API."""
    scheduler: Component = Component()
    """The scheduler; with the LocalExecutor it runs the tasks too."""
    dag_processor: Component = Component()
    """Reads the DAG files."""
    triggerer: Component = Component()
    """Runs deferred operators."""
    workers: Component = Component()
    """Celery workers, or each task pod of the KubernetesExecutor."""


class Ingress(Model):
    """An earlier form of `web`: use `web.host`, `web.ingress` and `web.tls`."""

    host: HostName
    """Host name of the UI: `web.host`."""
    controller_namespace: Name
    """Namespace of the ingress controller: `web.ingress.dataPlane.namespace`."""
    class_name: ObjectName | None = None
    """IngressClass: `web.ingress.className`."""
    tls_secret: ObjectName | None = None
    """Name of the Secret with the certificate, in Airflow's namespace: `web.tls.secretName`."""
    annotations: dict[LabelKey, str] = {}
    """Annotations of the Ingress: `web.ingress.annotations`."""

    def as_web(self, title: str | None) -> Web:
        """The same in `web`."""
        ingress = WebIngress(
            class_name=self.class_name,
            annotations=self.annotations,
            data_plane=DataPlane(namespace=self.controller_namespace),
            wait_for_controller=False,
        )
        tls = WebTls(secret_name=self.tls_secret) if self.tls_secret else None
        return Web(title=title, host=self.host, ingress=ingress, tls=tls)


class Admin(Model):
    """The first user of the UI; the password is generated (output `adminPassword`)."""

    create: bool = True
    """False when single sign-on is configured: no user is created."""
    username: Line = "admin"
    """Login name."""
    email: Annotated[str, Matching(r"^[^@\s]+@[^@\s]+$", "an e-mail address")] = "admin@example.com"
    """E-mail address."""
    first_name: Line = "Airflow"
    """First name."""
    last_name: Line = "Admin"
    """Last name."""


class LogVolume(Model):
    """One volume, shared by every component and task pod."""

    size: Storage
    """Size of the volume."""
    storage_class: ObjectName | None = None
    """StorageClass; left out: the cluster's default."""
    access_mode: AccessMode = AccessMode.READ_WRITE_MANY
    """`ReadWriteMany`, or `ReadWriteOnce` on a cluster of one node."""


class RemoteLogs(Model):
    """Object storage for task logs (`[logging] remote_base_log_folder`)."""

    folder: Annotated[
        str,
        Matching(
            r"^((s3|gs|abfs|oss|hdfs|cloudwatch)://(?!.*:.*@)|wasb(?!.*:.*:.*@))[^\s{}?#]+$",
            "a folder such as s3://bucket/airflow, without password and query",
        ),
    ]
    """Base folder, such as `s3://bucket/airflow` or `gs://bucket/airflow` or `wasb://prefix`, whose container comes from `[azure_remote_logging]`."""
    connection: Annotated[str, Matching(r"^[\w#!().:/-]+$", "an Airflow connection id")] | None = None
    """Airflow connection id; left out: the pods' own identity."""


class Logs(Model):
    """Storage of task logs beyond their pods: at most one of these. Without one, logs are lost with the pod."""

    volume: LogVolume | None = None
    """A shared volume."""
    remote: RemoteLogs | None = None
    """Object storage."""


class Chart(Model):
    """The official Airflow chart."""

    version: Annotated[
        str,
        Matching(
            rf"^1\.{NUMBER}\.{NUMBER}(-[a-z0-9.]+)?$", f"a chart version such as {CHART_VERSION}; 2.x is another chart"
        ),
    ] = CHART_VERSION
    """Exact chart version."""
    repository: Annotated[
        str,
        Matching(
            r"^(https|oci)://[\w-]+(\.[\w-]+)*(:\d{1,5})?(/[^\s@?#]*)?$",
            "an https:// or oci:// address without user, password, query and fragment, which would stay readable in Helm's records; "
            "for a private one, log in with `helm registry login` and use oci://, or pull the chart and set airflow:chart.path",
        ),
    ] = "https://airflow.apache.org"
    """Helm repository URL, or `oci://registry/path` that holds the chart `airflow`."""
    path: Line | None = None
    """Local chart, packed or a folder; wins over `repository`."""
    timeout_seconds: Annotated[int, Field(ge=30, le=7200)] = 900
    """Seconds for an install or upgrade until every pod is ready."""


class Settings(Model):
    """Arguments of `Airflow`; only `dags` is required."""

    dags: Dags
    """The DAG repository."""
    tier: Tier | None = None
    """Deployment tier: selects the policies, and is a label of the namespace. Left out: by the stack's name, without the label."""
    executor: Executor = Executor.KUBERNETES
    """Place where tasks run."""
    size: Size = Size.SMALL
    """Preset of replicas, CPU and memory."""
    components: Components = Components()
    """Per-component changes to the preset."""
    placement: Placement = Placement()
    """Nodes and priority of every pod."""
    volumes: dict[VolumeName, Volume] = {}
    """Extra volumes by name, such as certificates, mounted in every pod except those of Redis and StatsD."""
    database: Database = Database()
    """The metadata database."""
    ingress: Ingress | None = None
    """An earlier form of `web`."""
    web: Web = Web()
    """The UI: its title and its address."""
    admin: Admin = Admin()
    """The first user."""
    access: Access = Access()
    """People and programs that may use Airflow."""
    logs: Logs = Logs()
    """Storage of task logs."""
    images: Images = Images()
    """Container images."""
    chart: Chart = Chart()
    """Source and version of the Helm chart."""
    namespace: Annotated[Name, MayBeOutput("known-later")] = "airflow"
    """Namespace of Airflow; each namespace holds at most one."""
    create_namespace: bool = True
    """False for an existing namespace, which is then not changed, labelled or deleted. Give it Pod Security `restricted` and a NetworkPolicy that denies ingress: Airflow's pods work with both."""
    quota: Annotated[
        dict[str, Annotated[str, Field(coerce_numbers_to_str=True, json_schema_extra={"type": ["string", "number"]})]],
        AfterValidator(_of_a_quota),
    ] = {}
    """ResourceQuota of the namespace, such as `requests.memory: 32Gi`; left out: none."""
    labels: Annotated[dict[LabelKey, LabelValue], AfterValidator(_no_labels_of_the_chart)] = {}
    """Labels of the namespace and everything in it."""
    service_account_annotations: dict[
        LabelKey, Annotated[str, Matching(r"^((?!\{\{)[^\n])*$", "one line without {{, a template to the chart")]
    ] = {}
    """Annotations of the service accounts that tasks and components use, for workload identity."""
    environment: dict[EnvironmentName, str] = {}
    """Environment variables of every Airflow container and task pod. Not for secrets: use `environmentFrom`."""
    environment_from: dict[EnvironmentName, SecretKey] = {}
    """Environment variables taken from existing Secrets."""
    security: Security = Security()
    """Limits of DAG code."""
    existing_secrets: ExistingSecrets = ExistingSecrets()
    """Existing Secrets, by their content."""
    rotation: Rotation = Rotation()
    """Generations of the generated credentials."""
    protect: bool = False
    """Protects from deletion: namespace, Helm release, Fernet key, database password, database in the cluster, and log volume."""
    values: dict[str, Any] = {}
    """Chart values without a setting of their own; merged last."""

    @property
    def makes_database(self) -> bool:
        """Whether the program runs the metadata database."""
        return self.database.external is None and self.existing_secrets.metadata_connection is None

    @property
    def address(self) -> Web | None:
        """The address of the UI outside the cluster, from `web` or its earlier form `ingress`; None without one."""
        if self.ingress:
            return self.ingress.as_web(self.web.title)
        return self.web if self.web.host else None

    @property
    def isolated(self) -> bool:
        """Whether tasks have no credential of Airflow. With the LocalExecutor the scheduler's pod, which runs them, has all the same."""
        return self.security.tasks is TaskIsolation.ISOLATED
