"""Registration of a generated deploy key: read-only, before a pod uses it, and only with a token for it."""

from typing import Any

import pytest

from airflow_stack.airflow import Airflow
from airflow_stack.arguments import DagsArgs
from airflow_stack.choices import GitAuthentication, GitHost
from airflow_stack.cli.recording import Recording, record
from airflow_stack.inputs import installed_packages
from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.parts.git_access import GitAccess, GitAccessArgs
from tests.support import git_host_packages
from tests.support.cases import AUTHENTICATIONS, HOST_KEY, Config, deployed, problems
from tests.support.git_host_packages import GITHUB_KEY, GITLAB_KEY
from tests.support.golden import Golden

TOKEN = "canary of the host"
GITHUB, GITLAB = "git@github.com:acme/dags.git", "git@gitlab.com:acme/data/dags.git"


@pytest.fixture(autouse=True)
def _packages(monkeypatch: pytest.MonkeyPatch) -> None:
    git_host_packages.install(monkeypatch)


def registered(repository: str, **more: Any) -> Recording:
    args: GitAccessArgs = {
        "namespace": "airflow",
        "authentication": GitAuthentication.GENERATED_SSH_KEY,
        "repository": repository,
        "salt": "s",
        "git_host_token": TOKEN,
        **more,  # type: ignore[typeddict-item]
    }
    return record(lambda: GitAccess("git", args))


def test_github_gets_a_read_only_deploy_key_with_a_provider_that_has_the_token() -> None:
    seen = registered(GITHUB)
    key, provider = seen.only(GITHUB_KEY), seen.only("pulumi:providers:github")
    assert key.inputs == {
        "repository": "dags",
        "title": "airflow test 1",
        "key": seen.outputs_of("airflow:index:GitAccess")["deploy_keys"]["1"],
        "readOnly": True,
    }
    assert provider.inputs == {"token": TOKEN, "owner": "acme", "baseUrl": "https://api.github.com/"}
    assert provider.shown["token"] == "[secret]"
    assert key.delete_before_replace, "a host takes a key once"


def test_gitlab_gets_a_deploy_key_that_cannot_push() -> None:
    seen = registered(GITLAB)
    key, provider = seen.only(GITLAB_KEY).inputs, seen.only("pulumi:providers:gitlab").inputs
    assert (key["project"], key["canPush"]) == ("acme/data/dags", False)
    assert provider == {"token": TOKEN, "baseUrl": "https://gitlab.com/api/v4/"}


@pytest.mark.parametrize(
    ("repository", "told", "provider", "address"),
    [
        ("git@github.acme.com:a/b", None, "github", "https://github.acme.com/"),
        ("git@git.acme.com:a/b", GitHost.GITHUB, "github", "https://git.acme.com/"),
        ("git@acme.ghe.com:a/b", None, "github", "https://api.acme.ghe.com/"),
        ("git@git.acme.com:a/b", GitHost.GITLAB, "gitlab", "https://git.acme.com/api/v4/"),
    ],
)
def test_a_self_hosted_git_host_is_reached_at_its_own_address(
    repository: str, told: GitHost | None, provider: str, address: str
) -> None:
    seen = registered(repository, git_host=told)
    assert seen.only(f"pulumi:providers:{provider}").inputs["baseUrl"] == address


@pytest.mark.parametrize(("repository", "type_"), [(GITHUB, GITHUB_KEY), (GITLAB, GITLAB_KEY)])
@pytest.mark.parametrize(
    ("rotation", "kept"), [({}, [1]), ({"generation": 2}, [1, 2]), ({"generation": 2, "dropped": 1}, [2])]
)
def test_every_kept_generation_is_registered_before_the_secret_changes(
    repository: str, type_: str, rotation: Config, kept: list[int]
) -> None:
    seen = registered(repository, **rotation)
    assert [key.name for key in seen.of_type(type_)] == [f"git-deploy-key-{number}" for number in kept]
    keys = {urn for urn, resource in seen.resources.items() if resource.type == type_}
    assert keys <= seen.named("git-secret").depends_on


@pytest.mark.parametrize("repository", [GITHUB, GITLAB])
def test_the_stacks_token_reaches_the_provider_and_is_shown_nowhere(repository: str) -> None:
    dags: DagsArgs = {"repository": repository, "register_deploy_key": True}
    seen = record(lambda: Airflow("airflow", {"dags": dags, "git_host_token": TOKEN}))
    assert TOKEN in repr([resource.inputs for resource in seen.resources.values()])
    assert TOKEN not in seen.shown()


def test_without_registration_there_is_no_provider() -> None:
    seen = deployed()
    assert seen.only("tls:index/privateKey:PrivateKey")
    assert not [r for r in seen.resources.values() if r.type.startswith("pulumi:providers:git")]


SSH_URL = {"repository": "git@github.com:acme/dags.git", "registerDeployKey": True}
WRONG: dict[str, Config] = {
    "a key of one's own": {**SSH_URL, "authentication": "sshKey"},
    "HTTPS": {**SSH_URL, "repository": "https://github.com/acme/dags"},
    "an unknown host": {"repository": "git@git.acme.com:a/b", "knownHosts": f"git.acme.com {HOST_KEY}", "registerDeployKey": True},
    "Bitbucket": {**SSH_URL, "repository": "git@bitbucket.org:a/b"},
    "another repository elsewhere": {**SSH_URL, "delivery": "gitBundle", "moreRepositories": {"ml": {"repository": "git@gitlab.com:a/b"}}},
    "a GitHub App": {**AUTHENTICATIONS["github-app"], "registerDeployKey": True},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_key_that_cannot_be_registered_is_refused_with_the_fix(name: str, golden: Golden) -> None:
    (problem,) = problems({"dags": WRONG[name]}).problems
    assert in_stack_file(problem) == golden


def test_registration_requires_a_token_and_refuses_a_private_key(golden: Golden) -> None:
    assert str(problems({"dags": SSH_URL, "gitSshKey": "x"}, secrets_required=True)) == golden


@pytest.mark.parametrize(("host", "extra"), [("github.com", "github"), ("gitlab.com", "gitlab")])
def test_a_missing_package_is_reported_before_any_change(
    host: str, extra: str, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(installed_packages, "find_spec", lambda _: None)
    (problem,) = problems({"dags": {**SSH_URL, "repository": f"git@{host}:a/b"}}).problems
    assert problem.path == "dags.registerDeployKey"
    assert f"pulumi-{extra}" in problem.reason
    assert in_stack_file(problem) == golden
