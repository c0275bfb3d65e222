"""Rules between `access` and other settings: only people that a setting names can log in. Each rule yields at most one problem for one cause."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from airflow_stack.chart.login import address
from airflow_stack.chart.managed import MANAGED, MISSING, value_at
from airflow_stack.chart.merged_check import COMPONENTS
from airflow_stack.chart.pod_rules import is_template, read_yaml
from airflow_stack.chart.values import chart_values
from airflow_stack.choices import LoginProvider, UserRole
from airflow_stack.names import BREAK_GLASS_USER
from airflow_stack.settings.access import Login
from airflow_stack.settings.images import OFFICIAL
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set

_PATH = "access.login"
_ISSUERS = (LoginProvider.OKTA, LoginProvider.KEYCLOAK, LoginProvider.OIDC)
# Without these everyone with an account at the provider could enter.
_NEEDED = {
    LoginProvider.GITHUB: ("organization", "everyone with a GitHub account could log in"),
    LoginProvider.GOOGLE: ("domains", "everyone with a Google account could log in"),
    LoginProvider.AZURE: ("tenant", "everyone with a Microsoft account could log in"),
    **dict.fromkeys(_ISSUERS, ("issuer", "its metadata are not known")),
}
_ONLY = {
    "organization": (LoginProvider.GITHUB,),
    "host": (LoginProvider.GITHUB,),
    "tenant": (LoginProvider.AZURE,),
    "issuer": _ISSUERS,
    "claim": (LoginProvider.AZURE, *_ISSUERS),
    "domains": (LoginProvider.GOOGLE, LoginProvider.AZURE, *_ISSUERS),
    "groups": (LoginProvider.GITHUB, LoginProvider.AZURE, *_ISSUERS),
}
"""Providers that read a setting. Of another provider it would look like a limit, and be none."""
_ANY_TENANT = ("common", "organizations", "consumers")
AUTHLIB = "authlib"
"""Package that FAB needs for OAuth (apache-airflow-providers-fab, extra `oauth`)."""


def _logins(settings: Settings) -> Iterator[Login]:
    if settings.access.login:
        yield settings.access.login


def complete(settings: Settings) -> Iterator[Problem]:
    """The settings say who may enter, and with which roles."""
    for login in _logins(settings):
        field, reason = _NEEDED[login.provider]
        if not getattr(login, field):
            path = f"{_PATH}.{field}"
            yield Problem(
                path, f"is required with provider {login.provider.value!r}: without it {reason}", (Set(path),)
            )
        elif login.tenant in _ANY_TENANT:
            path, reason = f"{_PATH}.tenant", "is not one tenant: everyone with a Microsoft account could log in"
            yield Problem(path, reason, (Set(path, "<tenant ID>"),), value=login.tenant)
        elif not login.roles:
            path, reason = f"{_PATH}.roles", "is empty: no user could be an admin"
            yield Problem(path, reason, (Set(path, "{<group>: Admin}"),), allowed=", ".join(UserRole))


def fields_of_the_provider(settings: Settings) -> Iterator[Problem]:
    """Every limit that is given is one with this provider."""
    for login in _logins(settings):
        for field, providers in _ONLY.items():
            if getattr(login, field) and login.provider not in providers:
                path = f"{_PATH}.{to_camel(field)}"
                allowed = f"with {', '.join(providers)}"
                reason = f"has no effect with provider {login.provider.value!r}"
                yield Problem(path, reason, (Remove(path),), allowed=allowed)
                return


def limited(settings: Settings) -> Iterator[Problem]:
    """A default role goes with a limit: some issuers let everyone create an account."""
    for login in _logins(settings):
        if login.default_role and login.provider in _ISSUERS and not (login.groups or login.domains):
            path = f"{_PATH}.defaultRole"
            reason = "would let in everyone with an account at the issuer"
            yield Problem(path, reason, (Set(f"{_PATH}.groups"),), "set access.login.domains, or leave defaultRole out")
        if login.provider is LoginProvider.GOOGLE:
            for key in login.roles:
                if key.rpartition("@")[2] not in login.domains:
                    reason = (
                        "has a key that is neither an e-mail address in access.login.domains nor one of these domains"
                    )
                    yield Problem(f"{_PATH}.roles", reason, (f"correct {key!r}",), value=key)
                    return


def not_all_admins(settings: Settings) -> Iterator[Problem]:
    """Admins are named, not everyone."""
    for login in _logins(settings):
        allowed = ", ".join(each for each in UserRole if each is not UserRole.ADMIN)
        if login.default_role is UserRole.ADMIN:
            path, reason = f"{_PATH}.defaultRole", "would make everyone who may log in an admin"
            yield Problem(
                path, reason, (Set(path, "Viewer"),), "map a group to Admin in access.login.roles", allowed, "Admin"
            )
        everyone = [each for each in login.roles if login.provider is LoginProvider.GOOGLE and "@" not in each]
        if any(login.roles[each] is UserRole.ADMIN for each in everyone):
            reason = "would make everyone of a domain an admin"
            yield Problem(f"{_PATH}.roles", reason, ("give Admin to e-mail addresses",), value=everyone[0])


def https_address(settings: Settings) -> Iterator[Problem]:
    """The UI has an https address: a provider sends the login's code there."""
    for _ in _logins(settings):
        found = address(settings, chart_values(settings))
        if not found.startswith("https://"):
            reason = f"needs an https address, and the UI's is {found}: over plain HTTP anyone on the way can take the session"
            steps = (Set("web.host", "airflow.example.com"), Set("web.tls.secretName"))
            otherwise = "with TLS outside the cluster, set web.tls.external to true"
            yield Problem(_PATH, reason, steps, otherwise)


def image_with_authlib(settings: Settings) -> Iterator[Problem]:
    """The image has authlib, as far as its name shows. `doctor` and `dags check` look into others."""
    image = settings.images.airflow
    for _ in _logins(settings):
        if image.repository == OFFICIAL or image.repository.endswith(f"/{OFFICIAL}"):
            dockerfile = f"`FROM {image.repository}:{image.tag}` and `RUN pip install --no-cache-dir {AUTHLIB}`"
            yield Problem(
                "images.airflow.repository",
                f"is the official image, which has no {AUTHLIB}, and access.login needs it: the API server would not start",
                (
                    f"build and push an image whose Dockerfile is {dockerfile}",
                    Set("images.airflow.repository"),
                    Set("images.airflow.tag"),
                ),
                value=image.repository,
            )


def free_username(settings: Settings) -> Iterator[Problem]:
    """No user of a provider has the name of a local user."""
    for login in _logins(settings):
        name = settings.admin.username
        if settings.admin.create and name.startswith(f"{login.provider.value}_"):
            reason = f"begins with {login.provider.value}_, as the names of users from {login.provider.value} do"
            yield Problem("admin.username", reason, (Set("admin.username", "admin"),), value=name)
        if settings.admin.create and name == BREAK_GLASS_USER:
            reason = "is the name of the user that `airflow-stack admin` makes and removes"
            yield Problem("admin.username", reason, (Set("admin.username", "admin"),), value=name)


def one_login_file(settings: Settings) -> Iterator[Problem]:
    """No volume hides the generated file."""
    for _ in _logins(settings):
        for name, volume in settings.volumes.items():
            if volume.mount_path.rstrip("/") in ("/opt/airflow", "/opt/airflow/webserver_config.py"):
                reason = "would hide the generated webserver_config.py, and with it the decision who may log in"
                path = f"volumes.{name}.mountPath"
                yield Problem(path, reason, (Set(path),), value=volume.mount_path)


_MANAGED = frozenset(row.path for row in MANAGED)
_READ_ONLY = ("", "Public", "Viewer", "None")
_NO = ("", "0", "f", "false", "n", "no", "off")
_OPEN_BACKEND = "auth.backend.default"


def _open_to_all(name: str, value: object, *, login: bool) -> str:
    """Why a variable would make an admin without a login; empty: it does not. None is a value from a Secret."""
    text = None if value is None else str(value).strip()
    if name in ("AIRFLOW__FAB__AUTH_ROLE_PUBLIC", "AUTH_ROLE_PUBLIC") and text not in (("",) if login else _READ_ONLY):
        return "would give its role to everyone without a login"
    if name == "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" and (text is None or text.lower() not in _NO):
        return "would make everyone an admin without a login"
    if name in ("AIRFLOW__API__AUTH_BACKENDS", "AIRFLOW__API__AUTH_BACKEND", "AIRFLOW__FAB__AUTH_BACKENDS") and (
        text is None or _OPEN_BACKEND in text
    ):
        return "would answer every request of the API without a login"
    if login and name == "AIRFLOW__FAB__CONFIG_FILE":
        return "would replace the generated webserver_config.py, and with it the decision who may log in"
    if login and name in ("AIRFLOW__FAB__SESSION_LIFETIME_MINUTES", "AIRFLOW__API_AUTH__JWT_EXPIRATION_TIME"):
        return "would replace access.login.sessionHours"
    return ""


def login_needed(settings: Settings) -> Iterator[Problem]:
    """No variable or option of Airflow makes an admin without a login, wherever it is set."""
    login = settings.access.login is not None
    for path, name, value in _variables(settings):
        if reason := _open_to_all(name.upper(), value, login=login):
            named = path.startswith(("environment", "values.config."))
            yield Problem(path, reason if named else f"{name} {reason}", (Remove(path),), value=value)


def _variables(settings: Settings) -> Iterator[tuple[str, str, object]]:
    """Path, name and value of each variable; None for one from elsewhere. An option of airflow.cfg has the name of its variable."""
    yield from ((f"environment.{name}", name, value) for name, value in settings.environment.items())
    yield from ((f"environmentFrom.{name}", name, None) for name in settings.environment_from)
    values = settings.values
    for component in COMPONENTS:
        listed = value_at(values, f"{component}.env")
        for index, each in enumerate(listed if isinstance(listed, list) else []):
            if isinstance(each, Mapping):
                yield f"values.{component}.env[{index}]", str(each.get("name")), each.get("value")
    text = values.get("extraEnv")
    listed = read_yaml(text) if isinstance(text, str) and not is_template(text) else None
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping):
            yield "values.extraEnv", str(each.get("name")), each.get("value")
    sections = value_at(values, "config")
    for section, options in sections.items() if sections is not MISSING and isinstance(sections, Mapping) else ():
        for option, value in options.items() if isinstance(options, Mapping) else ():
            if f"config.{section}.{option}" not in _MANAGED:
                yield f"values.config.{section}.{option}", f"AIRFLOW__{section}__{option}", _given(value)


def _given(value: Any) -> object:  # noqa: ANN401
    return "" if value is None else value  # removes the option
