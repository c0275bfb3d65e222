"""Facts about git hosts: the page for deploy keys, the address of the API, and the forms of a URL.

Pure: no network access. The host's name tells its software; otherwise `dags.gitHost` does.
"""

from dataclasses import replace

from airflow_stack.choices import GitHost

from .url import GitUrl

DEPLOY_KEY_PACKAGES = {GitHost.GITHUB: "pulumi_github", GitHost.GITLAB: "pulumi_gitlab"}
"""Module of the Pulumi package that adds a deploy key, by git host. Each package is an extra of this project: `github`, `gitlab`."""
_KNOWN = {
    "github.com": GitHost.GITHUB,
    "gitlab.com": GitHost.GITLAB,
    "bitbucket.org": GitHost.BITBUCKET,
    "dev.azure.com": GitHost.AZURE_DEVOPS,
    "vs-ssh.visualstudio.com": GitHost.AZURE_DEVOPS,
    "codeberg.org": GitHost.GITEA,
}
# Hosts with another name for SSH than for the web, the last three on port 443:
# docs.github.com "Using SSH over the HTTPS port", docs.gitlab.com "GitLab.com settings", support.atlassian.com "Use SSH over port 443"
_WEB_HOSTS = {
    "ssh.dev.azure.com": "dev.azure.com",
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
_NAME_PARTS = {
    "github": GitHost.GITHUB,
    "ghe": GitHost.GITHUB,
    "gitlab": GitHost.GITLAB,
    "bitbucket": GitHost.BITBUCKET,
    "gitea": GitHost.GITEA,
    "forgejo": GitHost.GITEA,
}


def kind_of(url: GitUrl, git_host: GitHost | None = None) -> GitHost | None:
    """Software of the host: `git_host`, or by the host's name, such as gitlab.example.com; None if unknown."""
    if kind := git_host or _KNOWN.get(_web(url)):
        return kind
    return next((_NAME_PARTS[part] for part in url.host.split(".") if part in _NAME_PARTS), None)


def deploy_key_page(url: GitUrl, git_host: GitHost | None = None) -> str:
    """Page to add a read-only deploy key; a description if the host's pages are unknown.

    GitHub: docs.github.com "Managing deploy keys". GitLab: docs.gitlab.com "Deploy keys", Settings > Repository.
    Bitbucket Cloud: support.atlassian.com "Access keys", read-only by nature. Gitea and Forgejo: repository settings, Deploy Keys.
    Azure DevOps has only the keys of users: learn.microsoft.com "Use SSH key authentication".
    """
    web, path = _web(url), url.path.removesuffix(".git").strip("/")
    match kind_of(url, git_host):
        case GitHost.GITHUB | GitHost.GITEA:
            return f"https://{web}/{path}/settings/keys"
        case GitHost.GITLAB:
            return f"https://{web}/{path}/-/settings/repository#js-deploy-keys-settings"
        case GitHost.BITBUCKET if web == "bitbucket.org":
            return f"https://{web}/{path}/admin/access-keys/"
        case GitHost.AZURE_DEVOPS if parts := _azure(url):
            return f"https://dev.azure.com/{parts[0]}/_usersettings/keys (of a user who may only read the repository)"
    return f"your git host {url.host}: the settings of {path}, as a read-only deploy key"


def takes_ed25519(url: GitUrl, git_host: GitHost | None = None) -> bool:
    """Whether the host accepts ed25519 keys. Azure DevOps accepts only RSA (learn.microsoft.com "Use SSH key authentication")."""
    return kind_of(url, git_host) is not GitHost.AZURE_DEVOPS


def github_api(url: GitUrl) -> str:
    """Base address of GitHub's REST API (docs.github.com "Getting started with the REST API", one for each of GitHub's three products)."""
    web = _web(url)
    if web == "github.com" or web.endswith(".ghe.com"):
        return f"https://api.{web}/"
    return f"https://{web}/api/v3/"


def gitlab_api(url: GitUrl) -> str:
    """Base address of GitLab's REST API (docs.gitlab.com "REST API")."""
    return f"https://{_web(url)}/api/v4/"


def other_form(url: GitUrl) -> str:
    """URL of the same repository: HTTPS for an SSH URL, SSH for an HTTPS URL."""
    if url.is_ssh:
        if parts := _azure(url):
            return "https://dev.azure.com/{}/{}/_git/{}".format(*parts)
        return replace(url, host=_web(url)).as_https()
    if url.host == "dev.azure.com" and "/_git/" in url.path:
        return f"git@ssh.dev.azure.com:v3/{url.path.replace('/_git/', '/')}"
    return url.as_ssh()


def _web(url: GitUrl) -> str:
    return _WEB_HOSTS.get(url.host, url.host)


def _azure(url: GitUrl) -> list[str] | None:
    """Organization, project and repository of Azure's SSH URLs, v3/organization/project/repository."""
    version, *parts = url.path.split("/")
    is_azure = url.host in ("ssh.dev.azure.com", "vs-ssh.visualstudio.com")
    return parts if is_azure and version == "v3" and len(parts) == 3 else None
