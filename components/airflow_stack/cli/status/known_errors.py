"""Errors in the logs of git-sync and of Airflow's database client, and the problems that they show. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from airflow_stack.cli.pod_state import Container
from airflow_stack.credentials import DATABASE_PASSWORD, GIT_SSH_KEY, GIT_TOKEN
from airflow_stack.git.hosts import deploy_key_page
from airflow_stack.git.url import GitUrl

from .model import PodProblem


@dataclass(frozen=True)
class ErrorLine:
    """A line of a log that shows a known error."""

    match: re.Match[str]
    container: Container
    public_key: Callable[[], str]
    """Reads the public half of the SSH key that git-sync uses."""

    @property
    def text(self) -> str:
        """The matching part of the line."""
        return self.match[0].strip()

    @property
    def repository(self) -> str:
        """URL that git-sync follows."""
        return self.container.env.get("GITSYNC_REPO") or "the DAG repository"


@dataclass(frozen=True)
class KnownError:
    """A pattern of log lines, and the problem that they show."""

    pattern: re.Pattern[str]
    problem: Callable[[ErrorLine], PodProblem]


def _key_refused(line: ErrorLine) -> PodProblem:
    return PodProblem(
        f"git refuses the deploy key of {line.repository}",
        "the git host does not know the key that git-sync uses (Permission denied)",
        f"add this public key as a read-only deploy key{_key_page(line.repository)}, then deploy again:\n    {line.public_key()}",
    )


def _key_unreadable(line: ErrorLine) -> PodProblem:
    return PodProblem(
        "git cannot read the private key",
        f"ssh: {line.text}",
        f"set the whole file, with its last line: {GIT_SSH_KEY.command}",
    )


def _unknown_host_key(line: ErrorLine) -> PodProblem:
    return PodProblem(
        f"the host key of {line.repository} is unknown",
        "the git host has a key that is not in airflow:dags.knownHosts (Host key verification failed)",
        "compare the output of `ssh-keyscan <host>` with the keys that the host publishes, and set airflow:dags.knownHosts",
    )


def _no_ref(line: ErrorLine) -> PodProblem:
    ref = line.container.env.get("GITSYNC_REF") or line.match[1]
    return PodProblem(
        f"the branch {ref} does not exist",
        f"{line.repository} has no such branch, tag or commit",
        f"push it: git push origin HEAD:{ref}; or follow another: pulumi config set --path airflow:dags.branch '<branch>'",
    )


def _no_repository(line: ErrorLine) -> PodProblem:
    return PodProblem(
        f"the repository {line.repository} was not found",
        "it does not exist, or git-sync's key or token has no access to it",
        "correct the URL: pulumi config set --path airflow:dags.repository '<url>'; a private repository needs a deploy key or a token",
    )


def _token_refused(line: ErrorLine) -> PodProblem:
    return PodProblem(
        f"git refuses the token for {line.repository}",
        "the git host accepts no login with it",
        f"set a token with read access to the repository: {GIT_TOKEN.command}",
    )


def _git_host_unreachable(line: ErrorLine) -> PodProblem:
    return PodProblem(
        "the git host is not reachable",
        f"{line.repository}: {line.text}",
        "it must be reachable from the pods: check airflow:dags.repository, network, proxy and firewall",
        may_recover=True,
    )


def _database_login_refused(line: ErrorLine) -> PodProblem:
    return PodProblem(
        "the database refuses the login",
        line.text.removeprefix("FATAL:").strip(),
        f"set the password of that user: {DATABASE_PASSWORD.command}",
    )


def _no_database(line: ErrorLine) -> PodProblem:
    return PodProblem(
        f"the database {line.match[1]} does not exist",
        "the server answers, but has no database of that name",
        f"create it: CREATE DATABASE {line.match[1]} OWNER <user>; or correct airflow:database.external.name",
    )


def _database_unreachable(line: ErrorLine) -> PodProblem:
    return PodProblem(
        "the database is not reachable",
        line.text,
        "check airflow:database, the server, and whether its firewall admits the pods",
        may_recover=True,
    )


def _no_authlib(_: ErrorLine) -> PodProblem:
    return PodProblem(
        "the image has no authlib",
        "airflow:access.login needs it, and Airflow's official image does not have it",
        "add `RUN pip install --no-cache-dir authlib` to the image's Dockerfile, push it under a new tag, and set airflow:images.airflow.tag",
    )


def _key_page(repository: str) -> str:
    try:
        return f", at {deploy_key_page(GitUrl.parse(repository))}"
    except ValueError:
        return ""


_GIT = (
    (r"error in libcrypto|Load key .*: invalid format", _key_unreadable),
    (r"Permission denied \([^)]*publickey", _key_refused),
    (r"Host key verification failed", _unknown_host_key),
    (r"(?:couldn't find remote ref |pathspec ')([^\s']+)", _no_ref),
    (r"[Rr]epository (?:'\S+' )?not found|does not appear to be a git repository", _no_repository),
    (r"Authentication failed for|could not read (?:Username|Password)|HTTP Basic: Access denied", _token_refused),
    (
        r"ssh: .*(?:refused|timed out|resolve|unreachable|No route).*|fatal: unable to access .*"
        r"|Connection (?:closed|reset) by .*|kex_exchange_identification.*",
        _git_host_unreachable,
    ),
)
_DATABASE = (
    (
        r'FATAL:\s+(?:password authentication failed for user "\S+"|role "\S+" does not exist|no pg_hba\.conf entry[^\n]*)',
        _database_login_refused,
    ),
    (r'FATAL:\s+database "(\S+)" does not exist', _no_database),
    (
        r"connection to server at .*failed: (?!FATAL).*|could not translate host name.*|connection timeout expired.*"
        r"|\[Errno \d+\] Connect call failed.*",
        _database_unreachable,
    ),
)
_LOGIN = ((r"No module named 'authlib'", _no_authlib),)
KNOWN_ERRORS = tuple(KnownError(re.compile(pattern), problem) for pattern, problem in _GIT + _DATABASE + _LOGIN)
