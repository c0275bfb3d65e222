"""Airflow's keys and passwords: random values in Kubernetes Secrets.

Every credential has a generation, and the newest is in use. All generations stay in the state, so that a protected one never has to be deleted.
Airflow also gets the Fernet key before the newest, to read older rows of the metadata database.
Protection covers the random values: a lost Secret is created again from them, and a Secret must be free to change.
A Fernet key from another Airflow is generation 1, and `rotation.fernet_given` records that permanently. With the key as the only record, a stack
that loses it would generate another, and could no longer read its database.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import NotRequired, cast

import pulumi
import pulumi_random as random

from airflow_stack import credentials
from airflow_stack.arguments import ExistingSecretsArgs, RotationArgs
from airflow_stack.names import RELEASE

from .kubernetes import PlacedArgs, checked, digest, make_secret


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
    """Generated credentials in Kubernetes Secrets, under the names and data keys of `credentials.py`."""

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
        existing = args.get("existing_secrets", {})
        self.salt = self._random(f"{name}-salt", 32)

        if credentials.FERNET_KEY.name not in existing:
            self._secret(credentials.FERNET_KEY, pulumi.Output.concat(*_separated(self._fernet_keys()[-2:][::-1])))
        if credentials.API_SECRET_KEY.name not in existing:
            self._secret(credentials.API_SECRET_KEY, self._generated(credentials.API_SECRET_KEY, 64)[-1])
        if credentials.JWT_SECRET.name not in existing:
            # HS512 asks for at least 64 bytes
            self._secret(credentials.JWT_SECRET, self._generated(credentials.JWT_SECRET, 64)[-1])

        if (admin := args.get("admin_username")) and credentials.ADMIN_PASSWORD.name not in existing:
            self.admin_password = self._generated(credentials.ADMIN_PASSWORD, 24)[-1]
            self._secret(credentials.ADMIN_PASSWORD, admin, self.admin_password)
        if user := args.get("database_username"):
            self.database_password = self._generated(credentials.DATABASE_PASSWORD, 32)[-1]
            # CloudNativePG asks for this type (https://cloudnative-pg.io/documentation/current/bootstrap/).
            self._secret(credentials.DATABASE_PASSWORD, user, self.database_password, type_="kubernetes.io/basic-auth")
        if args.get("broker") and credentials.BROKER_URL.name not in existing:
            redis = self._generated(credentials.REDIS_PASSWORD, 32)[-1]
            self._secret(credentials.REDIS_PASSWORD, redis)
            self._secret(credentials.BROKER_URL, pulumi.Output.concat("redis://:", redis, f"@{RELEASE}-redis:6379/0"))

        self.register_outputs({"digests": self.digests})

    def _generated(self, credential: credentials.Credential, length: int, first: int = 1) -> list[pulumi.Output[str]]:
        """All generations, the oldest first: only letters and digits, which need no escaping in a URL."""
        protect = bool(credential.lost and self._args.get("protect"))
        return [
            self._random(f"{self._name}-{credential.resource}-{number}", length, protect=protect)
            for number in range(first, self._newest(credential) + 1)
        ]

    def _newest(self, credential: credentials.Credential) -> int:
        return cast(Mapping[str, int], self._args.get("rotation", {})).get(credential.rotation, 1)

    def _random(self, name: str, length: int, *, protect: bool = False) -> pulumi.Output[str]:
        """Random letters and digits, about 5.95 bits each.

        Never `RandomBytes`, `RandomString` or `RandomId`: their resource id is the value itself, and ids are never secret in the state.
        """
        opts = pulumi.ResourceOptions(parent=self, protect=protect or None)
        return random.RandomPassword(name, length=length, special=False, opts=opts).result

    def _fernet_keys(self) -> list[pulumi.Output[str]]:
        """Fernet keys, oldest first: URL-safe Base64 of 32 bytes (https://cryptography.io/en/latest/fernet/).

        The bytes are 32 random letters and digits, about 190 bits. Fernet signs with one half and encrypts with the other (AES-128).
        """
        given, is_given = self._args.get("fernet_key", ""), self._args.get("rotation", {}).get("fernet_given", False)
        if is_given == (given == "") and self._newest(credentials.FERNET_KEY) < 3:
            raise pulumi.RunError(
                "fernet_key and rotation.fernet_given need each other while rotation.fernet is below 3"
            )
        first = [] if given == "" else [checked(credentials.FERNET_KEY, given)]
        made = self._generated(credentials.FERNET_KEY, 32, first=2 if is_given else 1)
        return [*first, *(text.apply(_as_fernet_key) for text in made)]

    def _secret(self, credential: credentials.Credential, *values: pulumi.Input[str], type_: str = "Opaque") -> None:
        """The Secret of a credential; `values` are those of its data keys."""
        data = dict(zip(credential.keys, values, strict=True))
        opts = pulumi.ResourceOptions(parent=self)
        make_secret(f"{self._name}-{credential.suffix}", credential.secret, self._args, data, opts, type_)
        self.digests[credential.secret] = digest(self.salt, data)


def _as_fernet_key(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _separated(keys: list[pulumi.Output[str]]) -> Sequence[pulumi.Input[str]]:
    """The keys with commas between them, as Airflow reads several (`[core] fernet_key`)."""
    return [part for key in keys for part in (",", key)][1:]
