"""Settings of the DAG repositories. `inputs/dag_rules.py` has what must hold between them."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from airflow_stack.choices import DagDelivery, GitAuthentication, GitHost, GitRefKind
from airflow_stack.git import ref_name
from airflow_stack.git.url import GitUrl

from .fields import Line, Matching, Model, Name


class GithubApp(Model):
    """A GitHub App that is installed on the repository, with read permission for its contents."""

    application_id: Annotated[int, Field(ge=1)] | None = None
    """App ID, from the App's settings page. Give this or `clientId`."""
    client_id: Annotated[str, Matching(r"^[A-Za-z0-9._-]+$", "a client ID such as Iv23liABCDEF")] | None = None
    """Client ID, from the same page."""
    installation_id: Annotated[int, Field(ge=1)]
    """ID of the installation: the number at the end of its page's address."""
    base_url: (
        Annotated[str, Matching(r"^https://[^\s@?#]+$", "an https:// address without user, query and fragment")] | None
    ) = None
    """GitHub's REST API; left out: derived from the host of the repository."""


class DagRepository(Model):
    """One more git repository with DAGs. Give at most one of `branch`, `tag` and `commit`."""

    repository: Line
    """Repository URL, SSH or HTTPS as `dags.repository`."""
    branch: Line | None = None
    """Branch to follow; `main` when neither `branch`, `tag` nor `commit` is given."""
    tag: Line | None = None
    """Tag to stay on."""
    commit: (
        Annotated[str, Matching(r"^([0-9a-f]{40}|[0-9a-f]{64})$", "a full commit hash of 40 or 64 digits")] | None
    ) = None
    """Full commit hash (40 or 64 hexadecimal digits) to stay on."""
    path: str = "dags"
    """Folder of the DAGs in the repository; empty for its root."""

    @field_validator("repository")
    @classmethod
    def _is_a_git_url(cls, value: str) -> str:
        GitUrl.parse(value)
        return value

    @field_validator("branch")
    @classmethod
    def _is_a_branch(cls, value: str | None) -> str | None:
        return value and ref_name.checked(value, GitRefKind.BRANCH)

    @field_validator("tag")
    @classmethod
    def _is_a_tag(cls, value: str | None) -> str | None:
        return value and ref_name.checked(value, GitRefKind.TAG)

    @field_validator("path")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        parts = value.split("/")
        unexpanded = re.search(r"[*$]|\{\{|^~|^\s|\s$", value)
        if ".." in parts or "\\" in value or not value.isprintable() or unexpanded:
            raise ValueError("must be a path inside the repository, without a leading / and without .., such as dags")
        return "/" * value.startswith("/") + "/".join(part for part in parts if part not in ("", "."))

    @property
    def ref(self) -> str:
        """Branch, tag or commit that is followed."""
        return self.tag or self.commit or self.branch or "main"

    @property
    def ref_kind(self) -> GitRefKind:
        """Kind of `ref`."""
        return GitRefKind.TAG if self.tag else GitRefKind.COMMIT if self.commit else GitRefKind.BRANCH

    @property
    def follows_branch(self) -> bool:
        """Whether the ref moves."""
        return self.ref_kind is GitRefKind.BRANCH


class Dags(DagRepository):
    """Source of the DAGs. Give at most one of `branch`, `tag` and `commit`."""

    delivery: DagDelivery = DagDelivery.GIT_SYNC
    """Way of the DAGs into Airflow's pods."""
    repository: Line = ""
    """Repository URL: `git@host:org/repo.git`, `ssh://git@host:port/org/repo.git` or `https://host/org/repo.git`. Required unless `delivery` is `image`."""
    path: str = "dags"
    """Folder of the DAGs in the repository; empty for its root. With `delivery: image`: in `/opt/airflow/dags` of the image, or absolute."""
    more_repositories: dict[Name, DagRepository] = {}
    """More repositories by a name of your own, with `delivery: gitBundle`. They share authentication and known hosts; each gets a generated key of its own."""
    depth: Annotated[int, Field(ge=0)] = 1
    """Commits of history that git-sync fetches; 0 for all of it."""
    # The delivery sets the real minimum (git/polling.py); the JSON Schema has the lowest of all.
    visible_within_seconds: Annotated[int, Field(ge=1, le=3600, json_schema_extra={"minimum": 20})] = 60
    """Seconds from a push until its DAGs are listed, 20 or more. Sets the polling of the git host and the DAG processor's intervals together."""
    authentication: GitAuthentication | None = None
    """Left out: an SSH URL uses `airflow:gitSshKey` if that is set, else a generated key. An HTTPS URL uses `githubApp` or `airflow:gitToken` if one is set, else nothing."""
    username: Line = "git"
    """User name sent with `airflow:gitToken`; most git hosts ignore it."""
    known_hosts: str | None = None
    """Host keys in known_hosts format. Needed for an SSH host other than GitHub, GitLab, Bitbucket, Azure DevOps and Codeberg."""
    github_app: GithubApp | None = None
    """The GitHub App of `authentication: githubApp`."""
    git_host: GitHost | None = None
    """Product of the git host; left out: derived from the host's name, such as gitlab.example.com."""
    register_deploy_key: bool = False
    """Adds the generated key to the repository on GitHub or GitLab, read-only, with the secret `airflow:gitHostToken`. The stack removes it on destroy."""
