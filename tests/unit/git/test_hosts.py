"""Each git host has its own pages, API addresses and URL forms."""

import pytest

from airflow_stack.choices import GitHost
from airflow_stack.git.hosts import deploy_key_page, github_api, gitlab_api, kind_of, other_form, takes_ed25519
from airflow_stack.git.url import GitUrl

AZURE = "git@ssh.dev.azure.com:v3/acme/data/dags"
PAGES = {
    "git@github.com:acme/dags.git": "https://github.com/acme/dags/settings/keys",
    "ssh://git@ssh.github.com:443/acme/dags.git": "https://github.com/acme/dags/settings/keys",
    "git@github.acme.com:acme/dags": "https://github.acme.com/acme/dags/settings/keys",
    "git@gitlab.com:acme/data/dags.git": "https://gitlab.com/acme/data/dags/-/settings/repository#js-deploy-keys-settings",
    "ssh://git@gitlab.acme.com:2222/a/b.git": "https://gitlab.acme.com/a/b/-/settings/repository#js-deploy-keys-settings",
    "git@bitbucket.org:acme/dags.git": "https://bitbucket.org/acme/dags/admin/access-keys/",
    "git@codeberg.org:acme/dags.git": "https://codeberg.org/acme/dags/settings/keys",
    "git@gitea.acme.com:acme/dags.git": "https://gitea.acme.com/acme/dags/settings/keys",
    "git@forgejo.acme.com:acme/dags.git": "https://forgejo.acme.com/acme/dags/settings/keys",
    AZURE: "https://dev.azure.com/acme/_usersettings/keys (of a user who may only read the repository)",
    "acme@vs-ssh.visualstudio.com:v3/acme/data/dags": "https://dev.azure.com/acme/_usersettings/keys (of a user who may only read the repository)",
    "git@git.acme.com:acme/dags.git": "your git host git.acme.com: the settings of acme/dags, as a read-only deploy key",
    "git@bitbucket.acme.com:acme/dags.git": "your git host bitbucket.acme.com: the settings of acme/dags, as a read-only deploy key",
}


@pytest.mark.parametrize("url", PAGES)
def test_the_url_decides_the_page_for_a_deploy_key(url: str) -> None:
    assert deploy_key_page(GitUrl.parse(url)) == PAGES[url]


def test_the_setting_decides_the_software_of_a_host_with_a_neutral_name() -> None:
    url = GitUrl.parse("git@git.acme.com:acme/dags.git")
    assert kind_of(url) is None
    assert deploy_key_page(url, GitHost.GITLAB).startswith("https://git.acme.com/acme/dags/-/settings/repository")
    assert deploy_key_page(url, GitHost.GITEA) == "https://git.acme.com/acme/dags/settings/keys"


@pytest.mark.parametrize("host", ["notgithub.com", "github.com.evil.example", "my-gitlab.example.com"])
def test_a_name_similar_to_a_known_host_gets_no_page_of_that_host(host: str) -> None:
    page = deploy_key_page(GitUrl.parse(f"git@{host}:a/b"))
    assert page.startswith((f"https://{host}/", f"your git host {host}:"))


def test_only_azure_devops_requires_rsa() -> None:
    assert [url for url in PAGES if not takes_ed25519(GitUrl.parse(url))] == [url for url in PAGES if "v3/" in url]


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/a/b", "https://api.github.com/"),
        ("git@ssh.github.com:a/b", "https://api.github.com/"),
        ("https://acme.ghe.com/a/b", "https://api.acme.ghe.com/"),
        ("https://github.acme.com/a/b", "https://github.acme.com/api/v3/"),
    ],
)
def test_each_github_product_has_its_own_api_address(url: str, api: str) -> None:
    assert github_api(GitUrl.parse(url)) == api


def test_gitlab_has_its_api_on_its_own_host() -> None:
    assert gitlab_api(GitUrl.parse("git@altssh.gitlab.com:a/b")) == "https://gitlab.com/api/v4/"
    assert gitlab_api(GitUrl.parse("ssh://git@gitlab.acme.com:22/a/b")) == "https://gitlab.acme.com/api/v4/"


@pytest.mark.parametrize(
    ("ssh", "https"),
    [
        ("git@github.com:acme/dags.git", "https://github.com/acme/dags.git"),
        (AZURE, "https://dev.azure.com/acme/data/_git/dags"),
    ],
)
def test_the_other_form_of_a_url_is_the_same_repository(ssh: str, https: str) -> None:
    assert other_form(GitUrl.parse(ssh)) == https
    assert other_form(GitUrl.parse(https)) == ssh


def test_the_ssh_port_is_not_part_of_the_https_url() -> None:
    assert other_form(GitUrl.parse("ssh://git@ssh.github.com:443/a/b.git")) == "https://github.com/a/b.git"
