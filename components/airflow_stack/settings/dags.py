"""The settings of one DAG repository, and what each `dags.delivery` can do with the settings of `dags`. Names are documented in `arguments.py`."""

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import field_validator, model_validator
from pydantic.alias_generators import to_camel

from airflow_stack.choices import DagDelivery, GitAuthentication, GitRefKind
from airflow_stack.git import polling
from airflow_stack.git.hosts import other_form
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.fields import Line, Matching, Model, at_most_one, wrong

if TYPE_CHECKING:
    from airflow_stack.settings.models import Dags

_LONGEST_NAME = 40
"""It becomes part of an annotation's key, which may have 63."""


class DagRepository(Model):  # noqa: D101
    repository: Line
    branch: Line | None = None
    tag: Line | None = None
    commit: (
        Annotated[str, Matching(r"^([0-9a-f]{40}|[0-9a-f]{64})$", "a full commit hash of 40 or 64 digits")] | None
    ) = None
    path: str = "dags"

    @field_validator("repository")
    @classmethod
    def _is_a_git_url(cls, value: str) -> str:
        GitUrl.parse(value)
        return value

    @field_validator("branch", "tag")
    @classmethod
    def _is_a_ref_name(cls, value: str | None) -> str | None:
        # git check-ref-format
        if value and (
            re.search(r"[\s~^:?*\[\\]|\.\.|@\{|//", value) or value.startswith("-") or value.endswith((".", "/"))
        ):
            raise ValueError("must be a name that git allows for a branch or tag, such as main or release/2026.11")
        return value

    @field_validator("path")
    @classmethod
    def _is_a_folder(cls, value: str) -> str:
        if ".." in value.split("/") or not value.isprintable():
            raise ValueError("must be a path inside the repository, without a leading / and without .., such as dags")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _follows_one_ref(self) -> "DagRepository":
        at_most_one(self, "branch", "tag", "commit")
        return self

    @property
    def ref(self) -> str:
        """What is followed: branch, tag or commit."""
        return self.tag or self.commit or self.branch or "main"

    @property
    def ref_kind(self) -> GitRefKind:
        """What `ref` is."""
        return GitRefKind.TAG if self.tag else GitRefKind.COMMIT if self.commit else GitRefKind.BRANCH

    @property
    def follows_branch(self) -> bool:
        """Whether the ref moves."""
        return self.ref_kind is GitRefKind.BRANCH


def check_delivery(dags: "Dags") -> None:
    """See that the delivery can do what the other settings ask for.

    Raises:
        PydanticCustomError: it cannot; the error names the setting.
    """
    if dags.delivery is DagDelivery.IMAGE:
        if given := sorted(dags.model_fields_set - {"delivery", "path"}):
            # Not even visibleWithinSeconds: with no repository to watch it would be a promise that nothing keeps.
            others = "".join(f", so does {to_camel(name)}" for name in given[1:])
            raise wrong(
                given[0],
                f"says nothing with delivery 'image', where DAGs change with the image alone{others}: leave it out",
            )
        return
    if not dags.repository:
        raise wrong("repository", "is required")
    if dags.path.startswith("/"):
        raise wrong("path", "must be a path inside the repository, without a leading / and without .., such as dags")
    if dags.visible_within_seconds < (least := polling.least_seconds(dags.delivery) or 0):
        raise wrong(
            "visible_within_seconds",
            f"must be greater than or equal to {least}: {dags.delivery.value} cannot be faster",
        )
    if dags.delivery is DagDelivery.GIT_BUNDLE:
        _check_git_bundle(dags)
    elif dags.more_repositories:
        raise wrong("more_repositories", "needs delivery 'gitBundle': git-sync follows one repository")


def _check_git_bundle(dags: "Dags") -> None:
    if "depth" in dags.model_fields_set and dags.depth != 1:
        raise wrong("depth", "is git-sync's, and a git bundle always has the whole history: leave it out")
    if dags.github_app or dags.authentication is GitAuthentication.GITHUB_APP:
        raise wrong(
            "github_app" if dags.github_app else "authentication",
            "is not supported by Airflow's git bundle (provider 0.4.0): use delivery 'gitSync', or a deploy key or token",
        )
    main = GitUrl.parse(dags.repository)
    for name, more in dags.more_repositories.items():
        url, field = GitUrl.parse(more.repository), f"more_repositories.{name}.repository"
        if name == "dags-folder" or len(name) > _LONGEST_NAME:
            why = (
                "is the name of dags.repository" if name == "dags-folder" else f"is longer than {_LONGEST_NAME} letters"
            )
            raise wrong(f"more_repositories.{name}", f"{why}: choose another name")
        if more.path.startswith("/"):
            raise wrong(f"more_repositories.{name}.path", "must be a path inside the repository, without a leading /")
        if url.is_ssh != main.is_ssh:
            raise wrong(
                field, f"must be reached as dags.repository is, which it shares authentication with: {other_form(url)}"
            )
        if url.is_ssh and dags.known_hosts is None and known_hosts_for(url.host, url.port) is None:
            raise wrong(field, f"needs knownHosts for {url.host_and_port}: its host keys do not come with this program")
        if dags.register_deploy_key and url.host != main.host:
            raise wrong(
                "register_deploy_key",
                f"works for the host of dags.repository alone, and {more.repository} is on another",
            )
