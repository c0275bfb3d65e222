"""What is particular to one git host: where a deploy key is added, its API, and how it writes a repository's URLs.

Pure, and never asks the network. A host is known by its name, or by `dags.gitHost` where the name says nothing.
"""

from dataclasses import replace

from airflow_stack.choices import GitHost
from airflow_stack.git.url import GitUrl

DEPLOY_KEY_PACKAGES = {GitHost.GITHUB: "pulumi_github", GitHost.GITLAB: "pulumi_gitlab"}
"""Module of the Pulumi package that adds a deploy key, for each host that has one. The package is an extra of this project: `github`, `gitlab`."""
_KNOWN = {
    "github.com": GitHost.GITHUB,
    "gitlab.com": GitHost.GITLAB,
    "bitbucket.org": GitHost.BITBUCKET,
    "dev.azure.com": GitHost.AZURE_DEVOPS,
    "vs-ssh.visualstudio.com": GitHost.AZURE_DEVOPS,
    "codeberg.org": GitHost.GITEA,
}
# Hosts that answer SSH elsewhere than on the web, the last three on port 443:
# docs.github.com "Using SSH over the HTTPS port", docs.gitlab.com "GitLab.com settings", support.atlassian.com "Use SSH over port 443"
_ON_THE_WEB = {
    "ssh.dev.azure.com": "dev.azure.com",
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
_IN_A_NAME = {
    "github": GitHost.GITHUB,
    "ghe": GitHost.GITHUB,
    "gitlab": GitHost.GITLAB,
    "bitbucket": GitHost.BITBUCKET,
    "gitea": GitHost.GITEA,
    "forgejo": GitHost.GITEA,
}


def kind_of(url: GitUrl, told: GitHost | None = None) -> GitHost | None:
    """What runs on the host: as told, or by its name, such as gitlab.example.com; None where that is unknown."""
    if kind := told or _KNOWN.get(_web(url)):
        return kind
    return next((_IN_A_NAME[part] for part in url.host.split(".") if part in _IN_A_NAME), None)


def deploy_key_page(url: GitUrl, told: GitHost | None = None) -> str:
    """Page on which the public key is added, read-only; words where the host's pages are not known.

    GitHub: docs.github.com "Managing deploy keys". GitLab: docs.gitlab.com "Deploy keys", Settings > Repository.
    Bitbucket Cloud: support.atlassian.com "Access keys", read-only by nature. Gitea and Forgejo: repository settings, Deploy Keys.
    Azure DevOps has no deploy keys but those of a user: learn.microsoft.com "Use SSH key authentication".
    """
    web, path = _web(url), url.path.removesuffix(".git").strip("/")
    match kind_of(url, told):
        case GitHost.GITHUB | GitHost.GITEA:
            return f"https://{web}/{path}/settings/keys"
        case GitHost.GITLAB:
            return f"https://{web}/{path}/-/settings/repository#js-deploy-keys-settings"
        case GitHost.BITBUCKET if web == "bitbucket.org":
            return f"https://{web}/{path}/admin/access-keys/"
        case GitHost.AZURE_DEVOPS if parts := _azure(url):
            return f"https://dev.azure.com/{parts[0]}/_usersettings/keys (of a user who may only read the repository)"
    return f"your git host {url.host}: the settings of {path}, as a read-only deploy key"


def takes_ed25519(url: GitUrl, told: GitHost | None = None) -> bool:
    """Whether the host takes keys other than RSA; Azure DevOps does not (learn.microsoft.com "Use SSH key authentication")."""
    return kind_of(url, told) is not GitHost.AZURE_DEVOPS


def github_api(url: GitUrl) -> str:
    """Base address of GitHub's REST API (docs.github.com "Getting started with the REST API", for each of GitHub's three products)."""
    web = _web(url)
    if web == "github.com" or web.endswith(".ghe.com"):
        return f"https://api.{web}/"
    return f"https://{web}/api/v3/"


def gitlab_api(url: GitUrl) -> str:
    """Base address of GitLab's REST API (docs.gitlab.com "REST API")."""
    return f"https://{_web(url)}/api/v4/"


def other_form(url: GitUrl) -> str:
    """The same repository by HTTPS where the URL is SSH, and by SSH where it is HTTPS."""
    if url.is_ssh:
        if parts := _azure(url):
            return "https://dev.azure.com/{}/{}/_git/{}".format(*parts)
        return replace(url, host=_web(url)).as_https()
    if url.host == "dev.azure.com" and "/_git/" in url.path:
        return f"git@ssh.dev.azure.com:v3/{url.path.replace('/_git/', '/')}"
    return url.as_ssh()


def _web(url: GitUrl) -> str:
    return _ON_THE_WEB.get(url.host, url.host)


def _azure(url: GitUrl) -> list[str] | None:
    """Organization, project and repository of Azure's SSH URLs, v3/organization/project/repository."""
    version, *parts = url.path.split("/")
    ours = url.host in ("ssh.dev.azure.com", "vs-ssh.visualstudio.com")
    return parts if ours and version == "v3" and len(parts) == 3 else None
