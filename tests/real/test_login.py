"""Logins through nginx with TLS at a real API server of Airflow, with the generated file and a stand-in of each identity provider.

It needs no cluster: `AIRFLOW_LOGIN_PYTHON` names a Python with Airflow 3.3, the FAB provider and authlib.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from airflow_stack.chart.login import webserver_config
from airflow_stack.chart.values import chart_values
from airflow_stack.cli import admin as local_admin
from airflow_stack.inputs.validation import load
from airflow_stack.names import BREAK_GLASS_USER
from tests.support.airflow_login import ApiServer, Database, missing
from tests.support.identity_provider import CLIENT_SECRET, IdentityProviders
from tests.support.login import OUTSIDERS_UNKNOWN, PEOPLE, PROVIDERS, Person, login

pytestmark = pytest.mark.real
ALLOWED = {
    "Admin": "/api/v2/connections",
    "Op": "/api/v2/connections",
    "User": "/api/v2/dags",
    "Viewer": "/api/v2/dags",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    if lacks := missing():
        pytest.skip(lacks)
    return Database(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="module")
def providers() -> Iterator[IdentityProviders]:
    with IdentityProviders() as found:
        yield found


@contextmanager
def server(database: Database, providers: IdentityProviders, provider: str, **more: object) -> Iterator[ApiServer]:
    """An API server of a stack, configured as in its pods."""
    stack = load("test", {**login(provider, **more), "loginClientSecret": CLIENT_SECRET}, {"loginClientSecret"})
    options = {
        f"AIRFLOW__{section}__{option}".upper(): str(value)
        for section in ("fab", "api_auth")
        for option, value in chart_values(stack)["config"][section].items()
    }
    with ApiServer(database, providers.instead_of_the_internet(webserver_config(stack)), options) as found:
        yield found


def enter(stack: ApiServer, provider: str, deep_link: str = "/") -> tuple[requests.Session, requests.Response]:
    """A browser after the login."""
    browser = stack.browser()
    answer = browser.get(f"{stack.url}/auth/login/{provider}", params={"next": f"{stack.url}{deep_link}"})
    return browser, answer


def loses(browser: requests.Session, url: str) -> bool:
    """Whether a page is refused soon: each server caches users for `[fab] cache_ttl`, 30 seconds."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if not browser.get(url).ok:
            return True
        time.sleep(1)
    return False


@pytest.mark.parametrize("provider", PROVIDERS)
def test_everyone_logs_in_through_tls_as_the_settings_say(
    provider: str, database: Database, providers: IdentityProviders, tmp_path: Path
) -> None:
    with server(database, providers, provider) as stack:
        for kind, (person, roles) in PEOPLE.items():
            if kind == "outsider" and provider in OUTSIDERS_UNKNOWN:
                continue
            providers.person = Person(f"{kind.split()[0]}{len(kind)}", person.groups, person.verified, person.inside)
            browser, answer = enter(stack, provider)
            assert providers.redirects[-1] == f"{stack.url}/auth/oauth-authorized/{provider}"
            assert answer.url.startswith("https://"), kind
            me = browser.get(f"{stack.url}/ui/auth/me")
            assert me.ok is bool(roles), (kind, me.text, stack.log()[-3000:])
            if roles:
                assert browser.get(f"{stack.url}{ALLOWED[roles[0]]}").ok, kind
                refused = browser.get(f"{stack.url}/api/v2/connections")
                assert refused.ok is (roles[0] in ("Admin", "Op")), kind
                browser.get(f"{stack.url}/api/v2/auth/logout")
                assert not browser.get(f"{stack.url}/ui/auth/me").ok, kind
            else:
                assert "Login refused: " in answer.text, (kind, answer.text[:3000])

        providers.person = Person("leaver", ["admins"])
        earlier, _ = enter(stack, provider)
        assert earlier.get(f"{stack.url}/api/v2/connections").ok
        providers.person = Person("leaver", ["users"] if provider == "google" else [])
        later, _ = enter(stack, provider)
        if provider != "google":  # there the address is the group, so this is another role
            assert not later.get(f"{stack.url}/ui/auth/me").ok
        assert loses(earlier, f"{stack.url}/api/v2/connections"), "the role is gone from open sessions too"

        assert CLIENT_SECRET not in stack.log()
        tokens = {}
        for name in ("admin", "by-hand"):
            answer = stack.browser().post(f"{stack.url}/auth/token", json={"username": name, "password": "right"})
            tokens[name] = answer.status_code
        assert tokens == {"admin": 201, "by-hand": 401}
        for name, enters in (("admin", True), ("by-hand", False)):
            browser = stack.browser()
            page = browser.get(f"{stack.url}/auth/local/login/")
            token = page.text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
            form = {"username": name, "password": "right", "csrf_token": token}
            browser.post(f"{stack.url}/auth/local/login/", data=form, headers={"Referer": stack.url})
            assert browser.get(f"{stack.url}/ui/auth/me").ok is enters, (name, page.text[:2000])

        providers.is_down = True
        try:
            browser, answer = enter(stack, provider)
            assert not browser.get(f"{stack.url}/ui/auth/me").ok
        finally:
            providers.is_down = False


def test_the_local_admin_enters_without_the_provider_and_is_removed_with_its_tokens(
    database: Database, providers: IdentityProviders
) -> None:
    script = (Path(local_admin.__file__).parent / "local_admin.py").read_text()
    given = {"LOCAL_ADMIN_NAME": BREAK_GLASS_USER, "LOCAL_ADMIN_OPERATOR": "ada", "LOCAL_ADMIN_REASON": "Okta is down"}
    database.run(script, LOCAL_ADMIN_PASSWORD="broken", **given)
    providers.is_down = True
    try:
        with server(database, providers, "okta") as stack:
            user = {"username": BREAK_GLASS_USER, "password": "broken"}
            answer = stack.browser().post(f"{stack.url}/auth/token", json=user)
            assert answer.status_code == 201, answer.text
            browser = stack.browser()
            browser.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            events = browser.get(f"{stack.url}/api/v2/eventLogs", params={"event": "break_glass_admin_made"}).json()
            assert [(each["owner"], each["extra"]) for each in events["event_logs"]] == [("ada", "Okta is down")]
            assert "broken" not in str(browser.get(f"{stack.url}/api/v2/eventLogs").json())
            database.run(script, **given)
            assert stack.browser().post(f"{stack.url}/auth/token", json=user).status_code == 401
            assert loses(browser, f"{stack.url}/api/v2/eventLogs")
    finally:
        providers.is_down = False
