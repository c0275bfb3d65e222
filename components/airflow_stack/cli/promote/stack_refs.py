"""The two ends of a promotion: what each stack follows, by its file, and whether one can be promoted to the other. Asks neither git host nor cluster."""

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
class End:
    """One stack, by its file."""

    stack: str
    settings: Settings

    @classmethod
    def read(cls, root: Path, stack: str) -> "End":
        """Read a stack that follows a branch or a tag.

        Raises:
            SettingsError: its settings are wrong.
            UserError: it follows nothing that could move.
        """
        settings = stack_file.settings(root, stack)
        name, dags = stack.rsplit("/", 1)[-1], settings.dags
        if dags.delivery is DagDelivery.IMAGE:
            raise UserError(
                f"stack {name!r} has its DAGs in Airflow's image, which no branch moves; promote the image: "
                f"pulumi config set --path 'airflow:images.airflow' <image> --stack {name}"
            )
        if dags.commit:
            raise UserError(
                f"stack {name!r} follows the commit {dags.commit}, which stays where it is; have it follow a branch: "
                f"pulumi config rm --path 'airflow:dags.commit' --stack {name}, then "
                f"pulumi config set --path 'airflow:dags.branch' <branch> --stack {name}"
            )
        return cls(name, settings)

    @property
    def ref(self) -> str:
        """The full name of what it follows."""
        return f"refs/{'tags' if self.settings.dags.tag else 'heads'}/{self.settings.dags.ref}"

    @property
    def known_hosts(self) -> str:
        """Host keys of its git host; empty for HTTPS."""
        url = GitUrl.parse(self.settings.dags.repository)
        return (self.settings.dags.known_hosts or known_hosts_for(url.host, url.port) or "") if url.is_ssh else ""


def check_pair(source: End, target: End) -> None:
    """Refuse two stacks between which nothing can move.

    Raises:
        UserError: they follow different repositories, or one and the same ref.
    """
    ours, theirs = source.settings.dags.repository, target.settings.dags.repository
    if not same_repository(GitUrl.parse(ours), GitUrl.parse(theirs)):
        raise UserError(
            f"stack {source.stack!r} follows {ours} and {target.stack!r} {theirs}: "
            "a commit moves only within one repository; give both the same dags.repository"
        )
    if source.ref == target.ref:
        raise UserError(
            f"stacks {source.stack!r} and {target.stack!r} both follow {source.ref}: nothing stands between them; "
            f"pulumi config set --path 'airflow:dags.branch' release --stack {target.stack}"
        )


def uncommitted(root: Path, stacks: list[str], env: Mapping[str, str]) -> list[str]:
    """Stack files that say something else than what was committed, so that the stacks may follow something else.

    Raises:
        UserError: git does not say.
    """
    files = [f"Pulumi.{stack}.yaml" for stack in stacks]
    command = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all", "--", *files]
    try:
        done = subprocess.run(command, env={**env, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError("git is needed and was not found on PATH") from None
    if done.returncode and "not a git repository" not in done.stderr:
        raise UserError(f"whether {' and '.join(files)} are committed could not be found out: {done.stderr.strip()}")
    return [file for file in files if re.search(rf"{re.escape(file)}\"?$", done.stdout, re.MULTILINE)]


def same_repository(one: GitUrl, other: GitUrl) -> bool:
    """Whether two URLs name one repository, by SSH or HTTPS."""

    def place(url: GitUrl) -> tuple[str, str]:
        web = GitUrl.parse(other_form(url)) if url.is_ssh else url
        return web.host, web.path.strip("/").removesuffix(".git")

    ports = one.port == other.port or one.scheme != other.scheme or {one.port, other.port} <= {None, 22, 443}
    return place(one) == place(other) and ports
