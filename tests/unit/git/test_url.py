"""A repository's URL is one that git clones, and holds no credential; the message shows the right URL and repeats no token."""

import pytest

from airflow_stack.git.url import GitUrl

CANARY = "C4NARYtoken"


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:acme/dags.git",
        "git@github.com:1234/dags.git",
        "git@git.example.com:~me/dags.git",
        "git@git.example.com:/srv/git/dags.git",
        "git@ssh.dev.azure.com:v3/acme/data/dags",
        "acme@vs-ssh.visualstudio.com:v3/acme/data/dags",
        "ssh://git@bitbucket.example.com:7999/data/dags.git",
        "ssh://git@ssh.dev.azure.com/v3/acme/data/dags",
        "https://github.com/acme/dags/",
        "https://gist.github.com/0123456789abcdef.git",
        "https://gitlab.com/group/sub/group/dags.git",
        "https://git.example.com:8443/data/dags",
        "https://git.example.com/data/tree/dags.git",
        "https://bitbucket.example.com/scm/data/dags.git",
        "https://dev.azure.com/acme/data/_git/dags",
        "https://dev.azure.com/acme/my%20data/_git/dags",
        "https://acme.visualstudio.com/data/_git/dags",
        "http://git.airflow.svc.cluster.local/dags.git",
    ],
)
def test_a_url_that_git_clones_is_taken(url: str) -> None:
    assert GitUrl.parse(url).host in url


@pytest.mark.parametrize(
    "url",
    [
        f"https://git.example.com/dags.git?private_token={CANARY}",
        f"https://git.example.com/dags.git#{CANARY}",
        f"https://bot:2024/{CANARY}@github.com/acme/dags.git",
        f"https://bot/{CANARY}@github.com/acme/dags.git",
        f"https://bot:{CANARY}@github.com/acme/dags.git",
        f"https://{CANARY}@github.com/acme/dags.git",
        f"https://git.example.com/{CANARY}@x/dags.git",
        f"ssh://git:{CANARY}@github.com/acme/dags.git",
        f"ssh://git@github.com/{CANARY}@x/dags.git",
        f"git:{CANARY}@github.com:acme/dags.git",
        f"git@github.com:acme/dags.git?token={CANARY}",
    ],
)
def test_a_credential_anywhere_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="must not contain") as refused:
        GitUrl.parse(url)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("git@bitbucket.example.com:7999/data/dags.git", "ssh://git@bitbucket.example.com:7999/data/dags.git"),
        ("git@git.example.com:22:dags.git", "ssh://git@git.example.com:22/dags.git"),
        ("git@github.com:22/acme/dags.git", "ssh://git@github.com:22/acme/dags.git"),
        ("ssh://git@ssh.dev.azure.com:v3/acme/data/dags", "git@ssh.dev.azure.com:v3/acme/data/dags"),
        ("git@ssh.dev.azure.com:22/v3/acme/data/dags", "git@ssh.dev.azure.com:v3/acme/data/dags"),
        ("ssh://git@github.com:acme/dags.git", "git@github.com:acme/dags.git"),
        ("git@github.com/acme/dags.git", "git@github.com:acme/dags.git"),
        ("https://github.com:acme/dags.git", "https://github.com/acme/dags.git"),
        ("github.com/acme/dags", "https://github.com/acme/dags"),
        ("git://github.com/acme/dags.git", "https://github.com/acme/dags.git"),
        ("ssh://github.com/acme/dags.git", "ssh://git@github.com/acme/dags.git"),
    ],
)
def test_a_mixture_of_forms_is_answered_with_the_right_url(url: str, right: str) -> None:
    with pytest.raises(ValueError, match="write it as") as refused:
        GitUrl.parse(url)
    assert f"write it as {right}" in str(refused.value)
    GitUrl.parse(right)


@pytest.mark.parametrize(
    ("page", "repository"),
    [
        ("https://github.com/acme/dags/tree/main/dags", "https://github.com/acme/dags"),
        ("https://github.com/acme/dags/pull/3", "https://github.com/acme/dags"),
        ("https://github.example.com/acme/dags/blob/main/a.py", "https://github.example.com/acme/dags"),
        ("git@github.com:acme/dags/tree/main", "git@github.com:acme/dags"),
        ("https://gitlab.com/group/sub/dags/-/tree/main/dags", "https://gitlab.com/group/sub/dags"),
        ("https://git.example.com/group/dags/-/blob/main/a.py", "https://git.example.com/group/dags"),
        ("https://bitbucket.org/acme/dags/src/main/", "https://bitbucket.org/acme/dags"),
        (
            "https://bitbucket.example.com/projects/DATA/repos/dags/browse",
            "https://bitbucket.example.com/scm/data/dags",
        ),
        ("https://gitea.example.com/acme/dags/src/branch/main", "https://gitea.example.com/acme/dags"),
        ("git@ssh.dev.azure.com:acme/data/_git/dags", "git@ssh.dev.azure.com:v3/acme/data/dags"),
        ("https://dev.azure.com/acme/data/_git/dags/commits", "https://dev.azure.com/acme/data/_git/dags"),
    ],
)
def test_the_address_of_a_page_is_answered_with_the_repository(page: str, repository: str) -> None:
    with pytest.raises(ValueError, match="write the repository's") as refused:
        GitUrl.parse(page)
    assert str(refused.value).endswith(f": {repository}")
    GitUrl.parse(repository)


@pytest.mark.parametrize(
    "url",
    ["https://github.com/acme", "https://gitlab.com/acme", "https://dev.azure.com/acme/data", "git@ssh.dev.azure.com:acme"],
)  # fmt: skip
def test_an_address_without_a_repository_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a repository"):
        GitUrl.parse(url)


@pytest.mark.parametrize(
    "url",
    ["file:///srv/dags", "dags", "", "git@", "-oProxyCommand=x@host:p", "ssh://git@-oProxyCommand=x/p", "https://host",
     "https://host:0/a/b", "https://host:99999/a/b", "ssh://git@host /a", "https://ho..st/a/b"],
)  # fmt: skip
def test_anything_else_is_answered_with_the_three_forms(url: str) -> None:
    with pytest.raises(ValueError, match="must be git@host:org"):
        GitUrl.parse(url)
