"""The generated `webserver_config.py` decides as the settings say, with a stand-in for Airflow's security manager.

`tests/real/test_login.py` logs in with Airflow's own.
"""

import sys
import time
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_stack.chart.login import webserver_config
from airflow_stack.inputs.validation import load
from tests.support.cases import Config
from tests.support.login import OUTSIDERS_UNKNOWN, PEOPLE, PROVIDERS, Person, login

SECRET = "canary-of-the-client"


class SecurityManager:
    """The parts of FAB's security manager that the generated class uses (providers-fab 3.10.2, override.py)."""

    is_auth_limited = False

    def __init__(self) -> None:
        self.users: dict[str, SimpleNamespace] = {}
        self.views: list[object] = []
        self.oauth_remotes: dict[str, Any] = {}
        self.appbuilder = SimpleNamespace(add_view_no_menu=self.views.append)

    def find_user(self, username: str = "", email: str = "") -> Any:
        of_email = [each for each in self.users.values() if email and each.email == email]
        return self.users.get(username) or next(iter(of_email), None)

    def find_role(self, name: str) -> str:
        return name

    def add_user(
        self, username: str, first: str, last: str, email: str, role: list[str], password: str = "", hashed: str = ""
    ) -> None:
        given = {"username": username, "email": email, "roles": role, "groups": [], "is_active": True}
        self.users[username] = SimpleNamespace(**given, password=password, hashed=hashed)

    def update_user(self, user: Any) -> None:
        self.users[user.username] = user

    def auth_user_oauth(self, userinfo: dict[str, Any]) -> Any:
        user = self.users[userinfo["username"]]
        if not user.is_active:
            return None
        user.roles = list(userinfo["role_keys"])
        return user

    def auth_user_db(self, username: str, password: str) -> Any:
        user = self.users.get(username)
        return user if user and user.password == password else None

    def load_user(self, pk: Any) -> Any:
        return pk

    def register_views(self) -> None: ...


class Remote:
    """authlib's client, for one person."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def load_server_metadata(self) -> dict[str, str]:
        return {}

    def get(self, path: str, token: object) -> Any:
        status, answer = self.person.github(path)
        return SimpleNamespace(status_code=status, json=lambda: answer, links={}, raise_for_status=lambda: None)


class Login:
    """A stack's login."""

    def __init__(self, config: Config, flask: SimpleNamespace) -> None:
        self.settings = load("test", {**config, "loginClientSecret": SECRET}, {"loginClientSecret"})
        self.provider = self.settings.access.login.provider.value  # type: ignore[union-attr]
        self.file: dict[str, Any] = {}
        self.text, self.flask = webserver_config(self.settings), flask
        exec(compile(self.text, "webserver_config.py", "exec"), self.file)  # noqa: S102  as Flask does
        self.manager = self.file["SECURITY_MANAGER_CLASS"]()

    def enter(self, person: Person) -> Any:
        self.manager.oauth_remotes[self.provider] = Remote(person)
        answer = {"userinfo": person.claims(self.provider)} if self.provider != "github" else {}
        return self.manager.auth_user_oauth(self.manager.get_oauth_user_info(self.provider, answer))


@pytest.fixture
def flask(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    said: list[str] = []
    state = SimpleNamespace(session={}, said=said, in_request=True)
    modules: dict[str, dict[str, Any]] = {
        "flask": {
            "flash": lambda text, _: said.append(text),
            "session": state.session,
            "has_request_context": lambda: state.in_request,
        },
        "flask_appbuilder.const": {"AUTH_OAUTH": 4},
        "flask_appbuilder.security.views": {"AuthDBView": object},
        "airflow.providers.fab.auth_manager.security_manager.override": {
            "FabAirflowSecurityManagerOverride": SecurityManager
        },
    }
    for name, content in modules.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("AIRFLOW_STACK_LOGIN_CLIENT_SECRET", SECRET)
    yield state


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_everyone_gets_the_roles_of_the_settings_or_is_refused_with_a_reason(
    provider: str, kind: str, flask: SimpleNamespace
) -> None:
    if kind == "outsider" and provider in OUTSIDERS_UNKNOWN:
        pytest.skip("the issuer has no outsiders")
    person, roles = PEOPLE[kind]
    user = Login(login(provider), flask).enter(person)
    assert (list(user.roles) if user else []) == roles
    assert bool(flask.said) is (not roles)
    assert all(text.startswith("Login refused: ") and "team that operates" in text for text in flask.said)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_removed_group_counts_from_the_next_login_on(provider: str, flask: SimpleNamespace) -> None:
    stack = Login(login(provider), flask)
    admin = stack.enter(Person(groups=["admins"]))
    assert admin.roles == ["Admin"]
    assert stack.enter(Person(groups=["viewers"])).roles == ["Viewer"]
    stack.enter(Person(groups=["admins"]))
    assert stack.enter(Person()) is None
    assert all(not user.roles for user in stack.manager.users.values() if "ada" in user.username)


@pytest.mark.parametrize("provider", [each for each in PROVIDERS if each != "google"])
def test_somebody_in_several_groups_has_all_roles_of_them(provider: str, flask: SimpleNamespace) -> None:
    user = Login(login(provider), flask).enter(Person(groups=["ops", "viewers", "others"]))
    assert user.roles == ["Op", "Viewer"]


def test_groups_that_may_enter_keep_out_a_group_with_a_role(flask: SimpleNamespace) -> None:
    stack = Login(login("okta", groups=["staff"]), flask)
    assert stack.enter(Person(groups=["admins"])) is None
    assert stack.enter(Person(groups=["admins", "staff"])).roles == ["Admin"]


def test_a_default_role_is_for_those_without_a_mapped_group_only(flask: SimpleNamespace) -> None:
    stack = Login(login("github", defaultRole="Viewer"), flask)
    assert stack.enter(Person()).roles == ["Viewer"]
    assert stack.enter(Person(groups=["ops"])).roles == ["Op"]
    assert stack.enter(Person(inside=False)) is None


def test_a_private_google_account_with_an_address_of_the_domain_is_refused(flask: SimpleNamespace) -> None:
    stack = Login(login("google"), flask)
    claims = Person(groups=["admins"]).claims("google")
    del claims["hd"]
    found = stack.manager
    found.oauth_remotes["google"] = Remote(Person())
    assert found.get_oauth_user_info("google", {"userinfo": claims})["role_keys"] == []


@pytest.mark.parametrize("verified", [None, "false", 0, "", 1, "yes"])
def test_only_a_true_claim_verifies_an_e_mail_address(verified: object, flask: SimpleNamespace) -> None:
    stack = Login(login("oidc"), flask)
    stack.manager.oauth_remotes["oidc"] = Remote(Person())
    claims = {**Person(groups=["admins"]).claims("oidc"), "email_verified": verified}
    assert stack.manager.get_oauth_user_info("oidc", {"userinfo": claims})["role_keys"] == []


def test_a_provider_without_an_answer_changes_no_roles(flask: SimpleNamespace) -> None:
    stack = Login(login("github"), flask)
    stack.enter(Person(groups=["admins"]))
    remote = Remote(Person())

    def down(*_: object, **__: object) -> Any:
        raise ConnectionError

    remote.get = down  # type: ignore[method-assign]
    stack.manager.oauth_remotes["github"] = remote
    with pytest.raises(ConnectionError):
        stack.manager.get_oauth_user_info("github", {})
    assert stack.manager.users["github_ada"].roles == ["Admin"]


def test_an_inactive_user_stays_out(flask: SimpleNamespace) -> None:
    stack = Login(login("keycloak"), flask)
    stack.enter(Person(groups=["admins"])).is_active = False
    assert stack.enter(Person(groups=["admins"])) is None


def test_a_user_of_the_provider_never_becomes_a_local_user_with_the_same_address(flask: SimpleNamespace) -> None:
    stack = Login(login("oidc"), flask)
    stack.manager.add_user("admin", "", "", "ada@example.com", ["Admin"], password="p")
    user = stack.enter(Person(groups=["viewers"]))
    assert user.hashed == "!", "no password matches"
    assert (user.username, user.email) == ("oidc_id-of-ada", "oidc_id-of-ada@email.notfound")
    assert stack.manager.users["admin"].roles == ["Admin"]


def test_passwords_open_airflow_for_the_local_users_of_the_settings_only(flask: SimpleNamespace) -> None:
    stack = Login(login("okta"), flask)
    for name in ("admin", "made-by-hand", "break-glass"):
        stack.manager.add_user(name, "", "", f"{name}@example.com", ["Admin"], password="right")
    entered = {name for name in stack.manager.users if stack.manager.auth_user_db(name, "right")}
    assert entered == {"admin", "break-glass"}
    assert not stack.manager.auth_user_db("admin", "wrong")


def test_a_session_ends_after_its_hours_although_it_is_used(flask: SimpleNamespace) -> None:
    stack = Login(login("okta", sessionHours=2), flask)
    stack.enter(Person(groups=["users"]))
    flask.session["_user_id"] = "1"
    assert stack.manager.load_user("1") == "1"
    flask.session["airflow_stack_login_began"] = time.time() - 7201
    assert stack.manager.load_user("1") is None
    del flask.session["airflow_stack_login_began"]  # of a login before this file
    assert stack.manager.load_user("1") is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_file_holds_no_secret_and_gives_nobody_a_role_without_a_login(
    provider: str, flask: SimpleNamespace
) -> None:
    stack = Login(login(provider), flask)
    assert SECRET not in stack.text
    assert stack.file["OAUTH_PROVIDERS"][0]["remote_app"]["client_secret"] == SECRET
    assert stack.file["AUTH_USER_REGISTRATION"] is False
    assert "AUTH_ROLE_PUBLIC" not in stack.file
