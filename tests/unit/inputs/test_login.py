"""Settings of the login fail closed: each way for somebody whom no setting names gives one message with the way out."""

from typing import Any

import pytest

from airflow_stack.chart.login import redirect_address
from airflow_stack.chart.values import chart_values
from airflow_stack.inputs.validation import load
from tests.support.cases import HTTPS, Config, problems
from tests.support.golden import Golden
from tests.support.login import OUTSIDE, PROVIDERS, login

SECRET = {"loginClientSecret"}


def without(config: Config, *path: str) -> Config:
    """The configuration without a setting."""
    first, *rest = path
    inner = {first: without(config[first], *rest)} if rest else {}
    return {**{key: value for key, value in config.items() if key != first}, **inner}


def beside(provider: str = "okta", **more: Any) -> Config:
    return {**login(provider), **more}


OFFICIAL = {"airflow": {"tag": "3.3.2"}}
OPEN: dict[str, Config] = {
    "GitHub without an organisation": without(login("github"), "access", "login", "organization"),
    "Google without a domain": without(login("google"), "access", "login", "domains"),
    "Entra ID without a tenant": without(login("azure"), "access", "login", "tenant"),
    "Entra ID with every tenant": login("azure", tenant="common"),
    "an issuer that is missing": without(login("keycloak"), "access", "login", "issuer"),
    "an issuer over plain HTTP": login("oidc", issuer="http://id.example.com"),
    "an empty role map": login("okta", roles={}),
    "an unknown role": login("okta", roles={"staff": "Superuser"}),
    "admins by default": login("github", defaultRole="Admin"),
    "a domain of admins": login("google", roles={"example.com": "Admin"}),
    "an address outside the domains": login("google", roles={"ada@elsewhere.example": "Admin"}),
    "a default role for every account of an issuer": without(
        login("oidc", defaultRole="Viewer"), "access", "login", "domains"
    ),
    "a limit of another provider": login("okta", organization="acme"),
    "a domain that GitHub does not read": login("github", domains=["example.com"]),
    "no address": without(login("okta"), "ingress"),
    "a plain HTTP address": without(login("okta"), "ingress", "tlsSecret"),
    "the official image": beside(images=OFFICIAL),
    "the official image of a mirror": beside(images={"registry": "registry.example.com", **OFFICIAL}),
    "an admin with the name of the provider's users": beside(admin={"username": "okta_ada"}),
    "an admin with the name of the emergency's": beside(admin={"username": "break-glass"}),
    "a volume over the file": beside(
        volumes={"login": {"mountPath": "/opt/airflow/webserver_config.py", "configMap": {"name": "mine"}}}
    ),
    "a public role as an option": beside(values={"config": {"fab": {"auth_role_public": "Viewer"}}}),
    "a public role as a variable": beside(environment={"AIRFLOW__FAB__AUTH_ROLE_PUBLIC": "Admin"}),
    "a public role from a Secret": beside(
        environmentFrom={"AIRFLOW__FAB__AUTH_ROLE_PUBLIC": {"secret": "a", "key": "b"}}
    ),
    "a public role in extraEnv": beside(
        values={"extraEnv": "- name: AIRFLOW__FAB__AUTH_ROLE_PUBLIC\n  value: Admin\n"}
    ),
    "a public role of one component": beside(
        values={"apiServer": {"env": [{"name": "AIRFLOW__FAB__AUTH_ROLE_PUBLIC", "value": "Op"}]}}
    ),
    "a file of one's own": beside(values={"apiServer": {"apiServerConfig": "AUTH_ROLE_PUBLIC = 'Admin'"}}),
    "a ConfigMap of one's own": beside(values={"apiServer": {"apiServerConfigConfigMapName": "mine"}}),
    "a file of the webserver": beside(values={"webserver": {"webserverConfig": "AUTH_ROLE_PUBLIC = 'Admin'"}}),
    "another file": beside(environment={"AIRFLOW__FAB__CONFIG_FILE": "/opt/mine.py"}),
    "another auth manager": beside(
        values={"config": {"core": {"auth_manager": "airflow.providers.keycloak.auth_manager.KeycloakAuthManager"}}}
    ),
    "all admins": beside(values={"config": {"core": {"simple_auth_manager_all_admins": "True"}}}),
    "an open API": beside(environment={"AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default"}),
    "a cookie over plain HTTP": beside(values={"config": {"fab": {"cookie_secure": "False"}}}),
    "an endless session": beside(values={"config": {"fab": {"session_lifetime_minutes": "999999"}}}),
    "a login without --proxy-headers": beside(values={"apiServer": {"args": ["airflow", "api-server"]}}),
}
WITHOUT_LOGIN: dict[str, Config] = {
    "a public role of admins": {"values": {"config": {"fab": {"auth_role_public": "Admin"}}}},
    "a public role of admins as a variable": {"environment": {"AIRFLOW__FAB__AUTH_ROLE_PUBLIC": "Op"}},
    "all admins": {"environment": {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true"}},
    "an open API": {
        "values": {"extraEnv": "- name: AIRFLOW__API__AUTH_BACKENDS\n  value: airflow.api.auth.backend.default\n"}
    },
}


@pytest.mark.parametrize("case", OPEN)
def test_a_way_in_for_somebody_whom_no_setting_names_is_refused(case: str, golden: Golden) -> None:
    found = problems({**OPEN[case], "loginClientSecret": "s"}, SECRET)
    assert str(found) == golden


@pytest.mark.parametrize("case", WITHOUT_LOGIN)
def test_an_admin_without_a_login_is_refused_in_every_stack(case: str, golden: Golden) -> None:
    assert str(problems({"dags": HTTPS, **WITHOUT_LOGIN[case]})) == golden


@pytest.mark.parametrize(
    "config",
    [
        {"values": {"config": {"fab": {"auth_role_public": "Viewer"}}}},
        {"environment": {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False"}},
        {"environment": {"AIRFLOW__API__AUTH_BACKENDS": "airflow.providers.fab.auth_manager.api.auth.backend.session"}},
    ],
)
def test_what_gives_no_rights_is_accepted_without_a_login(config: Config) -> None:
    load("test", {"dags": HTTPS, **config}, set())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_redirect_address_is_the_one_of_the_provider(provider: str) -> None:
    stack = load("test", {**login(provider), "loginClientSecret": "s"}, SECRET)
    found = redirect_address(stack, chart_values(stack))
    assert found == f"https://airflow.example.com/auth/oauth-authorized/{provider}"


def test_tls_before_the_ingress_is_an_https_address() -> None:
    values = {"config": {"api": {"base_url": "https://airflow.example.com/team/"}}}
    config = {**without(login("okta"), "ingress", "tlsSecret"), "values": values, "loginClientSecret": "s"}
    stack = load("test", config, SECRET)
    found = redirect_address(stack, chart_values(stack))
    assert found == "https://airflow.example.com/team/auth/oauth-authorized/okta"


def test_a_login_needs_its_client_secret_as_a_secret(golden: Golden) -> None:
    assert str(problems(login("okta"), secrets_required=True)) == golden(name="missing")
    assert str(problems({**login("okta"), "loginClientSecret": "plain"}, set())) == golden(name="plain text")
    assert str(problems({**OUTSIDE, "loginClientSecret": "s"}, SECRET)) == golden(name="unused")
    load("test", {**login("okta"), "existingSecrets": {"loginClientSecret": "mine"}}, set())
