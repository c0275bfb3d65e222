"""What is there already and only named: the namespace, and Secrets that something else makes, such as the External Secrets operator.

Names are documented in `arguments.py`. Whether such a Secret is there and holds what it should is not looked up: a pod that lacks it waits for it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from airflow_stack.choices import DagDelivery, Executor, GitAuthentication
from airflow_stack.settings.fields import Model, Name

if TYPE_CHECKING:
    from airflow_stack.settings.models import Settings

# Which generation goes with what; that of the admin user's password says that the Secret has another by now.
_ROTATED = {
    "fernet_key": "fernet",
    "api_secret_key": "api_secret",
    "jwt_secret": "jwt",
    "redis_password": "redis_password",
    "git_ssh_key": "git_ssh_key",
}
Found = tuple[str, str, str]
"""Setting, what is wrong with it, and the way out."""


class ExistingSecrets(Model):  # noqa: D101
    fernet_key: Name | None = None
    api_secret_key: Name | None = None
    jwt_secret: Name | None = None
    admin_password: Name | None = None
    metadata_connection: Name | None = None
    async_metadata_connection: Name | None = None
    broker_url: Name | None = None
    redis_password: Name | None = None
    git_ssh_key: Name | None = None
    git_token: Name | None = None
    github_app_private_key: Name | None = None


def disagreements(settings: "Settings") -> Iterator[Found]:
    """What else the stack asks for that cannot go with what exists."""
    existing, database = settings.existing_secrets, settings.database
    given = existing.model_dump(exclude_none=True)
    if not settings.create_namespace and settings.quota:
        yield _left_out("quota", "is for whoever makes the namespace, which createNamespace says is not this stack")
    if existing.metadata_connection and database != type(database)():
        yield _left_out("database", "is named twice: existingSecrets.metadataConnection holds its address already")
    if existing.redis_password and not existing.broker_url:
        reason = "is needed with existingSecrets.redisPassword: the URL holds that password, which is not known here"
        yield "existingSecrets.brokerUrl", reason, "pulumi config set --path 'airflow:existingSecrets.brokerUrl' <name>"
    for name in sorted(given.keys() - _read(settings)):
        setting, reason = f"existingSecrets.{to_camel(name)}", "is read by nothing with the stack's other settings"
        if name == "git_token" and settings.dags.delivery is DagDelivery.GIT_BUNDLE:
            reason = "is for git-sync; a git bundle has the token in its connection: set the secret airflow:gitToken"
        yield _left_out(setting, reason)
    for name, generation in _ROTATED.items():
        if name in given and getattr(settings.rotation, generation) != 1:
            reason = f"is of a generated key, and existingSecrets.{to_camel(name)} names one that is rotated where it is made"
            yield _left_out(f"rotation.{to_camel(generation)}", reason)


def _left_out(setting: str, reason: str) -> Found:
    return setting, reason, f"pulumi config rm --path 'airflow:{setting}'"


def _read(settings: "Settings") -> set[str]:
    """The Secrets that the stack's pods read."""
    read = {"fernet_key", "api_secret_key", "jwt_secret", "metadata_connection"}
    if settings.existing_secrets.metadata_connection:
        read |= {"async_metadata_connection"}
    if settings.admin.create:
        read |= {"admin_password"}
    if settings.executor is Executor.CELERY:
        read |= {"broker_url", "redis_password"}
    match settings.dags.authentication:
        case GitAuthentication.SSH_KEY:
            read |= {"git_ssh_key"}
        case GitAuthentication.TOKEN if settings.dags.delivery is DagDelivery.GIT_SYNC:
            read |= {"git_token"}
        case GitAuthentication.GITHUB_APP:
            read |= {"github_app_private_key"}
    return read
