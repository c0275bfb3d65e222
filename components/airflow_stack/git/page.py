"""Addresses of web pages, which are not URLs of a repository: a folder, a file or a commit as the git host's UI shows it. Pure."""

import re

# Hosts whose repositories have a path of two parts. docs.github.com "About remote repositories",
# support.atlassian.com "Clone a Git repository", docs.codeberg.org "Your first repository"
_TWO_PARTS = {
    "github.com",
    "www.github.com",
    "ssh.github.com",
    "bitbucket.org",
    "altssh.bitbucket.org",
    "codeberg.org",
}
_OTHER_SERVICES = {"api.github.com", "codeload.github.com", "raw.githubusercontent.com"}
_AT_LEAST_TWO = {"gitlab.com", "altssh.gitlab.com"}
_GITHUB_ENTERPRISE = {"github", "ghe"}
# Pages of GitLab and GitHub (`tree/<ref>`), Gitea (`src/branch/<ref>`) and Bitbucket Data Center (`projects/<key>/repos/<name>`)
_PAGE = re.compile(r"(?P<repository>[^/]+(/[^/]+)+?)/(-(/.*)?|(tree|blob|blame|raw)/.+|src/(branch|commit|tag)/.+)")
_DATA_CENTER = re.compile(r"(projects/(?P<project>[^/]+)|users/(?P<user>[^/]+))/repos/(?P<name>[^/]+)(/.*)?")
_AZURE = re.compile(r"(?P<project>[^/]+(/[^/]+)?)/_git/(?P<name>[^/]+)(?P<more>/.*)?")


def page_of(host: str, path: str) -> str | None:
    """Path of the repository that a page belongs to; None if the path is that of a repository.

    Args:
        host: Host in lowercase.
        path: Path of the URL.

    Raises:
        ValueError: the path leads to no repository; the message has the form of the host.
    """
    path = path.strip("/")
    parts = path.split("/")
    if host in _OTHER_SERVICES:
        raise ValueError(
            f"is not the URL of a repository: {host} serves no git; those of GitHub are https://github.com/owner/repo.git"
        )
    if host == "dev.azure.com":
        if found := _AZURE.fullmatch(path):
            return f"{found['project']}/_git/{found['name']}" if found["more"] else None
        raise ValueError(
            "is not the URL of a repository; Azure's are https://dev.azure.com/organization/project/_git/repo"
        )
    if host == "ssh.dev.azure.com":
        return _azure_ssh(parts)
    if host in _TWO_PARTS or (_GITHUB_ENTERPRISE & set(host.split(".")) and not host.startswith("gist.")):
        if len(parts) < 2:
            raise ValueError(f"is not the URL of a repository; those of {host} end in owner/repo.git")
        return "/".join(parts[:2]) if len(parts) > 2 else None
    if host in _AT_LEAST_TWO and len(parts) < 2:
        raise ValueError(f"is not the URL of a repository; those of {host} end in group/repo.git")
    if found := _DATA_CENTER.fullmatch(path):
        return f"scm/{found['project'] or '~' + found['user']}/{found['name']}".lower()
    found = _PAGE.fullmatch(path)
    return found["repository"] if found and not path.endswith(".git") else None


def _azure_ssh(parts: list[str]) -> str | None:
    named = [part for part in parts if part not in ("v3", "_git", "_ssh")]
    if len(named) != 3:
        raise ValueError(
            "is not the URL of a repository; Azure's over SSH are git@ssh.dev.azure.com:v3/organization/project/repo"
        )
    return None if parts == ["v3", *named] else "/".join(["v3", *named])
