"""Closed sets of values that settings take. Python names them in capitals; a stack file has the values."""

from enum import StrEnum


class Executor(StrEnum):
    """Where task instances run; the names are Airflow's own."""

    KUBERNETES = "KubernetesExecutor"
    """A pod for each task instance, gone with it."""
    LOCAL = "LocalExecutor"
    """Processes in the scheduler's pod."""
    CELERY = "CeleryExecutor"
    """Workers that stay, with a Redis beside Airflow."""


class Size(StrEnum):
    """Presets of replicas, CPU and memory (`sizes.py` has the numbers)."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class GitAuthentication(StrEnum):
    """How git-sync proves itself to the git host."""

    SSH_KEY = "sshKey"
    """A private key that you give as the secret `airflow:gitSshKey`."""
    GENERATED_SSH_KEY = "generatedSshKey"
    """An ed25519 key made by the stack; add its public half (output `gitDeployKey`) as a read-only deploy key."""
    TOKEN = "token"  # noqa: S105  the name of a method, not a token
    """An HTTPS token that you give as the secret `airflow:gitToken`."""
    GITHUB_APP = "githubApp"
    """A GitHub App over HTTPS: `dags.githubApp` names it, the secret `airflow:githubAppPrivateKey` is its key."""
    NONE = "none"
    """A public repository over HTTPS."""


class DagDelivery(StrEnum):
    """How the DAGs get to where they run."""

    GIT_SYNC = "gitSync"
    """git-sync beside Airflow keeps a copy of the repository in every pod that needs one."""
    GIT_BUNDLE = "gitBundle"
    """Airflow's own git bundle: one poller, and each run records the commit that it ran."""
    IMAGE = "image"
    """The DAGs are in Airflow's image: for clusters that reach no git host."""


class GitHost(StrEnum):
    """What runs on the git host."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"
    AZURE_DEVOPS = "azureDevOps"
    GITEA = "gitea"
    """Gitea or Forgejo."""


class GitRefKind(StrEnum):
    """What is followed in a git repository."""

    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"


class AccessMode(StrEnum):
    """How many nodes may write to a volume at once; the names are Kubernetes' own."""

    READ_WRITE_MANY = "ReadWriteMany"
    """Many: task pods run on any node."""
    READ_WRITE_ONCE = "ReadWriteOnce"
    """One: for a cluster of one node."""


class SslMode(StrEnum):
    """PostgreSQL's `sslmode` (https://www.postgresql.org/docs/current/libpq-ssl.html)."""

    DISABLE = "disable"
    """Not encrypted."""
    PREFER = "prefer"
    """Encrypted if the server can."""
    REQUIRE = "require"
    """Encrypted; who the server is, is not verified."""
    VERIFY_CA = "verify-ca"
    """Encrypted, and the server's certificate is of an authority in `~/.postgresql/root.crt` of Airflow's image."""
    VERIFY_FULL = "verify-full"
    """The same, and the certificate is of this host."""
