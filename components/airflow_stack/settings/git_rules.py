"""What must hold between the settings of `dags` that have to do with access: the GitHub App and the registration of a generated key."""

from typing import TYPE_CHECKING

from airflow_stack.choices import GitAuthentication, GitHost
from airflow_stack.git.hosts import kind_of, other_form
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.fields import wrong

if TYPE_CHECKING:
    from airflow_stack.settings.models import Dags


def check_github_app(dags: "Dags") -> None:
    """See that a GitHub App is named where it is to be used, and used where it is named.

    Raises:
        PydanticCustomError: it is not; the error names the setting.
    """
    if dags.authentication is GitAuthentication.GITHUB_APP and dags.github_app is None:
        raise wrong(
            "github_app", "is needed for authentication 'githubApp': applicationId or clientId, and installationId"
        )
    if dags.github_app is None:
        return
    if dags.authentication not in (None, GitAuthentication.GITHUB_APP):
        raise wrong("github_app", f"is not used with authentication {dags.authentication.value!r}: leave it out")
    if (url := GitUrl.parse(dags.repository)).is_ssh:
        raise wrong("repository", f"must be HTTPS for a GitHub App: write it as {other_form(url)!r}")


def check_registration(dags: "Dags") -> None:
    """See that there is a generated key to register, and a host that can be told of it.

    Raises:
        PydanticCustomError: there is not; the error names the setting.
    """
    if not dags.register_deploy_key:
        return
    url = GitUrl.parse(dags.repository)
    if dags.authentication not in (None, GitAuthentication.GENERATED_SSH_KEY) or not url.is_ssh:
        form = "" if url.is_ssh else f" and repository to {other_form(url)!r}"
        raise wrong(
            "register_deploy_key",
            f"is for a generated key: set authentication to 'generatedSshKey'{form}, or leave it out",
        )
    if kind_of(url, dags.git_host) not in (GitHost.GITHUB, GitHost.GITLAB):
        raise wrong(
            "register_deploy_key",
            f"works with GitHub and GitLab, and {url.host} is not known as one of them: if it is, say so in gitHost ('github' or "
            "'gitlab'); if not, add the key by hand, on the page that the output gitDeployKeyPage names, and leave it out",
        )
