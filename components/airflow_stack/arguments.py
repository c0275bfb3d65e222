"""The vocabulary: what a caller of `Airflow`, or a stack file, may decide.

Declared here once, with its documentation; `settings.py` holds the same names with defaults and limits (a test keeps the two equal), and
the JSON Schema for stack files takes its descriptions from here. Names are snake_case in Python and camelCase in YAML.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from .choices import AccessMode, DagDelivery, Executor, GitAuthentication, GitHost, Size, SslMode


class GithubAppArgs(TypedDict):
    """A GitHub App that is installed on the repository with the permission to read its contents."""

    application_id: NotRequired[int]
    """App ID, from the App's settings page. Give this or `clientId`."""
    client_id: NotRequired[str]
    """Client ID, from the same page."""
    installation_id: int
    """ID of the installation: the number at the end of the address of its page."""
    base_url: NotRequired[str]
    """GitHub's REST API; left out: taken from the host of the repository."""


class DagRepositoryArgs(TypedDict):
    """One more git repository with DAGs. Give at most one of `branch`, `tag` and `commit`."""

    repository: str
    """Repository URL, of the same kind as `dags.repository`: SSH or HTTPS."""
    branch: NotRequired[str]
    """Branch to follow. Followed as `main` when neither `branch`, `tag` nor `commit` is given."""
    tag: NotRequired[str]
    """Tag to stay on."""
    commit: NotRequired[str]
    """Full commit hash (40 or 64 hexadecimal digits) to stay on."""
    path: NotRequired[str]
    """Folder of the DAGs inside the repository; empty for its root."""


class DagsArgs(TypedDict):
    """Where the DAGs come from. Give at most one of `branch`, `tag` and `commit`."""

    delivery: NotRequired[DagDelivery]
    """How the DAGs get to where they run."""
    repository: NotRequired[str]
    """Repository URL: `git@host:org/repo.git`, `ssh://git@host:port/org/repo.git` or `https://host/org/repo.git`. Required unless `delivery` is `image`."""
    branch: NotRequired[str]
    """Branch to follow. Followed as `main` when neither `branch`, `tag` nor `commit` is given."""
    tag: NotRequired[str]
    """Tag to stay on."""
    commit: NotRequired[str]
    """Full commit hash (40 or 64 hexadecimal digits) to stay on."""
    path: NotRequired[str]
    """Folder of the DAGs inside the repository; empty for its root. With `delivery: image`: inside `/opt/airflow/dags` of the image, or absolute."""
    more_repositories: NotRequired[Mapping[str, DagRepositoryArgs]]
    """More repositories by a name of yours, with `delivery: gitBundle`; they share authentication and known hosts, a generated key is made for each."""
    depth: NotRequired[int]
    """Commits of history that git-sync fetches."""
    visible_within_seconds: NotRequired[int]
    """Seconds from a push until its DAGs are listed, 20 or more; sets the polling of the git host and the DAG processor's intervals together."""
    authentication: NotRequired[GitAuthentication]
    """Left out: an SSH URL uses `airflow:gitSshKey` if that is set and a generated key if not; an HTTPS URL uses `githubApp` or `airflow:gitToken` if that is set and nothing if not."""
    username: NotRequired[str]
    """User name sent with `airflow:gitToken`; most git hosts ignore it."""
    known_hosts: NotRequired[str]
    """Host keys in known_hosts format. Needed for an SSH host other than GitHub, GitLab, Bitbucket, Azure DevOps and Codeberg."""
    github_app: NotRequired[GithubAppArgs]
    """The GitHub App of `authentication: githubApp`."""
    git_host: NotRequired[GitHost]
    """What runs on the git host; left out: known by the host's name, such as gitlab.example.com."""
    register_deploy_key: NotRequired[bool]
    """Adds the generated key to the repository on GitHub or GitLab, read-only, with the secret `airflow:gitHostToken`; it goes with the stack."""


class ComponentArgs(TypedDict):
    """What one Airflow component gets; each part left out comes from the `size` preset."""

    replicas: NotRequired[int]
    """Pods to run. Task pods of the KubernetesExecutor have none."""
    cpu: NotRequired[str]
    """CPU request, a Kubernetes quantity such as `500m`."""
    memory: NotRequired[str]
    """Memory request and limit, a Kubernetes quantity such as `2Gi`."""


class ComponentsArgs(TypedDict):
    """Per-component changes to the `size` preset."""

    api_server: NotRequired[ComponentArgs]
    """The UI and the REST API."""
    scheduler: NotRequired[ComponentArgs]
    """The scheduler; with the LocalExecutor it runs the tasks too."""
    dag_processor: NotRequired[ComponentArgs]
    """Reads the DAG files."""
    triggerer: NotRequired[ComponentArgs]
    """Runs deferred operators."""
    workers: NotRequired[ComponentArgs]
    """Celery workers, or each task pod of the KubernetesExecutor."""


class InClusterDatabaseArgs(TypedDict):
    """One PostgreSQL pod with one volume: for development."""

    storage: NotRequired[str]
    """Size of its volume."""
    storage_class: NotRequired[str]
    """StorageClass of its volume; left out: the cluster's default."""


class ExternalDatabaseArgs(TypedDict):
    """A PostgreSQL that exists already; its password is the secret `airflow:databasePassword`."""

    host: pulumi.Input[str]
    """Host name or address."""
    port: NotRequired[pulumi.Input[int]]
    """TCP port."""
    name: NotRequired[pulumi.Input[str]]
    """Database name."""
    user: NotRequired[pulumi.Input[str]]
    """User that owns the database."""
    ssl_mode: NotRequired[SslMode]
    """How the connection is encrypted and the server verified."""


class CloudNativePGDatabaseArgs(TypedDict):
    """A `Cluster` of the CloudNativePG operator, which must be installed."""

    instances: NotRequired[int]
    """PostgreSQL instances: one primary, the others replicas."""
    storage: NotRequired[str]
    """Size of each instance's volume."""
    storage_class: NotRequired[str]
    """StorageClass of the volumes; left out: the cluster's default."""
    operator_namespace: NotRequired[str]
    """Namespace of the operator, which must reach the instances through the network policies."""


class DatabaseArgs(TypedDict):
    """Airflow's metadata database: at most one of these, `inCluster` when none is given."""

    in_cluster: NotRequired[InClusterDatabaseArgs]
    """A small PostgreSQL beside Airflow, for development."""
    external: NotRequired[ExternalDatabaseArgs]
    """A PostgreSQL that you run or rent."""
    cloud_native_pg: NotRequired[CloudNativePGDatabaseArgs]
    """A PostgreSQL cluster run by CloudNativePG."""


class IngressArgs(TypedDict):
    """How the API server is reached from outside; left out: by port-forward only."""

    host: str
    """Host name of the UI."""
    controller_namespace: str
    """Namespace of the ingress controller, the only one let through the network policies."""
    class_name: NotRequired[str]
    """IngressClass; left out: the cluster's default."""
    tls_secret: NotRequired[str]
    """Name of the Secret with the certificate, in Airflow's namespace; left out: plain HTTP."""
    annotations: NotRequired[Mapping[str, str]]
    """Annotations of the Ingress."""


class AdminArgs(TypedDict):
    """The first user of the UI; the password is generated (output `adminPassword`)."""

    create: NotRequired[bool]
    """False when single sign-on is configured: no user is made."""
    username: NotRequired[str]
    """Login name."""
    email: NotRequired[str]
    """E-mail address."""
    first_name: NotRequired[str]
    """First name."""
    last_name: NotRequired[str]
    """Last name."""


class LogVolumeArgs(TypedDict):
    """One volume that every component and task pod shares."""

    size: str
    """Size of the volume."""
    storage_class: NotRequired[str]
    """StorageClass; left out: the cluster's default."""
    access_mode: NotRequired[AccessMode]
    """`ReadWriteMany`, or `ReadWriteOnce` on a cluster of one node."""


class RemoteLogsArgs(TypedDict):
    """Object storage for task logs (`[logging] remote_base_log_folder`)."""

    folder: str
    """Base folder, such as `s3://bucket/airflow` or `gs://bucket/airflow` or `wasb://container`."""
    connection: NotRequired[str]
    """Airflow connection id; left out: the pods' own identity."""


class LogsArgs(TypedDict):
    """Where task logs outlive their pods: at most one of these; with none they go with the pod."""

    volume: NotRequired[LogVolumeArgs]
    """A shared volume."""
    remote: NotRequired[RemoteLogsArgs]
    """Object storage."""


class ImageArgs(TypedDict):
    """One container image."""

    repository: NotRequired[str]
    """Repository without tag."""
    tag: NotRequired[str]
    """Tag."""


class AirflowImageArgs(ImageArgs):
    """Airflow's image."""

    digest: NotRequired[str]
    """`sha256:...`; wins over the tag."""
    version: NotRequired[str]
    """Airflow's version in the image; left out: read from the tag."""


class ImagesArgs(TypedDict):
    """Every image that is run."""

    registry: NotRequired[str]
    """Mirror that replaces the registry of every image below, such as `registry.example.com/mirror`."""
    pull_secrets: NotRequired[Sequence[str]]
    """Names of existing pull Secrets in Airflow's namespace."""
    airflow: NotRequired[AirflowImageArgs]
    """Every Airflow component, the task pods and the Jobs."""
    git_sync: NotRequired[ImageArgs]
    """git-sync 4."""
    statsd: NotRequired[ImageArgs]
    """StatsD exporter for Prometheus."""
    redis: NotRequired[ImageArgs]
    """Celery's broker."""
    postgres: NotRequired[ImageArgs]
    """The in-cluster database."""


class ChartArgs(TypedDict):
    """The official Airflow chart."""

    version: NotRequired[str]
    """Exact chart version."""
    repository: NotRequired[str]
    """Helm repository URL, or `oci://registry/path` that holds the chart `airflow`."""
    path: NotRequired[str]
    """Local chart, packed or a folder; wins over `repository`."""
    timeout_seconds: NotRequired[int]
    """Seconds that an install or upgrade may take until every pod is ready."""


class SecretKeyArgs(TypedDict):
    """One key of a Secret that exists in Airflow's namespace."""

    secret: str
    """Name of the Secret."""
    key: str
    """Key in it."""


class ExistingSecretsArgs(TypedDict):
    """Secrets of Airflow's namespace that something else makes, such as the External Secrets operator: their names. What is named is neither
    generated nor kept in the state, and is rotated where it is made: restart the pods then, for no digest of it can roll them.
    """

    fernet_key: NotRequired[str]
    """Secret with the key `fernet-key`: Fernet keys, the newest first, with commas between them."""
    api_secret_key: NotRequired[str]
    """Secret with the key `api-secret-key`, which signs UI sessions."""
    jwt_secret: NotRequired[str]
    """Secret with the key `jwt-secret`, 64 characters or more, which signs the tokens of tasks and API clients."""
    admin_password: NotRequired[str]
    """Secret with the key `password`, of the admin user; the next number in `rotation.adminPassword` sets what it holds by then."""
    metadata_connection: NotRequired[str]
    """Secret with the key `connection`, a URL `postgresql://...`. It says which database: leave `database` out."""
    async_metadata_connection: NotRequired[str]
    """Secret with the key `asyncConnection`, the same as a URL `postgresql+asyncpg://...`; left out: Airflow makes it of `connection`, and asyncpg refuses a `sslmode` in it, which it calls `ssl`."""
    broker_url: NotRequired[str]
    """Secret with the key `connection`, the URL of Celery's broker. Without `redisPassword` that is one of yours, and no Redis is run."""
    redis_password: NotRequired[str]
    """Secret with the key `password`, of the Redis beside Airflow; `brokerUrl` has to hold the same: `redis://:<password>@airflow-redis:6379/0`."""
    git_ssh_key: NotRequired[str]
    """Secret with the key `gitSshKey`, a private SSH key."""
    git_token: NotRequired[str]
    """Secret with the keys `GITSYNC_USERNAME`, `GITSYNC_PASSWORD`, `GIT_SYNC_USERNAME` and `GIT_SYNC_PASSWORD`; with git-sync only."""
    github_app_private_key: NotRequired[str]
    """Secret with the key `githubAppPrivateKey`, the private key of the GitHub App."""


class RotationArgs(TypedDict):
    """Generation of every generated credential; the next number makes a new one."""

    fernet: NotRequired[int]
    """Encrypts connections and variables; the previous key stays behind the new one so that old rows stay readable."""
    fernet_given: NotRequired[bool]
    """Generation 1 of `fernet` is not made but comes along, as the secret `fernetKey` or in `existingSecrets.fernetKey`. With it set, taking that away before `fernet` is 3 is an error, and not a new key that cannot read the rows."""
    api_secret: NotRequired[int]
    """Signs UI sessions."""
    jwt: NotRequired[int]
    """Signs the tokens of tasks and API clients."""
    admin_password: NotRequired[int]
    """Password of the admin user."""
    database_password: NotRequired[int]
    """Password of the in-cluster or CloudNativePG database."""
    redis_password: NotRequired[int]
    """Password of Celery's broker."""
    git_ssh_key: NotRequired[int]
    """The generated deploy key. A new one stands beside the old one, which stays in use until it is dropped."""
    git_ssh_key_dropped: NotRequired[int]
    """Generations of the deploy key up to this one are gone, and the next one is in use: set it once that one is added to the repository."""


class AirflowArgs(TypedDict):
    """Everything that `Airflow` can be told; only `dags` is required."""

    dags: DagsArgs
    """The DAG repository."""
    executor: NotRequired[Executor]
    """Where tasks run."""
    size: NotRequired[Size]
    """Preset of replicas, CPU and memory."""
    components: NotRequired[ComponentsArgs]
    """Per-component changes to the preset."""
    database: NotRequired[DatabaseArgs]
    """The metadata database."""
    ingress: NotRequired[IngressArgs]
    """How the UI is reached from outside."""
    admin: NotRequired[AdminArgs]
    """The first user."""
    logs: NotRequired[LogsArgs]
    """Where task logs are kept."""
    images: NotRequired[ImagesArgs]
    """Container images."""
    chart: NotRequired[ChartArgs]
    """Source and version of the Helm chart."""
    namespace: NotRequired[pulumi.Input[str]]
    """Namespace of Airflow, of which there can be one in each."""
    create_namespace: NotRequired[bool]
    """False for a namespace that exists, which is then not changed, labelled or deleted. Airflow's pods pass Pod Security `restricted`, and work where a NetworkPolicy denies ingress by default: see that it has both."""
    quota: NotRequired[Mapping[str, str]]
    """ResourceQuota of the namespace, such as `requests.memory: 32Gi`; left out: none."""
    labels: NotRequired[Mapping[str, str]]
    """Labels for the namespace and everything in it."""
    service_account_annotations: NotRequired[Mapping[str, str]]
    """Annotations of the service accounts that tasks and components use, for workload identity."""
    environment: NotRequired[Mapping[str, str]]
    """Environment variables of every Airflow container and task pod. Not for secrets: use `environmentFrom`."""
    environment_from: NotRequired[Mapping[str, SecretKeyArgs]]
    """Environment variables taken from existing Secrets."""
    existing_secrets: NotRequired[ExistingSecretsArgs]
    """Secrets that something else makes, by what they hold."""
    rotation: NotRequired[RotationArgs]
    """Generations of the generated credentials."""
    protect: NotRequired[bool]
    """Protects the Fernet key, the database password, the database and the log volume from deletion."""
    values: NotRequired[Mapping[str, Any]]
    """Chart values that have no setting here; merged last."""
    git_ssh_key: NotRequired[pulumi.Input[str]]
    """Private SSH key for the DAG repository. Secret."""
    git_token: NotRequired[pulumi.Input[str]]
    """HTTPS token for the DAG repository. Secret."""
    github_app_private_key: NotRequired[pulumi.Input[str]]
    """Private key of the GitHub App. Secret."""
    git_host_token: NotRequired[pulumi.Input[str]]
    """Token of the git host that may add deploy keys to the repository. Secret."""
    database_password: NotRequired[pulumi.Input[str]]
    """Password of the external database. Secret."""
    fernet_key: NotRequired[pulumi.Input[str]]
    """Fernet key of an Airflow that is taken over, generation 1 of `rotation.fernet`, with `rotation.fernetGiven`; several with commas between them, the newest first. Secret."""
