"""What must hold between the settings of `dags`. Each rule yields at most one problem for one cause."""

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from airflow_stack.choices import DagDelivery, GitAuthentication, GitHost
from airflow_stack.git import host_keys, polling
from airflow_stack.git.hosts import kind_of, other_form
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.dags import Dags
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import REQUIRED, Problem, Remove, Set, at_most_one

_LONGEST_NAME = 40
"""Of a repository: it becomes part of an annotation's key, which may have 63."""
_SSH = (GitAuthentication.SSH_KEY, GitAuthentication.GENERATED_SSH_KEY)


def one_ref(settings: Settings) -> Iterator[Problem]:
    """Each repository is followed by one of branch, tag and commit."""
    repositories = {"dags": settings.dags} | {
        f"dags.moreRepositories.{name}": more for name, more in settings.dags.more_repositories.items()
    }
    for path, each in repositories.items():
        yield from at_most_one(path, branch=each.branch, tag=each.tag, commit=each.commit)


def delivery(settings: Settings) -> Iterator[Problem]:
    """The delivery can do what the other settings ask of it."""
    dags = settings.dags
    if dags.delivery is DagDelivery.IMAGE:
        if ignored := sorted(dags.model_fields_set - {"delivery", "path"}):
            # Not even visibleWithinSeconds: without a repository to poll, nothing would keep that promise.
            first, *others = map(to_camel, ignored)
            too = "".join(f", and so has {name}" for name in others)
            reason = f"has no effect with delivery 'image', where DAGs change with the image alone{too}"
            yield Problem(f"dags.{first}", reason, tuple(Remove(f"dags.{name}") for name in (first, *others)))
    elif not dags.repository:
        yield Problem("dags.repository", REQUIRED, (Set("dags.repository"),))
    elif dags.path.startswith("/"):
        yield _absolute("dags.path")
    elif dags.visible_within_seconds < (least := polling.least_seconds(dags.delivery) or 0):
        reason = f"must be greater than or equal to {least}: {dags.delivery.value} cannot be faster"
        yield Problem("dags.visibleWithinSeconds", reason, (Set("dags.visibleWithinSeconds", str(least)),))
    elif dags.delivery is DagDelivery.GIT_BUNDLE:
        yield from _git_bundle(dags)
    elif dags.more_repositories:
        reason = "needs delivery 'gitBundle': git-sync follows one repository"
        yield Problem("dags.moreRepositories", reason, (Set("dags.delivery", "gitBundle"),))


def authentication(settings: Settings) -> Iterator[Problem]:
    """The authentication fits the URL, and the host's keys are known."""
    dags = settings.dags
    if not dags.repository:
        return
    url = GitUrl.parse(dags.repository)
    if dags.authentication is not None and (dags.authentication in _SSH) != url.is_ssh:
        reason = f"authentication {dags.authentication.value!r} does not fit the {'SSH' if url.is_ssh else 'HTTPS'} URL {dags.repository!r}"
        yield Problem("dags", reason, (Set("dags.repository", other_form(url)),), otherwise="leave authentication out")
    elif url.is_ssh and dags.known_hosts is None and known_hosts_for(url.host, url.port) is None:
        reason = f"knownHosts is needed for {url.host_and_port}: its host keys do not come with this program"
        yield Problem("dags", reason, (_scan(url), Set("dags.knownHosts")))
    elif dags.known_hosts is not None and not dags.known_hosts.strip():
        reason = "knownHosts must not be empty: host keys are always verified"
        yield Problem(
            "dags", reason, (Set("dags.knownHosts"),), otherwise="leave it out for a host with published keys"
        )
    elif url.is_ssh and dags.known_hosts is not None and (missing := _without_key(url, dags.known_hosts)):
        yield Problem("dags.knownHosts", missing, (_scan(url), Set("dags.knownHosts")))


def github_app(settings: Settings) -> Iterator[Problem]:
    """A GitHub App is named where it is used, and used where it is named."""
    dags, app = settings.dags, settings.dags.github_app
    if app is None:
        if dags.authentication is GitAuthentication.GITHUB_APP:
            reason = "is needed for authentication 'githubApp': applicationId or clientId, and installationId"
            yield Problem(
                "dags.githubApp", reason, (Set("dags.githubApp.clientId"), Set("dags.githubApp.installationId"))
            )
    elif app.application_id is None and app.client_id is None:
        reason = "applicationId or clientId is needed: the App's settings page shows both"
        yield Problem("dags.githubApp", reason, (Set("dags.githubApp.clientId"),))
    elif found := list(at_most_one("dags.githubApp", applicationId=app.application_id, clientId=app.client_id)):
        yield from found
    elif dags.authentication not in (None, GitAuthentication.GITHUB_APP):
        reason = f"is not used with authentication {dags.authentication.value!r}"
        yield Problem("dags.githubApp", reason, (Remove("dags.githubApp"),))
    elif (url := GitUrl.parse(dags.repository)).is_ssh:
        reason = "must be HTTPS for a GitHub App"
        yield Problem("dags.repository", reason, (Set("dags.repository", other_form(url)),))


def deploy_key_registration(settings: Settings) -> Iterator[Problem]:
    """There is a generated key to register, and a host with an API for it."""
    dags = settings.dags
    if not dags.register_deploy_key:
        return
    path, url = "dags.registerDeployKey", GitUrl.parse(dags.repository)
    if dags.authentication not in (None, GitAuthentication.GENERATED_SSH_KEY) or not url.is_ssh:
        generated = Set("dags.authentication", GitAuthentication.GENERATED_SSH_KEY.value)
        steps = (generated,) if url.is_ssh else (generated, Set("dags.repository", other_form(url)))
        yield Problem(path, "needs a generated key", steps, otherwise="leave it out")
    elif kind_of(url, dags.git_host) not in (GitHost.GITHUB, GitHost.GITLAB):
        reason = f"works with GitHub and GitLab, and {url.host} is not known as one of them"
        by_hand = "leave it out and add the key by hand, on the page that the output gitDeployKeyPage names"
        yield Problem(path, reason, (Set("dags.gitHost", GitHost.GITHUB.value),), otherwise=by_hand)


def _git_bundle(dags: Dags) -> Iterator[Problem]:
    if "depth" in dags.model_fields_set and dags.depth != 1:
        reason = "is an option of git-sync; a git bundle always has the whole history"
        yield Problem("dags.depth", reason, (Remove("dags.depth"),))
        return
    if dags.github_app or dags.authentication is GitAuthentication.GITHUB_APP:
        path = "dags.githubApp" if dags.github_app else "dags.authentication"
        reason = "is not supported by Airflow's git bundle (provider 0.4.0)"
        yield Problem(path, reason, (Set("dags.delivery", "gitSync"),), otherwise="use a deploy key or a token")
        return
    main = GitUrl.parse(dags.repository)
    for name, more in dags.more_repositories.items():
        path, url = f"dags.moreRepositories.{name}", GitUrl.parse(more.repository)
        if name == "dags-folder" or len(name) > _LONGEST_NAME:
            why = (
                "is the name of dags.repository" if name == "dags-folder" else f"is longer than {_LONGEST_NAME} letters"
            )
            yield Problem(path, why, ("choose another name",))
        elif more.path.startswith("/"):
            yield _absolute(f"{path}.path")
        elif url.is_ssh != main.is_ssh:
            reason = "must use SSH or HTTPS as dags.repository does, whose authentication it shares"
            yield Problem(f"{path}.repository", reason, (Set(f"{path}.repository", other_form(url)),))
        elif url.is_ssh and dags.known_hosts is None and known_hosts_for(url.host, url.port) is None:
            reason = f"needs knownHosts for {url.host_and_port}: its host keys do not come with this program"
            yield Problem(f"{path}.repository", reason, (Set("dags.knownHosts"),))
        elif url.is_ssh and dags.known_hosts is not None and (missing := _without_key(url, dags.known_hosts)):
            yield Problem("dags.knownHosts", missing, (_scan(url), Set("dags.knownHosts")))
        elif dags.register_deploy_key and url.host != main.host:
            reason = f"works for the host of dags.repository alone, and {more.repository} is on another"
            yield Problem("dags.registerDeployKey", reason, (Remove("dags.registerDeployKey"),))


def _without_key(url: GitUrl, known_hosts: str) -> str | None:
    return host_keys.refusal(known_hosts, url.host, url.port)


def _scan(url: GitUrl) -> str:
    return f"get the keys with `ssh-keyscan -p {url.port or 22} {url.host}` and compare them with those that the host publishes"


def _absolute(path: str) -> Problem:
    return Problem(
        path, "must be a path inside the repository, without a leading / and without .., such as dags", (Set(path),)
    )


RULES = (one_ref, delivery, authentication, github_app, deploy_key_registration)
