"""Airflow's keys and passwords: random values in Kubernetes Secrets.

Every credential has a generation, and the newest is in use. All generations stay in the state, so that a protected one never has to be deleted.
Airflow also gets the Fernet key before the newest, to read older rows of the metadata database.
Protection covers the random values: a lost Secret is created again from them, and a Secret must be free to change.
A Fernet key from another Airflow is generation 1, and `rotation.fernet_given` records that permanently. With the key as the only record, a stack
that loses it would generate another, and could no longer read its database.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import NotRequired

import pulumi
import pulumi_random as random

from airflow_stack.arguments import ExistingSecretsArgs, RotationArgs
from airflow_stack.fernet_key import usable_fernet_keys
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.names import RELEASE, SecretNames
from airflow_stack.parts.kubernetes import PlacedArgs, digest, make_secret


class AirflowCredentialsArgs(PlacedArgs):
    """Arguments of `AirflowCredentials`."""

    rotation: NotRequired[RotationArgs]
    """Generation of each credential; 1 by default."""
    admin_username: NotRequired[str]
    """Login name of the admin user; left out: no password is generated."""
    database_username: NotRequired[str]
    """User of a database that the program runs; left out: no password is generated."""
    broker: NotRequired[bool]
    """Whether to generate password and URL of Celery's broker."""
    fernet_key: NotRequired[pulumi.Input[str]]
    """Existing Fernet key, generation 1, with `rotation.fernet_given`. Several are separated by commas, newest first. Secret."""
    protect: NotRequired[bool]
    """Protects the Fernet key and the database password from deletion."""
    existing_secrets: NotRequired[ExistingSecretsArgs]
    """Existing Secrets: their content is not generated."""


class AirflowCredentials(pulumi.ComponentResource):
    """Secrets under the names in `SecretNames`, with the data keys that the chart reads."""

    admin_password: pulumi.Output[str] | None = None
    """Password of the admin user. Secret."""
    database_password: pulumi.Output[str] | None = None
    """Password of the database that the program runs. Secret."""
    salt: pulumi.Output[str]
    """Salt of every digest. Secret."""
    digests: dict[str, pulumi.Output[str]]
    """Digest of each Secret's content, by the Secret's name."""

    def __init__(self, name: str, args: AirflowCredentialsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowCredentials", name, None, opts)
        self._name, self._args = name, args
        self.digests = {}
        names = SecretNames()
        rotation, existing = args.get("rotation", {}), args.get("existing_secrets", {})
        self.salt = self._random(f"{name}-salt", 32)

        if "fernet_key" not in existing:
            fernet = self._fernet_keys(rotation.get("fernet", 1), rotation.get("fernet_given", False))
            self._secret(names.fernet, {"fernet-key": pulumi.Output.concat(*_separated(fernet[-2:][::-1]))})
        if "api_secret_key" not in existing:
            api_secret = self._password("api-secret-key", rotation.get("api_secret", 1), 64)
            self._secret(names.api_secret, {"api-secret-key": api_secret})
        if "jwt_secret" not in existing:
            # HS512 asks for at least 64 bytes
            jwt = self._password("jwt-secret", rotation.get("jwt", 1), 64)
            self._secret(names.jwt, {"jwt-secret": jwt})

        if (admin := args.get("admin_username")) and "admin_password" not in existing:
            self.admin_password = self._password("admin-password", rotation.get("admin_password", 1), 24)
            self._secret(names.admin, {"username": admin, "password": self.admin_password})
        if user := args.get("database_username"):
            generation = rotation.get("database_password", 1)
            self.database_password = self._password("database-password", generation, 32, protect=True)
            data: dict[str, pulumi.Input[str]] = {"username": user, "password": self.database_password}
            # CloudNativePG asks for this type (https://cloudnative-pg.io/documentation/current/bootstrap/).
            self._secret(names.database, data, type_="kubernetes.io/basic-auth")
        if args.get("broker") and "broker_url" not in existing:
            redis = self._password("redis-password", rotation.get("redis_password", 1), 32)
            self._secret(names.redis_password, {"password": redis})
            url = pulumi.Output.concat("redis://:", redis, f"@{RELEASE}-redis:6379/0")
            self._secret(names.broker_url, {"connection": url})

        self.register_outputs({"digests": self.digests})

    def _child(self, *, protect: bool = False) -> pulumi.ResourceOptions:
        protected = True if protect and self._args.get("protect") else None
        return pulumi.ResourceOptions(parent=self, protect=protected)

    def _password(self, suffix: str, generations: int, length: int, *, protect: bool = False) -> pulumi.Output[str]:
        """The newest generation: only letters and digits, which need no escaping in a URL."""
        names = [f"{self._name}-{suffix}-{generation}" for generation in range(1, generations + 1)]
        return [self._random(name, length, protect=protect) for name in names][-1]

    def _random(self, name: str, length: int, *, protect: bool = False) -> pulumi.Output[str]:
        """Random letters and digits, about 5.95 bits each.

        Never `RandomBytes`, `RandomString` or `RandomId`: their resource id is the value itself, and ids are never secret in the state.
        """
        opts = self._child(protect=protect)
        return random.RandomPassword(name, length=length, special=False, opts=opts).result

    def _fernet_keys(self, generations: int, is_given: bool) -> list[pulumi.Output[str]]:
        """Fernet keys, oldest first: URL-safe Base64 of 32 bytes (https://cryptography.io/en/latest/fernet/).

        The bytes are 32 random letters and digits, about 190 bits. Fernet signs with one half and encrypts with the other (AES-128).
        """
        given = self._args.get("fernet_key", "")
        if is_given == (given == "") and generations < 3:
            raise pulumi.RunError(
                "fernet_key and rotation.fernet_given need each other while rotation.fernet is below 3"
            )
        first = [] if given == "" else [pulumi.Output.secret(given).apply(_validated)]
        made = [
            self._random(f"{self._name}-fernet-key-{generation}", 32, protect=True).apply(_as_fernet_key)
            for generation in range(2 if is_given else 1, generations + 1)
        ]
        return [*first, *made]

    def _secret(self, name: str, data: Mapping[str, pulumi.Input[str]], type_: str = "Opaque") -> None:
        make_secret(
            f"{self._name}-{name.removeprefix(f'{RELEASE}-')}",
            name,
            self._args,
            data,
            self._child(),
            type_,
        )
        self.digests[name] = digest(self.salt, data)


def _as_fernet_key(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _validated(fernet_key: str) -> str:
    """The key that was given. One that a stack gives was checked before; this one may come from another resource."""
    try:
        return usable_fernet_keys(fernet_key)
    except UnusableKeyError as error:
        raise pulumi.RunError(f"airflow:fernetKey {error}") from None


def _separated(keys: list[pulumi.Output[str]]) -> Sequence[pulumi.Input[str]]:
    """The keys with commas between them, as Airflow reads several (`[core] fernet_key`)."""
    return [part for key in keys for part in (",", key)][1:]
