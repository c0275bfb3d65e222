"""Login of the UI by an identity provider: the generated `webserver_config.py` and its chart values. Pure."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from airflow_stack import names
from airflow_stack.choices import LoginProvider
from airflow_stack.credentials import LOGIN_CLIENT_SECRET
from airflow_stack.settings.access import Login
from airflow_stack.settings.models import Settings

from .managed import MISSING, value_at

Values = dict[str, Any]

_TEMPLATE = (Path(__file__).parent / "webserver_config.py").read_text()
_PLACEHOLDER = "_LOGIN: dict[str, Any] = {}\n"
CALLBACK = "/auth/oauth-authorized"
"""Path of the redirect address, before the provider's name (Flask-AppBuilder, AuthOAuthView; Airflow mounts it at `/auth`)."""


def webserver_config(settings: Settings) -> str:
    """The file `webserver_config.py` of a stack with `access.login`; empty without. It holds no secret."""
    login = settings.access.login
    if not login:
        return ""
    data = {
        "provider": login.provider.value,
        "remote_app": {"client_id": login.client_id, **_endpoints(login)},
        "organization": login.organization or "",
        "domains": list(login.domains),
        "claim": claim(login),
        "groups": list(login.groups),
        "roles": {group: role.value for group, role in login.roles.items()},
        "default_role": login.default_role.value if login.default_role else "",
        "seconds": login.session_hours * 3600,
        "admins": [names.BREAK_GLASS_USER, *([settings.admin.username] if settings.admin.create else [])],
    }
    return _TEMPLATE.replace(_PLACEHOLDER, f"_LOGIN: dict[str, Any] = {pformat(data, width=120)}\n")


def claim(login: Login) -> str:
    """Claim with the groups; empty for providers without one."""
    if login.provider in (LoginProvider.GITHUB, LoginProvider.GOOGLE):
        return ""
    return login.claim or ("roles" if login.provider is LoginProvider.AZURE else "groups")


def issuer(login: Login) -> str:
    """Address below which the provider publishes its metadata; empty for GitHub, which has none."""
    if login.provider is LoginProvider.GOOGLE:
        return "https://accounts.google.com"
    if login.provider is LoginProvider.AZURE:
        return f"https://login.microsoftonline.com/{login.tenant}/v2.0"
    return login.issuer or ""


def metadata_address(login: Login) -> str:
    """Address of the provider's metadata (OpenID Connect Discovery 4); empty for GitHub."""
    found = issuer(login)
    return f"{found}/.well-known/openid-configuration" if found else ""


def github_host(login: Login) -> str:
    """Host of GitHub or of a GitHub Enterprise Server."""
    return login.host or "github.com"


def address(settings: Settings, merged: Mapping[str, Any]) -> str:
    """Address of the UI, from the merged chart values: `airflow:values` may set it for a proxy that the program does not know."""
    given = value_at(merged, "config.api.base_url")
    return f"http://localhost:{names.API_SERVER_PORT}" if given in (MISSING, None, "") else str(given).rstrip("/")


def redirect_address(settings: Settings, merged: Mapping[str, Any]) -> str:
    """The address to which the provider sends users back; empty without a login. It must be known to the provider, letter by letter."""
    login = settings.access.login
    return f"{address(settings, merged)}{CALLBACK}/{login.provider.value}" if login else ""


def login_values(settings: Settings) -> Values:
    """Chart values of the login, besides the variables of the API server; empty without one."""
    login = settings.access.login
    if not login:
        return {}
    digest = hashlib.sha256(webserver_config(settings).encode()).hexdigest()[:16]
    return {
        "apiServer": {
            "apiServerConfigConfigMapName": names.LOGIN_CONFIG,
            "podAnnotations": {f"checksum/{names.LOGIN_CONFIG}": digest},
        },
        "config": {
            "fab": {"session_lifetime_minutes": str(login.session_hours * 60), "cookie_secure": "True"},
            "api_auth": {"jwt_expiration_time": str(login.session_hours * 3600)},
        },
    }


def login_variables(settings: Settings) -> list[Values]:
    """Variables of the API server."""
    if not settings.access.login:
        return []
    existing = settings.existing_secrets.model_dump(exclude_none=True)
    reference = {"name": LOGIN_CLIENT_SECRET.secret_in(existing), "key": LOGIN_CLIENT_SECRET.key}
    return [{"name": names.LOGIN_VARIABLE, "valueFrom": {"secretKeyRef": reference}}]


def _endpoints(login: Login) -> Values:
    """Arguments of authlib's client for the provider."""
    if login.provider is LoginProvider.GITHUB:
        site = f"https://{github_host(login)}"
        api = f"https://{login.host}/api/v3/" if login.host else "https://api.github.com/"
        return {
            "api_base_url": api,
            "access_token_url": f"{site}/login/oauth/access_token",
            "authorize_url": f"{site}/login/oauth/authorize",
            "client_kwargs": {"scope": "read:user user:email read:org"},
        }
    scope = "openid email profile groups" if login.provider is LoginProvider.OKTA else "openid email profile"
    return {"server_metadata_url": metadata_address(login), "client_kwargs": {"scope": scope}}
