"""Every credential of a stack, one row each: the only home of facts about one credential.

Names of chart values, Secrets, data keys and variables are those of chart 1.22.0 (`values.yaml`, `templates/secrets/`, `_helpers.yaml`).
A row holds no secret. `tests/unit/test_credentials.py` names what a new credential lacks.
"""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from cryptography.fernet import Fernet
from pydantic.alias_generators import to_camel

from airflow_stack.choices import GitAuthentication
from airflow_stack.git.private_key import UnusableKeyError, usable, usable_for_github_app
from airflow_stack.names import PROJECT, RELEASE

_AIRFLOW = ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers.celery")


class Consequence(NamedTuple):
    """Finding of `airflow-stack diff`."""

    text: str = ""
    dangerous: bool = False


_NOTHING = Consequence()


@dataclass(frozen=True)
class ChartSecret:
    """A secret that the chart's values can hold or name.

    Args:
        name: Name in Python: of the argument, and of the field of `ExistingSecrets`. Its camelCase is the name in a stack file.
        secret: Kubernetes Secret with it, under the chart's name in a release `airflow`. Empty: no pod reads one.
        chart_value: Chart value that names the Secret.
        inline: Chart values that would hold it in plain text.
        part: Key of the secret in an inline value that is an object.
        dropped: What `adopt` says of an inline value that becomes no setting.
    """

    name: str
    _: KW_ONLY
    secret: str = ""
    chart_value: str = ""
    inline: tuple[str, ...] = ()
    part: str = ""
    dropped: str = ""

    @property
    def suffix(self) -> str:
        """Name of its Secret without that of the release."""
        return self.secret.removeprefix(f"{RELEASE}-")

    @property
    def plain_text(self) -> tuple[str, ...]:
        """Paths of the secret itself in chart values."""
        return tuple(f"{path}.{self.part}" if self.part else path for path in self.inline)


@dataclass(frozen=True)
class Credential(ChartSecret):
    """One credential of a stack.

    Args:
        title: Subject of a sentence about it.
        given: Documentation of the secret in a stack file. Empty: no stack file holds it.
        file: File that a given one usually comes from.
        check: Check of a given one; see `usable`.
        authentication: `dags.authentication` that needs it.
        existing: Whether `existingSecrets` can name a Secret with it.
        rotation: Field of `Rotation` with its generation. Empty: the stack never generates it.
        keys: Data keys of its Secret.
        copies: Other Secrets with a text that contains it.
        variables: Environment variables of every Airflow container that hold it.
        readers: Chart values of the pods that read its Secret and restart when it changes.
        lost: Loss when it is deleted. Not empty: `protect` prevents that.
        invented: Consequence when the chart generates it.
        rotated: Consequence of the next generation.
        moved: Consequence when its Secret comes from elsewhere: end of a sentence.
    """

    title: str
    _: KW_ONLY
    given: str = ""
    file: str = ""
    check: Callable[[str], str] | None = None
    authentication: GitAuthentication | None = None
    existing: bool = True
    rotation: str = ""
    keys: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    lost: str = ""
    invented: str = ""
    rotated: Consequence = _NOTHING
    moved: Consequence = _NOTHING

    @property
    def setting(self) -> str:
        """Name in a stack file."""
        return to_camel(self.name)

    @property
    def resource(self) -> str:
        """Part of the names of its generated Pulumi resources."""
        return self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """Data key of the secret itself."""
        return self.keys[-1]

    @property
    def command(self) -> str:
        """Command that sets a given one in the selected stack."""
        return self.command_for("")

    def command_for(self, stack: str) -> str:
        """Command that sets a given one in a stack."""
        of_stack = f" --stack {shlex.quote(stack)}" if stack else ""
        content = f" < {self.file}" if self.file else ""
        return f"pulumi config set --secret {PROJECT}:{self.setting}{of_stack}{content}"

    def usable(self, text: str) -> str:
        """A given one in the form that its reader needs; raises `UnusableKeyError` if the reader would refuse it."""
        return self.check(text) if self.check else text

    def secret_in(self, existing: Mapping[str, str]) -> str:
        """Secret that pods read it from; `existing` has the names of existing Secrets, by the names of credentials."""
        return existing.get(self.name, self.secret)


def usable_fernet_keys(text: str) -> str:
    """The key as Airflow reads it (`[core] fernet_key`); commas separate several keys. A wrong one stops every Airflow container.

    Raises:
        UnusableKeyError: Airflow would refuse it. The message holds no part of it.
    """
    keys = [key.strip() for key in text.split(",")]
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        raise UnusableKeyError(
            "is not a Fernet key: 32 bytes in URL-safe Base64, with commas between several keys",
            "copy all of the key `fernet-key` in the Secret `airflow-fernet-key`",
        ) from None
    return ",".join(keys)


# In each row a line for the stack file, the cluster, the chart's values and the commands.
# fmt: off
GIT_SSH_KEY = Credential(
    "git_ssh_key", "The key for the DAG repository",
    given="Private SSH key for the DAG repository. Secret.", file="path/to/private-key", check=usable,
    authentication=GitAuthentication.SSH_KEY, rotation="git_ssh_key",
    secret=f"{RELEASE}-ssh-secret", keys=("gitSshKey",),  # both are the article's
    chart_value="dags.gitSync.sshKeySecret", inline=("dags.gitSync.sshKey",),
    rotated=Consequence("A new deploy key: add output `gitDeployKey` to the DAG repository."),
    moved=Consequence("it must be in the repository by now"),
)
GIT_TOKEN = Credential(
    "git_token", "The token for the DAG repository",
    given="HTTPS token for the DAG repository. Secret.", authentication=GitAuthentication.TOKEN, secret=f"{RELEASE}-git-credentials",
    copies=(f"{RELEASE}-git-connections",), chart_value="dags.gitSync.credentialsSecret",
    keys=("GIT_SYNC_USERNAME", "GIT_SYNC_PASSWORD", "GITSYNC_USERNAME", "GITSYNC_PASSWORD"),  # of git-sync 3 and 4
    moved=Consequence("it must be able to read the repository"),
)
GITHUB_APP_PRIVATE_KEY = Credential(
    "github_app_private_key", "The private key of the GitHub App",
    given="Private key of the GitHub App. Secret.", file="path/to/app.private-key.pem", check=usable_for_github_app,
    authentication=GitAuthentication.GITHUB_APP, secret=f"{RELEASE}-github-app", keys=("githubAppPrivateKey",),
    moved=Consequence("it must be one of the App's"),
)
GIT_HOST_TOKEN = Credential(
    "git_host_token", "The token of the git host",
    given="Token of the git host with permission to add deploy keys to the repository. Secret.", existing=False,
)
GIT_CONNECTIONS = Credential(
    "git_connections", "The connections of git bundles", existing=False,
    secret=f"{RELEASE}-git-connections", readers=_AIRFLOW,  # its keys are the names of the bundles
)
DATABASE_PASSWORD = Credential(
    "database_password", "The password of the database",
    given="Password of the external database. Secret.", existing=False, rotation="database_password",
    secret=f"{RELEASE}-database", keys=("username", "password"), copies=(f"{RELEASE}-metadata",),
    lost="access to the database",
    rotated=Consequence("A new password of the database user: the database and its clients switch to it."),
)
METADATA_CONNECTION = Credential(
    "metadata_connection", "The connection to the metadata database",
    secret=f"{RELEASE}-metadata", keys=("connection",), readers=_AIRFLOW,
    # The second variable is the first one's name before Airflow 2.3.
    variables=("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN", "AIRFLOW_CONN_AIRFLOW_DB"),
    chart_value="data.metadataSecretName", inline=("data.metadataConnection",), part="pass",
    invented="it connects as postgres with the password postgres",
)
ASYNC_METADATA_CONNECTION = Credential(
    "async_metadata_connection", "The connection for asyncpg", secret=METADATA_CONNECTION.secret, keys=("asyncConnection",),
    readers=_AIRFLOW, variables=("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",),
    moved=Consequence("it must lead to the same database"),
)
FERNET_KEY = Credential(
    "fernet_key", "The Fernet key",
    given="Fernet key of an Airflow that is taken over: generation 1 of `rotation.fernet`, with `rotation.fernetGiven`. Several keys are separated by commas, the newest first. Secret.",
    check=usable_fernet_keys, rotation="fernet",
    secret=f"{RELEASE}-fernet-key", keys=("fernet-key",), readers=_AIRFLOW, variables=("AIRFLOW__CORE__FERNET_KEY",),
    lost="every connection and variable in the database, which only this key decrypts",
    chart_value="fernetKeySecretName", inline=("fernetKey",),
    invented="after a new installation, connections in the database are unreadable",
    rotated=Consequence("A new Fernet key: stored values stay readable with the previous key, which is kept. Encrypt them again with `airflow rotate-fernet-key`."),
    moved=Consequence("stored values become unreadable, unless it is the same key", dangerous=True),
)
API_SECRET_KEY = Credential(
    "api_secret_key", "The API secret", rotation="api_secret",
    secret=f"{RELEASE}-api-secret-key", keys=("api-secret-key",), readers=_AIRFLOW, variables=("AIRFLOW__API__SECRET_KEY",),
    chart_value="apiSecretKeySecretName", inline=("apiSecretKey",),
    invented="every upgrade ends all sessions", dropped="the program generates it; every user logs in again, once",
    rotated=Consequence("A new API secret: sessions of the UI end, and every user logs in again."),
    moved=Consequence("unless it is the same, sessions of the UI end"),
)
JWT_SECRET = Credential(
    "jwt_secret", "The JWT secret", rotation="jwt",
    secret=f"{RELEASE}-jwt-secret", keys=("jwt-secret",), readers=("apiServer", "scheduler"), variables=("AIRFLOW__API_AUTH__JWT_SECRET",),
    chart_value="jwtSecretName", inline=("jwtSecret",),
    invented="the API refuses tasks that run during an upgrade", dropped="the program generates it, and then new tokens",
    rotated=Consequence("A new JWT secret: the tokens of running tasks, of API clients and of the UI become invalid, so running tasks fail.", dangerous=True),
    moved=Consequence("unless it is the same, the tokens of running tasks, of API clients and of the UI become invalid", dangerous=True),
)
ADMIN_PASSWORD = Credential(
    "admin_password", "The password of the admin user", rotation="admin_password",
    secret=f"{RELEASE}-admin", keys=("username", "password"),
    inline=("createUserJob.defaultUser", "webserver.defaultUser"), part="password",
    rotated=Consequence("A new password of the admin user: output `adminPassword`."),
    moved=Consequence("the next number in `rotation.adminPassword` applies it"),
)
BROKER_URL = Credential(
    "broker_url", "The broker",
    secret=f"{RELEASE}-broker-url", keys=("connection",), readers=_AIRFLOW,
    variables=("AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__CELERY__RESULT_BACKEND"),  # Redis is both
    chart_value="data.brokerUrlSecretName", inline=("data.brokerUrl",),
    dropped="the program creates it, with the broker", moved=Consequence("tasks queued in the old one are not taken over", dangerous=True),
)
RESULT_BACKEND = Credential(
    "result_backend", "The store of Celery's results", secret=f"{RELEASE}-result-backend", keys=("connection",), readers=_AIRFLOW,
    chart_value="data.resultBackendSecretName", inline=("data.resultBackendConnection",),
    dropped="Celery keeps its results in the broker", moved=Consequence("the states of running tasks in the old one are no longer read"),
)
REDIS_PASSWORD = Credential(
    "redis_password", "The password of Redis", rotation="redis_password",
    secret=f"{RELEASE}-redis-password", keys=("password",), copies=(BROKER_URL.secret,), readers=("redis",),
    chart_value="redis.passwordSecretName", inline=("redis.password",), dropped="the program generates it, with the broker",
    rotated=Consequence("A new password of the broker: it restarts, and its queued tasks may be queued again."),
    moved=Consequence("the broker's URL must hold the same"),
)
LOGIN_CLIENT_SECRET = Credential(
    "login_client_secret", "The client secret of the login",
    given="Client secret of `access.login`, from the identity provider. Secret.", secret=f"{RELEASE}-login-client", keys=("loginClientSecret",),
    readers=("apiServer",), moved=Consequence("it must be valid at the identity provider"),
)
CREDENTIALS = (
    GIT_SSH_KEY, GIT_TOKEN, GITHUB_APP_PRIVATE_KEY, GIT_HOST_TOKEN, GIT_CONNECTIONS, DATABASE_PASSWORD, METADATA_CONNECTION,
    ASYNC_METADATA_CONNECTION, FERNET_KEY, API_SECRET_KEY, JWT_SECRET, ADMIN_PASSWORD, BROKER_URL, REDIS_PASSWORD, RESULT_BACKEND,
    LOGIN_CLIENT_SECRET,
)
"""The credentials of a stack."""
SECRETS = {credential.setting: credential for credential in CREDENTIALS if credential.given}
"""Those that a stack file holds, by their settings."""


def needed_by(authentication: GitAuthentication | None) -> list[Credential]:
    """The credentials that `dags.authentication` needs."""
    return [each for each in CREDENTIALS if authentication and each.authentication is authentication]


# Secrets of the chart that no stack has.
WEBSERVER_SECRET_KEY = ChartSecret(
    "webserver_secret_key", inline=("webserverSecretKey",), dropped="was for Airflow 2; sessions of the UI are signed with the API secret",
)
POSTGRESQL = ChartSecret(
    "postgresql", secret=f"{RELEASE}-postgresql", chart_value="postgresql.auth.existingSecret", inline=("postgresql.auth.password", "postgresql.auth.postgresPassword"),
)
FLOWER = ChartSecret(
    "flower", secret=f"{RELEASE}-flower", chart_value="flower.secretName", inline=("flower.password",),
    dropped="put `user:password` into a Secret, key basicAuth, and name it in flower.secretName",
)
KERBEROS_KEYTAB = ChartSecret(
    "kerberos_keytab", secret=f"{RELEASE}-kerberos-keytab", inline=("kerberos.keytabBase64Content",),
    dropped=f"has no setting: create the Secret {RELEASE}-kerberos-keytab in the namespace",
)
PGBOUNCER_KEY = ChartSecret("pgbouncer_key", secret=f"{RELEASE}-pgbouncer-certificates", inline=("pgbouncer.ssl.key",))
CHART_SECRETS: tuple[ChartSecret, ...] = (
    *CREDENTIALS, WEBSERVER_SECRET_KEY, POSTGRESQL, FLOWER, KERBEROS_KEYTAB, PGBOUNCER_KEY,
    ChartSecret(
        "registry", secret=f"{RELEASE}-registry", chart_value="registry.secretName", inline=("registry.connection",), part="pass",
        dropped="name a pull Secret of the namespace in airflow:images.pullSecrets",
    ),
    *(
        ChartSecret(
            name, secret=f"{RELEASE}-{name}", chart_value=f"{name}.secretName", inline=(f"{name}.connection",), part="pass",
            dropped=f"put it into a Secret and name that in {name}.secretName",
        )
        for name in ("elasticsearch", "opensearch")
    ),
    ChartSecret("extra_secrets", inline=("extraSecrets",)),
)
"""The secrets that the chart's values can hold or name."""
# fmt: on
