"""What the programs in the pods say when they fail, and what that means to the user: the table behind `problems`. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from airflow_stack.cli.pod_state import Container
from airflow_stack.git.url import GitUrl


@dataclass(frozen=True)
class Problem:
    """Something that keeps a stack from coming up."""

    what: str
    why: str
    way_out: str
    may_mend_itself: bool = False
    where: str = ""
    """The workloads that have it."""

    def __str__(self) -> str:  # noqa: D105
        return f"{self.what} ({self.where})\n  why: {self.why}\n  way out: {self.way_out}"


@dataclass(frozen=True)
class Line:
    """A telling line of a log."""

    match: re.Match[str]
    container: Container
    public_key: Callable[[], str]
    """Asks for the public half of the SSH key that git-sync shows."""

    @property
    def text(self) -> str:
        """The telling part."""
        return self.match[0].strip()

    @property
    def repository(self) -> str:
        """What git-sync was told to follow."""
        return self.container.env.get("GITSYNC_REPO") or "the DAG repository"


@dataclass(frozen=True)
class Cause:
    """What to look for, and the problem that it tells of."""

    pattern: re.Pattern[str]
    problem: Callable[[Line], Problem]


def _key_refused(line: Line) -> Problem:
    return Problem(
        f"git refuses the deploy key of {line.repository}",
        "the git host does not know the key that git-sync shows (Permission denied)",
        f"add this public key as a read-only deploy key{_key_page(line.repository)}, then `make up` again:\n    {line.public_key()}",
    )


def _key_broken(line: Line) -> Problem:
    return Problem(
        "git cannot read the private key",
        f"ssh says: {line.text}",
        "set the whole file, with its last line: pulumi config set --secret airflow:gitSshKey < <private key file>",
    )


def _host_key(line: Line) -> Problem:
    return Problem(
        f"the host key of {line.repository} is not the expected one",
        "the git host shows a key that is not in airflow:dags.knownHosts (Host key verification failed)",
        "compare `ssh-keyscan <host>` with what the host publishes, and set airflow:dags.knownHosts",
    )


def _no_ref(line: Line) -> Problem:
    ref = line.container.env.get("GITSYNC_REF") or line.match[1]
    return Problem(
        f"the branch {ref} does not exist",
        f"{line.repository} has no such branch, tag or commit",
        f"push it: git push origin HEAD:{ref}; or follow another: pulumi config set --path airflow:dags.branch <branch>",
    )


def _no_repository(line: Line) -> Problem:
    return Problem(
        f"the repository {line.repository} is not found",
        "it does not exist, or what git-sync logs in with may not see it",
        "correct it: pulumi config set --path airflow:dags.repository <url>; a private one needs a deploy key or a token",
    )


def _no_login(line: Line) -> Problem:
    return Problem(
        f"git refuses the token for {line.repository}",
        "the git host asks for a login that it accepts",
        "set one that may read the repository: pulumi config set --secret airflow:gitToken",
    )


def _no_git_host(line: Line) -> Problem:
    return Problem(
        "the git host cannot be reached",
        f"{line.repository}: {line.text}",
        "it must be reachable from the pods: check airflow:dags.repository, network, proxy and firewall",
        may_mend_itself=True,
    )


def _database_login(line: Line) -> Problem:
    return Problem(
        "the database refuses the login",
        line.text.removeprefix("FATAL:").strip(),
        "set the password of that user: pulumi config set --secret airflow:databasePassword",
    )


def _no_database(line: Line) -> Problem:
    return Problem(
        f"the database {line.match[1]} does not exist",
        "the server answers, but has no database of that name",
        f"make it: CREATE DATABASE {line.match[1]} OWNER <user>; or correct airflow:database.external.name",
    )


def _no_database_server(line: Line) -> Problem:
    return Problem(
        "the database cannot be reached",
        line.text,
        "check airflow:database, and that the server runs and lets the pods in",
        may_mend_itself=True,
    )


def _key_page(repository: str) -> str:
    """Say where the large git hosts keep deploy keys."""
    try:
        url = GitUrl.parse(repository)
    except ValueError:
        return ""
    page = {"github.com": "settings/keys", "gitlab.com": "-/settings/repository", "codeberg.org": "settings/keys"}
    return f" at {url.as_https().removesuffix('.git')}/{page[url.host]}" if url.host in page else ""


_GIT = (
    (r"error in libcrypto|Load key .*: invalid format", _key_broken),
    (r"Permission denied \([^)]*publickey", _key_refused),
    (r"Host key verification failed", _host_key),
    (r"(?:couldn't find remote ref |pathspec ')([^\s']+)", _no_ref),
    (r"[Rr]epository (?:'\S+' )?not found|does not appear to be a git repository", _no_repository),
    (r"Authentication failed for|could not read (?:Username|Password)|HTTP Basic: Access denied", _no_login),
    (
        r"ssh: .*(?:refused|timed out|resolve|unreachable|No route).*|fatal: unable to access .*"
        r"|Connection (?:closed|reset) by .*|kex_exchange_identification.*",
        _no_git_host,
    ),
)
_DATABASE = (
    (
        r'FATAL:\s+(?:password authentication failed for user "\S+"|role "\S+" does not exist|no pg_hba\.conf entry[^\n]*)',
        _database_login,
    ),
    (r'FATAL:\s+database "(\S+)" does not exist', _no_database),
    (
        r"connection to server at .*failed: (?!FATAL).*|could not translate host name.*|connection timeout expired.*"
        r"|\[Errno \d+\] Connect call failed.*",
        _no_database_server,
    ),
)
CAUSES = tuple(Cause(re.compile(pattern), problem) for pattern, problem in _GIT + _DATABASE)
