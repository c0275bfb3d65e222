"""Secrets of a stack: missing ones are reported, plain-text ones refused, and none is part of a message."""

import pytest

from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.secrets import required_secrets
from airflow_stack.inputs.validation import load, missing_secrets
from airflow_stack.inputs.wording import SettingsError, fix_in_stack_file, in_stack_file
from tests.support import git_host_packages
from tests.support.cases import AUTHENTICATIONS, GIVEN, HTTPS, SSH, Config, problems, settings
from tests.support.golden import Golden
from tests.support.login import login

EXTERNAL: Config = {"database": {"external": {"host": "db.example.com"}}}
NEEDED: dict[str, tuple[Config, list[str]]] = {
    "a key": ({"dags": AUTHENTICATIONS["ssh-key"]}, ["gitSshKey"]),
    "a token": ({"dags": AUTHENTICATIONS["token"]}, ["gitToken"]),
    "a GitHub App": ({"dags": AUTHENTICATIONS["github-app"]}, ["githubAppPrivateKey"]),
    "a password": ({"dags": SSH, **EXTERNAL}, ["databasePassword"]),
    "two": ({"dags": AUTHENTICATIONS["ssh-key"], **EXTERNAL}, ["gitSshKey", "databasePassword"]),
    "none with a generated key": ({"dags": SSH}, []),
    "none for a public repository": ({"dags": HTTPS}, []),
}
CANARY = "hunter2"


@pytest.mark.parametrize("name", NEEDED)
def test_missing_secrets_are_reported_at_once_with_the_exact_commands(name: str, golden: Golden) -> None:
    config, keys = NEEDED[name]
    assert missing_secrets(config) == required_secrets(settings(**config)) == keys
    if keys:
        error = problems(config, secrets_required=True)
        assert [problem.path for problem in error.problems] == keys
        assert str(error) == golden
    else:
        load("test", config, ())


@pytest.mark.parametrize("name", NEEDED)
def test_a_stack_with_its_secrets_is_valid(name: str) -> None:
    config, keys = NEEDED[name]
    complete = {**config, **{key: GIVEN[key] for key in keys}}
    assert load("test", complete, keys) == settings(**config)
    assert missing_secrets(complete) == []


def test_required_secrets_of_an_invalid_stack_are_not_guessed() -> None:
    assert missing_secrets({"dags": AUTHENTICATIONS["ssh-key"], "size": "smal"}) == []


@pytest.mark.parametrize(
    ("dags", "secret", "chosen"),
    [
        (SSH, "gitSshKey", "sshKey"),
        (SSH, None, "generatedSshKey"),
        (HTTPS, "gitToken", "token"),
        (HTTPS, None, "none"),
        ({**HTTPS, "githubApp": {"clientId": "Iv1.a", "installationId": 1}}, None, "githubApp"),
    ],
)
def test_authentication_follows_the_url_and_the_secret_that_is_set(
    dags: Config, secret: str | None, chosen: str
) -> None:
    given = {secret: GIVEN[secret]} if secret else {}
    authentication = settings(dags=dags, **given).dags.authentication
    assert authentication == chosen


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"dags": SSH}, "gitToken"),
        ({"dags": HTTPS}, "gitSshKey"),
        ({"dags": SSH}, "databasePassword"),
        ({"dags": AUTHENTICATIONS["generated-ssh-key"]}, "gitSshKey"),
        ({"dags": AUTHENTICATIONS["token"], "gitToken": CANARY}, "githubAppPrivateKey"),
        ({"dags": SSH}, "gitHostToken"),
        ({"dags": SSH}, "loginClientSecret"),
    ],
    ids=[
        "token over SSH",
        "key over HTTPS",
        "password",
        "key beside a generated key",
        "App key beside a token",
        "host token",
        "client secret without a login",
    ],
)
def test_an_unused_secret_is_refused(config: Config, key: str, golden: Golden) -> None:
    (problem,) = problems({**config, key: CANARY}).problems
    assert problem.path == key
    assert in_stack_file(problem) == golden


# Settings that use each secret.
USED: dict[str, Config] = {
    "gitSshKey": {"dags": SSH},
    "gitToken": {"dags": HTTPS},
    "githubAppPrivateKey": {"dags": AUTHENTICATIONS["github-app"]},
    "gitHostToken": {"dags": {**SSH, "registerDeployKey": True}},
    "databasePassword": {"dags": SSH, **EXTERNAL},
    "fernetKey": {"dags": SSH, "rotation": {"fernetGiven": True}},
    "loginClientSecret": login("okta"),
}


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_in_plain_text_is_refused_with_the_command_that_encrypts_it(
    key: str, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    git_host_packages.install(monkeypatch)
    (problem,) = problems({**USED[key], key: CANARY}, secret_keys=set()).problems
    assert in_stack_file(problem) == golden
    assert CANARY not in in_stack_file(problem)
    load("test", {**USED[key], key: GIVEN[key]}, {key})


@pytest.mark.parametrize("key", ["dags", "values", "environment", "admin"])
def test_an_encrypted_value_inside_a_setting_is_refused(key: str, golden: Golden) -> None:
    config: Config = {"dags": SSH, "environment": {"A": "b"}, "values": {"env": []}, "admin": {"username": CANARY}}
    found = {problem.path: problem for problem in problems(config, secret_keys={key}).problems}
    assert str(found[key]) == golden
    assert CANARY not in str(found)


# Places where a secret can be by mistake. The program reads encrypted keys in decrypted form.
LEAKS: dict[str, tuple[Config, set[str]]] = {
    "a misspelt secret": ({"dags": SSH, "gitTokn": CANARY}, set()),
    "a misspelt secret, encrypted": ({"dags": SSH, "gitTokn": CANARY}, {"gitTokn"}),
    "an unknown key, encrypted": ({"dags": SSH, "zzzz": CANARY}, {"zzzz"}),
    "a secret among the DAGs": ({"dags": {**SSH, "gitTokn": CANARY}}, set()),
    "a password as a setting": ({"dags": SSH, "database": {"external": {"host": "db", "password": CANARY}}}, set()),
    "a password as a number of the wrong kind": ({"dags": SSH, "rotation": {"databasePassword": CANARY}}, set()),
    "a password in a URL": ({"dags": {"repository": f"https://me:{CANARY}@github.com/a/b"}}, set()),
    "a password with an @": ({"dags": {"repository": f"https://me:a@{CANARY}@github.com/a/b"}}, set()),
    "a password with a /": ({"dags": {"repository": f"https://me:a/{CANARY}@github.com/a/b"}}, set()),
    "a password with a space": ({"dags": {"repository": f"https://me:a {CANARY}@github.com/a/b"}}, set()),
    "a password in a URL over SSH": ({"dags": {"repository": f"ssh://me:{CANARY}@github.com/a/b"}}, set()),
    "a password in the short form": ({"dags": {"repository": f"me:{CANARY}@github.com:a/b"}}, set()),
    "a token as a user": ({"dags": {"repository": f"https://{CANARY}@github.com/a/b"}}, set()),
    "a token as a user, two problems": (
        {"dags": {"repository": f"https://{CANARY}@github.com/a/b", "authentication": "sshKey", "tag": "a", "commit": "b"}}, set()),
    "a URL in the wrong place": ({"dags": SSH, "chart": {"repository": f"http://me:{CANARY}@charts"}}, set()),
    "a URL in an object": ({"dags": [f"https://me:{CANARY}@github.com/a/b"]}, set()),
    "a private key in the wrong place": (
        {"dags": {**SSH, "branch": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}"}}, set()),
    "a password beside a wrong variable": (
        {"dags": SSH, "environment": {"DB_PASSWORD": CANARY, "AIRFLOW__CORE__FERNET_KEY": CANARY}}, set()),
    "a password as a variable": ({"dags": SSH, "environment": {"DB_PASSWORD": [CANARY]}}, set()),
    "a password where an object is due": ({"dags": SSH, "admin": [{"password": CANARY}]}, set()),
    "a password in an unknown value": ({"dags": SSH, "values": {"postgres": {"auth": {"password": CANARY}}}}, set()),
    "a secret in the values": ({"dags": SSH, "values": {"jwtSecret": CANARY}}, set()),
    "a connection in the values": ({"dags": SSH, "values": {"data": f"postgresql://af:{CANARY}@db/af"}}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_no_message_repeats_a_secret(name: str, golden: Golden) -> None:
    config, encrypted = LEAKS[name]
    error = problems(config, secret_keys=encrypted)
    assert CANARY not in str(error)
    assert CANARY not in repr(error.problems)
    assert str(error) == golden


def test_values_that_are_not_secret_are_shown() -> None:
    (problem,) = problems({"dags": {**SSH, "branch": CANARY + " "}}).problems
    assert problem.value == f"'{CANARY} '"
    (problem,) = problems({"dags": {"repository": "ssh://git@github.com:99999/a/b"}}).problems
    assert problem.value == "'ssh://git@github.com:99999/a/b'"
    (problem,) = problems({"dags": SSH, "rotation": {"databasePassword": 0}}).problems
    assert problem.value == "'0'"


def test_the_fix_of_a_misspelt_secret_sets_a_secret() -> None:
    (problem,) = problems({"dags": SSH, "gitTokn": CANARY}, secret_keys={"gitTokn"}).problems
    assert SECRETS["gitToken"].command in fix_in_stack_file(problem)


def test_the_error_is_one_message_without_a_traceback() -> None:
    with pytest.raises(SettingsError) as refused:
        load("test", {"dags": {"repository": 1}}, ())
    assert refused.value.__cause__ is None
    assert "Traceback" not in str(refused.value)
