"""Closed sets of values. Python uses the names in capitals, a stack file the values."""

from enum import StrEnum


class Executor(StrEnum):
    """Executors; the names are Airflow's own."""

    KUBERNETES = "KubernetesExecutor"
    """One pod per task instance."""
    LOCAL = "LocalExecutor"
    """Processes in the scheduler's pod."""
    CELERY = "CeleryExecutor"
    """Permanent workers, with a Redis broker."""


class Size(StrEnum):
    """Presets of replicas, CPU and memory (`chart/sizes.py`)."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class GitAuthentication(StrEnum):
    """Authentication at the git host."""

    SSH_KEY = "sshKey"
    """Your private SSH key, the secret `airflow:gitSshKey`."""
    GENERATED_SSH_KEY = "generatedSshKey"
    """A generated ed25519 key. Add its public half (output `gitDeployKey`) as a read-only deploy key."""
    TOKEN = "token"  # noqa: S105  the name of a method, not a token
    """Your HTTPS token, the secret `airflow:gitToken`."""
    GITHUB_APP = "githubApp"
    """A GitHub App over HTTPS: `dags.githubApp`, with the secret `airflow:githubAppPrivateKey`."""
    NONE = "none"
    """A public repository over HTTPS."""


class DagDelivery(StrEnum):
    """Ways of the DAGs into Airflow's pods."""

    GIT_SYNC = "gitSync"
    """git-sync sidecars keep a copy of the repository in every pod that needs one."""
    GIT_BUNDLE = "gitBundle"
    """Airflow's git bundle: one poller, and every run records its commit."""
    IMAGE = "image"
    """DAGs in Airflow's image, for clusters without access to a git host."""


class GitHost(StrEnum):
    """Products of git hosts."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"
    AZURE_DEVOPS = "azureDevOps"
    GITEA = "gitea"
    """Gitea or Forgejo."""


class GitRefKind(StrEnum):
    """Kinds of git refs."""

    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"


class AccessMode(StrEnum):
    """Access modes of a volume; the names are Kubernetes' own."""

    READ_WRITE_MANY = "ReadWriteMany"
    """Read and write by many nodes: task pods run on any node."""
    READ_WRITE_ONCE = "ReadWriteOnce"
    """Read and write by one node: for a cluster of one node."""


class Tier(StrEnum):
    """Deployment tiers of a stack. The policies of each differ (`policies/`)."""

    PRODUCTION = "production"
    """Permanent data and real users: every policy, and those for production."""
    STAGING = "staging"
    """Merged commits before their release."""
    DEVELOPMENT = "development"
    """Anything else."""


class SslMode(StrEnum):
    """PostgreSQL's `sslmode` (https://www.postgresql.org/docs/current/libpq-ssl.html)."""

    DISABLE = "disable"
    """Not encrypted."""
    PREFER = "prefer"
    """Encrypted if the server supports it."""
    REQUIRE = "require"
    """Encrypted, without verification of the server."""
    VERIFY_CA = "verify-ca"
    """Encrypted, with a server certificate of an authority in `caBundle`, or in `~/.postgresql/root.crt` of Airflow's image."""
    VERIFY_FULL = "verify-full"
    """As `verify-ca`, with a certificate for this host."""


class TaskIsolation(StrEnum):
    """Separation of tasks from the credentials of Airflow."""

    ISOLATED = "isolated"
    """Tasks have no Kubernetes token, no key of Airflow and no path to the metadata database. They use the Execution API."""
    TRUSTED = "trusted"
    """Tasks have what Airflow has: the chart's defaults. DAG authors are then administrators of the namespace."""


class LoginProvider(StrEnum):
    """Identity providers of the UI's login."""

    GITHUB = "github"
    """GitHub, or GitHub Enterprise Server: an organisation and its teams."""
    GOOGLE = "google"
    """Google Workspace: domains."""
    AZURE = "azure"
    """Microsoft Entra ID: a tenant, with app roles or groups."""
    OKTA = "okta"
    """Okta: groups."""
    KEYCLOAK = "keycloak"
    """Keycloak: groups or roles of a realm."""
    OIDC = "oidc"
    """Any other issuer of OpenID Connect."""


class UserRole(StrEnum):
    """Airflow's roles for users (https://airflow.apache.org/docs/apache-airflow-providers-fab/stable/auth-manager/access-control.html)."""

    ADMIN = "Admin"
    """Everything, users among it."""
    OP = "Op"
    """As `User`, with connections, variables, pools and configuration."""
    USER = "User"
    """Runs and changes DAG runs and tasks."""
    VIEWER = "Viewer"
    """Reads."""
