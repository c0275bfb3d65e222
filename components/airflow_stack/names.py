"""Names that Airflow's parts share: the Helm release, its Secrets and their data keys.

Chart 1.22.0 defines the data keys (`templates/secrets/`, `_helpers.yaml`). The names of the Secrets are the program's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

RELEASE = "airflow"
API_SERVER_PORT = 8080
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
"""FAB: the only auth manager of Airflow 3 that keeps users in the metadata database."""


# Keys of `existingSecrets` that differ from the names of the fields below.
_HELD_AS = {
    "fernet_key": "fernet",
    "api_secret_key": "api_secret",
    "jwt_secret": "jwt",
    "admin_password": "admin",
    "metadata_connection": "metadata",
    "async_metadata_connection": "metadata_async",
    "git_ssh_key": "git_ssh",
    "github_app_private_key": "github_app",
}


@dataclass(frozen=True)
class SecretNames:
    """Names of the release's Secrets: the program's own, or those of existing Secrets."""

    fernet: str = f"{RELEASE}-fernet-key"
    """Key `fernet-key`."""
    api_secret: str = f"{RELEASE}-api-secret-key"
    """Key `api-secret-key`."""
    jwt: str = f"{RELEASE}-jwt-secret"
    """Key `jwt-secret`."""
    metadata: str = f"{RELEASE}-metadata"
    """Key `connection`: SQLAlchemy URL of the metadata database."""
    metadata_async: str = f"{RELEASE}-metadata"
    """Key `asyncConnection`: the same for asyncpg."""
    database: str = f"{RELEASE}-database"
    """Keys `username` and `password`, for a database that the program runs itself."""
    broker_url: str = f"{RELEASE}-broker-url"
    """Key `connection`: Celery's broker."""
    redis_password: str = f"{RELEASE}-redis-password"
    """Key `password`."""
    admin: str = f"{RELEASE}-admin"
    """Key `password`; the program's own has the key `username` too."""
    git_ssh: str = f"{RELEASE}-ssh-secret"
    """Key `gitSshKey`. Name and key are those of the article."""
    git_token: str = f"{RELEASE}-git-credentials"
    """The four keys GIT_SYNC_USERNAME, GIT_SYNC_PASSWORD, GITSYNC_USERNAME and GITSYNC_PASSWORD."""
    github_app: str = f"{RELEASE}-github-app"
    """Key `githubAppPrivateKey`."""
    git_connections: str = f"{RELEASE}-git-connections"
    """One key per git bundle: its Airflow connection. Over SSH also `known_hosts` and `ssh_config`."""

    @classmethod
    def of(cls, existing: Mapping[str, str]) -> "SecretNames":
        """Names with some existing Secrets; `existing` has the keys of the setting `existingSecrets`."""
        return cls(**{_HELD_AS.get(key, key): name for key, name in existing.items()})

    def git_ssh_of(self, repository: str) -> str:
        """Secret of one of `dags.moreRepositories`. Key `gitSshKey`."""
        return f"{self.git_ssh}-{repository}"

    @property
    def git(self) -> tuple[str, ...]:
        """Every Secret that git-sync may read."""
        return self.git_ssh, self.git_token, self.github_app


GIT_CONNECTION = "git_dags"
"""Prefix of the connection ids of git bundles."""
LOG_CLAIM = f"{RELEASE}-task-logs"
"""PersistentVolumeClaim of the task logs. The chart's own would always request ReadWriteMany."""
