"""The names that Airflow's parts call each other by: the Helm release, its Secrets and their keys.

The data keys are those which chart 1.22.0 reads (`templates/secrets/`, `_helpers.yaml`); the Secrets are the program's.
"""

from dataclasses import dataclass

RELEASE = "airflow"
API_SERVER_PORT = 8080
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
"""FAB: the only auth manager of Airflow 3 that keeps users in the metadata database."""


@dataclass(frozen=True)
class SecretNames:
    """The Secrets of one Helm release."""

    release: str = RELEASE

    @property
    def fernet(self) -> str:
        """Key `fernet-key`."""
        return f"{self.release}-fernet-key"

    @property
    def api_secret(self) -> str:
        """Key `api-secret-key`."""
        return f"{self.release}-api-secret-key"

    @property
    def jwt(self) -> str:
        """Key `jwt-secret`."""
        return f"{self.release}-jwt-secret"

    @property
    def metadata(self) -> str:
        """Keys `connection` and `asyncConnection`: SQLAlchemy URLs of the metadata database."""
        return f"{self.release}-metadata"

    @property
    def database(self) -> str:
        """Keys `username` and `password`, for a database that the program runs itself."""
        return f"{self.release}-database"

    @property
    def broker_url(self) -> str:
        """Key `connection`: Celery's broker."""
        return f"{self.release}-broker-url"

    @property
    def redis_password(self) -> str:
        """Key `password`."""
        return f"{self.release}-redis-password"

    @property
    def admin(self) -> str:
        """Keys `username` and `password`."""
        return f"{self.release}-admin"

    @property
    def git_ssh(self) -> str:
        """Key `gitSshKey`; the name and the key are the article's."""
        return f"{self.release}-ssh-secret"

    @property
    def git_token(self) -> str:
        """The four keys GIT_SYNC_USERNAME, GIT_SYNC_PASSWORD, GITSYNC_USERNAME and GITSYNC_PASSWORD."""
        return f"{self.release}-git-credentials"

    @property
    def github_app(self) -> str:
        """Key `githubAppPrivateKey`."""
        return f"{self.release}-github-app"

    @property
    def git_connections(self) -> str:
        """One key for each git bundle: its Airflow connection; over SSH also `known_hosts` and `ssh_config`."""
        return f"{self.release}-git-connections"

    def git_ssh_of(self, repository: str) -> str:
        """Key `gitSshKey` of one of `dags.moreRepositories`."""
        return f"{self.git_ssh}-{repository}"

    @property
    def git(self) -> tuple[str, ...]:
        """All that git-sync reads, whichever of them is made."""
        return self.git_ssh, self.git_token, self.github_app


GIT_CONNECTION = "git_dags"
"""Airflow connection of git bundles: the beginning of its id."""
LOG_CLAIM = f"{RELEASE}-task-logs"
"""PersistentVolumeClaim of the task logs. The chart's own would always ask for ReadWriteMany."""
