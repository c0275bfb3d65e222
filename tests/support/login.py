"""People at identity providers, and stacks whose login lets some of them in: cases for the generated `webserver_config.py`."""

from dataclasses import dataclass, field
from typing import Any

from tests.support.cases import HTTPS, Config

OUTSIDE = {
    "dags": HTTPS,
    "ingress": {"host": "airflow.example.com", "controllerNamespace": "ingress", "tlsSecret": "airflow-tls"},
    "images": {"airflow": {"repository": "acme/airflow", "tag": "3.3.2-login"}},
}
"""A stack with an https address and an image with authlib."""
ROLES = {"admins": "Admin", "ops": "Op", "users": "User", "viewers": "Viewer"}
PROVIDERS: dict[str, Config] = {
    "github": {"organization": "acme"},
    "google": {"domains": ["example.com"]},
    "azure": {"tenant": "99999999-8888-7777-6666-555555555555"},
    "okta": {"issuer": "https://acme.okta.com"},
    "keycloak": {"issuer": "https://login.example.com/realms/acme", "claim": "realm_access.roles"},
    "oidc": {"issuer": "https://id.example.com", "domains": ["example.com"]},
}


def login(provider: str, **more: object) -> Config:
    """Settings of a stack with a login; the roles of Google are those of e-mail addresses."""
    roles = {f"{group}@example.com": role for group, role in ROLES.items()} if provider == "google" else ROLES
    given = {"provider": provider, "clientId": "airflow", "roles": roles, **PROVIDERS[provider], **more}
    return {**OUTSIDE, "access": {"login": given}}


@dataclass(frozen=True)
class Person:
    """Somebody as the identity provider knows them."""

    name: str = "ada"
    groups: list[str] = field(default_factory=list)
    verified: bool = True
    inside: bool = True
    """Member of the organisation, domain or tenant."""

    def claims(self, provider: str) -> dict[str, Any]:
        """Claims of the ID token."""
        # Google knows no groups: the address stands for them.
        name = self.groups[0] if provider == "google" and self.groups else self.name
        domain = "example.com" if self.inside else "elsewhere.example"
        found: dict[str, Any] = {
            "sub": f"id-of-{self.name}",
            "email": f"{name}@{domain}",
            "email_verified": self.verified,
            "given_name": self.name.title(),
            "family_name": "Lovelace",
        }
        if provider == "google":
            return found | ({"hd": domain} if self.inside else {})
        if provider == "azure":
            found |= {"oid": f"oid-of-{self.name}", "preferred_username": found["email"], "roles": self.groups}
            return found if not self.verified else {k: v for k, v in found.items() if k != "email_verified"}
        if provider == "keycloak":
            return found | {"realm_access": {"roles": self.groups}}
        return found | {"groups": self.groups}

    def github(self, path: str) -> tuple[int, Any]:
        """Status and answer of GitHub's API, without pages."""
        where, answers = path.partition("?")[0].rstrip("/").rpartition("/")[2], {
            "user": {"login": self.name, "name": self.name.title()},
            "emails": [{"email": f"{self.name}@example.com", "primary": True, "verified": self.verified}],
            "teams": [
                *({"slug": each, "organization": {"login": "Acme"}} for each in self.groups),
                {"slug": "admins", "organization": {"login": "other"}},
            ],
            "acme": {"state": "active" if self.inside else "pending"},
        }  # fmt: skip
        return (404, {}) if where == "acme" and not self.inside else (200, answers[where])


GROUPS = {group: [role] for group, role in ROLES.items()}
"""Roles of somebody in a group."""
PEOPLE: dict[str, tuple[Person, list[str]]] = {
    "no group": (Person(), []),
    **{group: (Person(groups=[group]), roles) for group, roles in GROUPS.items()},
    "a group without a role": (Person(groups=["others"]), []),
    "outsider": (Person(groups=["admins"], inside=False), []),
    "unverified e-mail": (Person(groups=["admins"], verified=False), []),
}
"""Kinds of people, and the roles that they get; none: they are refused."""
OUTSIDERS_UNKNOWN = ("azure", "okta", "keycloak")
"""Providers whose issuer has no outsiders: authlib refuses the tokens of another one."""
