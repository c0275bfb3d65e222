"""Settings of credentials: names of existing Secrets, and generations of generated credentials. No model holds a secret."""

from typing import Annotated

from pydantic import Field

from .fields import Generation, Matching, Model, ObjectName


class SecretKey(Model):
    """One key of an existing Secret in Airflow's namespace."""

    secret: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Matching(r"^[-._a-zA-Z0-9]+$", "the key of a Secret")]
    """Key in it."""


class ExistingSecrets(Model):
    """Names of existing Secrets in Airflow's namespace, such as those of the External Secrets operator. Pulumi neither generates nor stores their content. Rotate it at its source, then restart the pods: no digest of it rolls them."""

    fernet_key: ObjectName | None = None
    """Secret with the key `fernet-key`: Fernet keys, the newest first, separated by commas."""
    api_secret_key: ObjectName | None = None
    """Secret with the key `api-secret-key`, which signs UI sessions."""
    jwt_secret: ObjectName | None = None
    """Secret with the key `jwt-secret`, 64 characters or more, which signs the tokens of tasks and API clients."""
    admin_password: ObjectName | None = None
    """Secret with the key `password`, of the admin user. A higher `rotation.adminPassword` applies its present content."""
    metadata_connection: ObjectName | None = None
    """Secret with the key `connection`, a URL `postgresql://...`. It names the database: leave `database` out."""
    async_metadata_connection: ObjectName | None = None
    """Secret with the key `asyncConnection`, a URL `postgresql+asyncpg://...`. Left out: Airflow derives it from `connection`. asyncpg refuses `sslmode`, which it calls `ssl`."""
    broker_url: ObjectName | None = None
    """Secret with the key `connection`, the URL of Celery's broker. Without `redisPassword` it is your own broker, and no Redis runs."""
    result_backend: ObjectName | None = None
    """Secret with the key `connection`, the URL of the store of Celery's results. Left out: the program's Redis; with a broker of your own, the metadata database of trusted tasks."""
    redis_password: ObjectName | None = None
    """Secret with the key `password`, of the Redis in Airflow's namespace. `brokerUrl` must contain the same: `redis://:<password>@airflow-redis:6379/0`."""
    git_ssh_key: ObjectName | None = None
    """Secret with the key `gitSshKey`, a private SSH key."""
    git_token: ObjectName | None = None
    """Secret with the keys `GITSYNC_USERNAME`, `GITSYNC_PASSWORD`, `GIT_SYNC_USERNAME` and `GIT_SYNC_PASSWORD`; with git-sync only."""
    github_app_private_key: ObjectName | None = None
    """Secret with the key `githubAppPrivateKey`, the private key of the GitHub App."""
    login_client_secret: ObjectName | None = None
    """Secret with the key `loginClientSecret`, the client secret of `access.login`."""


class Rotation(Model):
    """Generation of every generated credential. A higher number generates a new one."""

    fernet: Generation = 1
    """Encrypts connections and variables. The previous key is kept, so that old rows stay readable."""
    fernet_given: bool = False
    """Generation 1 of `fernet` is the secret `fernetKey` or `existingSecrets.fernetKey`, not a generated key. Removing that key before `fernet` is 3 is then an error: a new key could not read the rows."""
    api_secret: Generation = 1
    """Signs UI sessions."""
    jwt: Generation = 1
    """Signs the tokens of tasks and API clients."""
    admin_password: Generation = 1
    """Password of the admin user."""
    database_password: Generation = 1
    """Password of the in-cluster or CloudNativePG database."""
    redis_password: Generation = 1
    """Password of Celery's broker."""
    git_ssh_key: Generation = 1
    """The generated deploy key. A new key is added to the old one, which stays in use until `gitSshKeyDropped` drops it."""
    git_ssh_key_dropped: Annotated[int, Field(ge=0)] = 0
    """Drops generations of the deploy key up to this one; the next one is used. Add that one to the repository first."""
