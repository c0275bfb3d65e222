"""Login of the UI by an identity provider, from `airflow:access.login`. Changes to this file are lost: change the setting.

Airflow's API server runs this file (`[fab] config_file`). `chart/login.py` puts the settings into `_LOGIN`; nothing of `airflow_stack` is imported.
Sources: providers-fab 3.10.2 (security_manager/override.py), Flask-AppBuilder 5.2 (security/views.py), OpenID Connect Core 5.1, GitHub's REST API.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.providers.fab.auth_manager.security_manager.override import (  # type: ignore[import-not-found]  # only in Airflow's image
    FabAirflowSecurityManagerOverride,
)
from flask import flash, has_request_context, session  # type: ignore[import-not-found]
from flask_appbuilder.const import AUTH_OAUTH  # type: ignore[import-not-found]
from flask_appbuilder.security.views import AuthDBView  # type: ignore[import-not-found]

_LOGIN: dict[str, Any] = {}
_MATCHES_NOTHING = "!"  # instead of the hash of an empty password
_BEGAN = "airflow_stack_login_began"
_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """Somebody is known to the identity provider, and may not enter. The text is shown to that person."""


def _is_true(claim: object) -> bool:
    return claim is True or claim == "true"  # some issuers send text


def _texts(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value] if isinstance(value, list) else []


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, or by a path with dots, such as Keycloak's `realm_access.roles`."""
    found: Any = claims
    for step in [name] if name in claims else name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _claims(remote: Any, answer: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ANN401  authlib's client
    """Claims of the ID token, whose signature, issuer, audience and nonce authlib has checked; missing ones from the userinfo endpoint."""
    claims = dict(answer["userinfo"])
    missing = {"email", "email_verified", _LOGIN["claim"].split(".")[0]} - {""} - claims.keys()
    if missing and _LOGIN["provider"] != "azure" and remote.load_server_metadata().get("userinfo_endpoint"):
        more = remote.userinfo(token=dict(answer))
        if more.get("sub") == claims["sub"]:  # OpenID Connect Core 5.3.2
            claims = {**more, **claims}
    return claims


def _openid(remote: Any, answer: Mapping[str, Any], user: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Roles of a user of Google, Entra ID, Okta, Keycloak or any other issuer, who is put into `user`."""
    provider, claims = _LOGIN["provider"], _claims(remote, answer)
    user["username"] = f"{provider}_{claims['oid' if provider == 'azure' else 'sub']}"
    user["first_name"] = str(claims.get("given_name") or claims.get("name") or "")
    user["last_name"] = str(claims.get("family_name") or "")
    if provider == "azure":
        # Entra ID has no `email_verified`. Only domains that the tenant owns are in `preferred_username`; `email` can be any text.
        user["email"] = str(claims.get("preferred_username") or claims.get("upn") or "").lower()
        verified = all(_is_true(claims[name]) for name in ("email_verified", "xms_edov") if name in claims)
    else:
        user["email"] = str(claims.get("email") or "").lower()
        verified = bool(user["email"]) and _is_true(claims.get("email_verified"))
    if not verified:
        raise _RefusedError("the identity provider has not verified your e-mail address")
    if provider == "google":
        # `hd` is set for accounts of an organisation only: an address of the domain can belong to a private account.
        domain = str(claims.get("hd") or "").lower()
        groups = [user["email"], domain]
    else:
        domain = user["email"].rpartition("@")[2]
        groups = _texts(_claim(claims, _LOGIN["claim"]))
    if _LOGIN["domains"] and domain not in _LOGIN["domains"]:
        raise _RefusedError("your account is not one of this organisation")
    if not groups:
        _log.warning("No group in the claim %r; the provider sent %s", _LOGIN["claim"], ", ".join(sorted(claims)))
    return _roles(groups)


def _pages(remote: Any, path: str, token: Mapping[str, Any]) -> Iterator[Any]:  # noqa: ANN401
    """All entries of a list of GitHub's API."""
    url = f"{path}?per_page=100"
    while url:
        answer = remote.get(url, token=dict(token))
        answer.raise_for_status()
        yield from answer.json()
        url = answer.links.get("next", {}).get("url", "")


def _github(remote: Any, answer: Mapping[str, Any], user: dict[str, Any]) -> list[str]:  # noqa: ANN401
    """Roles of a user of GitHub, who is put into `user`: a member of the organisation, whose teams are the groups."""
    found = remote.get("user", token=dict(answer))
    found.raise_for_status()
    me, organization = found.json(), _LOGIN["organization"]
    user["username"] = f"github_{me['login']}"
    user["first_name"] = str(me.get("name") or me["login"])
    primary = [each for each in _pages(remote, "user/emails", answer) if each.get("primary")]
    if not any(each.get("verified") is True for each in primary):
        raise _RefusedError("GitHub has not verified your primary e-mail address")
    user["email"] = str(primary[0]["email"]).lower()
    member = remote.get(f"user/memberships/orgs/{organization}", token=dict(answer))
    if member.status_code not in (403, 404):
        member.raise_for_status()
    if member.status_code != 200 or member.json().get("state") != "active":
        raise _RefusedError(f"you are not a member of the GitHub organisation {organization}")
    teams = _pages(remote, "user/teams", answer)
    return _roles([str(each["slug"]) for each in teams if _is_own(each["organization"]["login"])])


def _is_own(organization: str) -> bool:
    return organization.lower() == str(_LOGIN["organization"]).lower()


def _roles(groups: list[str]) -> list[str]:
    """Roles of somebody in these groups; never empty."""
    what = "teams" if _LOGIN["provider"] == "github" else "groups"
    if _LOGIN["groups"] and not set(groups) & set(_LOGIN["groups"]):
        raise _RefusedError(f"none of your {what} may enter")
    roles = {_LOGIN["roles"][each] for each in groups if each in _LOGIN["roles"]}
    if not roles and not _LOGIN["default_role"]:
        raise _RefusedError(f"none of your {what} has a role")
    return sorted(roles) or [_LOGIN["default_role"]]


class _LocalLoginView(AuthDBView):  # type: ignore[misc]
    """Login by password, for the local admin only."""

    route_base = "/local"


class _SecurityManager(FabAirflowSecurityManagerOverride):  # type: ignore[misc]
    """Lets in those whom the settings name, with their roles as of this login, and local users that the settings name."""

    def get_oauth_user_info(self, provider: str, resp: Mapping[str, Any]) -> dict[str, Any]:
        """User and roles. An exception, such as an identity provider without an answer, refuses the login, and changes no roles."""
        user: dict[str, Any] = {"last_name": "", "email": "", "role_keys": []}
        try:
            user["role_keys"] = (_github if provider == "github" else _openid)(self.oauth_remotes[provider], resp, user)
        except _RefusedError as refused:
            user["refused"] = str(refused)
        return user

    def auth_user_oauth(self, userinfo: dict[str, Any], *args: Any, **more: Any) -> Any:  # noqa: ANN401
        """The user with the roles of this login, or None. Somebody who may no longer enter loses the roles of earlier logins."""
        username, roles = userinfo["username"], userinfo["role_keys"]
        user = self.find_user(username=username)
        if not roles:
            if user:
                user.roles, user.groups = [], []
                self.update_user(user)
            _log.warning("Login of %s refused: %s", username, userinfo["refused"])
            flash(f"Login refused: {userinfo['refused']}. Ask the team that operates this Airflow.", "warning")
            return None
        if not user:
            taken = not userinfo["email"] or self.find_user(email=userinfo["email"])
            email = f"{username}@email.notfound" if taken else userinfo["email"]
            granted = [self.find_role(each) for each in roles]
            names = userinfo["first_name"], userinfo["last_name"]
            self.add_user(username, *names, email, granted, "", _MATCHES_NOTHING)
        user = super().auth_user_oauth(userinfo, *args, **more)
        if user:
            session[_BEGAN] = time.time()
        return user

    def auth_user_db(self, username: str, password: str, *args: Any, **more: Any) -> Any:  # noqa: ANN401
        """A local user that the settings name: a password that somebody set elsewhere would outlive the identity provider's decision."""
        user = super().auth_user_db(username, password, *args, **more)
        if user is None or user.username not in _LOGIN["admins"]:
            return None
        if has_request_context():  # the form of the UI; `/auth/token` has no session
            session[_BEGAN] = time.time()
        return user

    def load_user(self, pk: Any) -> Any:  # noqa: ANN401
        """The user of a session that has not reached its end. Use alone would prolong a session for ever."""
        if has_request_context() and "_user_id" in session and time.time() - session.get(_BEGAN, 0) > _LOGIN["seconds"]:
            return None
        return super().load_user(pk)

    def register_views(self) -> None:
        """The views of Airflow, and the login of the local admin at `/auth/local/login/`."""
        super().register_views()
        view = self.appbuilder.add_view_no_menu(_LocalLoginView())
        if self.is_auth_limited:
            self.limiter.limit(self.auth_rate_limit, methods=["POST"])(view.blueprint)


AUTH_TYPE = AUTH_OAUTH
AUTH_USER_REGISTRATION = False  # no form for strangers; `auth_user_oauth` adds users
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = {role: [role] for role in ("Admin", "Op", "User", "Viewer")}
OAUTH_PROVIDERS = [
    {
        "name": _LOGIN["provider"],
        "icon": "fa-key",
        "token_key": "access_token",
        "remote_app": {**_LOGIN["remote_app"], "client_secret": os.environ["AIRFLOW_STACK_LOGIN_CLIENT_SECRET"]},
    }
]
SECURITY_MANAGER_CLASS = _SecurityManager
