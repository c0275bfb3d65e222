"""The branch or tag that a stack follows, by its file, and whether a commit can move from one stack to another."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airflow_stack.choices import DagDelivery
from airflow_stack.cli import stack_file
from airflow_stack.errors import UserError
from airflow_stack.git.hosts import other_form
from airflow_stack.git.known_hosts import known_hosts_for
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.models import Settings


@dataclass(frozen=True)
class StackRef:
    """A stack, and the branch or tag that it follows."""

    stack: str
    settings: Settings

    @classmethod
    def read(cls, root: Path, stack: str) -> "StackRef":
        """Read a stack file.

        Raises:
            UserError: its settings are wrong, or it follows neither a branch nor a tag.
        """
        settings = stack_file.settings(root, stack)
        name, dags = stack.rsplit("/", 1)[-1], settings.dags
        if dags.delivery is DagDelivery.IMAGE:
            raise UserError(
                f"stack {name!r} has its DAGs in Airflow's image; promote the image instead: "
                f"pulumi config set --path 'airflow:images.airflow.tag' '<tag>' --stack {name}"
            )
        if dags.commit:
            raise UserError(
                f"stack {name!r} is pinned to the commit {dags.commit}; let it follow a branch: "
                f"pulumi config rm --path 'airflow:dags.commit' --stack {name} && "
                f"pulumi config set --path 'airflow:dags.branch' main --stack {name}"
            )
        return cls(name, settings)

    @property
    def ref(self) -> str:
        """Full name of the branch or tag."""
        return f"refs/{'tags' if self.settings.dags.tag else 'heads'}/{self.settings.dags.ref}"

    @property
    def known_hosts(self) -> str:
        """Host keys of its git host; empty for HTTPS."""
        url = GitUrl.parse(self.settings.dags.repository)
        return (self.settings.dags.known_hosts or known_hosts_for(url.host, url.port) or "") if url.is_ssh else ""


def check_pair(source: StackRef, target: StackRef) -> None:
    """Check that a commit can move from one stack to the other.

    Raises:
        UserError: they follow different repositories, or the same ref.
    """
    theirs, ours = source.settings.dags.repository, target.settings.dags.repository
    if not same_repository(GitUrl.parse(theirs), GitUrl.parse(ours)):
        raise UserError(
            f"stack {source.stack!r} follows {theirs} and {target.stack!r} follows {ours}: "
            "a commit moves only within one repository; set the same dags.repository for both"
        )
    if source.ref == target.ref:
        raise UserError(
            f"stacks {source.stack!r} and {target.stack!r} both follow {source.ref}; let {target.stack!r} follow a branch of its own: "
            f"pulumi config set --path 'airflow:dags.branch' release --stack {target.stack}"
        )


def uncommitted(root: Path, stacks: list[str], env: Mapping[str, str]) -> list[str]:
    """Stack files with uncommitted changes: the deployed stacks may follow another ref.

    Raises:
        UserError: git is missing or fails.
    """
    files = [f"Pulumi.{stack}.yaml" for stack in stacks]
    command = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all", "--", *files]
    try:
        done = subprocess.run(command, env={**env, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git was not found on PATH") from None
    if done.returncode and "not a git repository" not in done.stderr:
        raise UserError(f"git cannot tell whether {' and '.join(files)} are committed: {done.stderr.strip()}")
    return [file for file in files if re.search(rf"{re.escape(file)}\"?$", done.stdout, re.MULTILINE)]


def same_repository(one: GitUrl, other: GitUrl) -> bool:
    """Whether two URLs name one repository, by SSH or HTTPS."""

    def place(url: GitUrl) -> tuple[str, str]:
        web = GitUrl.parse(other_form(url)) if url.is_ssh else url
        return web.host, web.path.strip("/").removesuffix(".git")

    ports = one.port == other.port or one.scheme != other.scheme or {one.port, other.port} <= {None, 22, 443}
    return place(one) == place(other) and ports
