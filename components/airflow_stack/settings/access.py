"""Settings of who may use Airflow. `inputs/login_rules.py` has what must hold between them; no model holds a secret."""

from typing import Annotated

from pydantic import Field

from airflow_stack.choices import LoginProvider, UserRole

from .fields import Line, Matching, Model
from .kubernetes_rules import HOST

_Word = Annotated[str, Matching(r"^[^\s\x00-\x1f\x7f]+$", "one word, without spaces")]
_Domain = Annotated[
    str, Matching(r"^(?=.{3,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$", "a domain in lowercase such as example.com")
]


class Login(Model):
    """Login of the UI by an identity provider (docs/guides/login.md). It needs an https address and the secret `loginClientSecret`."""

    provider: LoginProvider
    """Identity provider."""
    client_id: _Word
    """Client ID of Airflow at the provider."""
    organization: (
        Annotated[str, Matching(r"^[A-Za-z0-9]([A-Za-z0-9-]{0,38})$", "the name of a GitHub organisation")] | None
    ) = None
    """GitHub only: organisation of all users. Others are refused."""
    host: Annotated[str, Matching(f"^{HOST}$", "a host name such as github.example.com")] | None = None
    """GitHub Enterprise Server only: its host; left out: github.com."""
    domains: tuple[_Domain, ...] = ()
    """Domains of all users: of Google's organisations, else of verified e-mail addresses."""
    tenant: (
        Annotated[str, Matching(r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$", "a tenant ID, or a domain of the tenant")] | None
    ) = None
    """Entra ID only: the tenant of all users."""
    issuer: (
        Annotated[
            str,
            Matching(
                r"^https://[^\s/?#@]+(/[^\s?#@]*[^\s?#@/])?$",
                "an https:// address without query and without a slash at the end",
            ),
        ]
        | None
    ) = None
    """Okta, Keycloak and `oidc`: issuer, such as `https://login.example.com/realms/acme`. Its metadata are below `/.well-known/openid-configuration`."""
    claim: (
        Annotated[
            str,
            Matching(r"^[\w:/-]+(\.[\w:/-]+)*$", "the name of a claim, or a path with dots such as realm_access.roles"),
        ]
        | None
    ) = None
    """Claim with the groups; left out: `roles` of Entra ID, and `groups` otherwise. GitHub and Google have none."""
    groups: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    """Groups that may enter, or teams of the GitHub organisation; left out: every group in `roles`."""
    roles: dict[Line, UserRole] = {}
    """Role of each group: a group of the claim, the slug of a GitHub team, or for Google an e-mail address or a domain. Somebody in several groups has all of their roles."""
    default_role: UserRole | None = None
    """Role of users without a group in `roles`; left out: they are refused."""
    session_hours: Annotated[int, Field(ge=1, le=720)] = 12
    """Hours until the next login. A lost group counts from that login on. Tokens of API clients last as long."""


class Access(Model):
    """People and programs that may use Airflow."""

    login: Login | None = None
    """Login by an identity provider; left out: by the password of the admin user."""
