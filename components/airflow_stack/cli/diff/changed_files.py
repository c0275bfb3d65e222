"""Files that a change touches, by git: those of the project, and the pipelines of its repository."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from airflow_stack.errors import UserError

PIPELINES = (".github/", ".gitlab/", ".gitlab-ci.yml")
"""Pipelines of a repository: folders and files at its top."""


@dataclass(frozen=True)
class ChangedFile:
    """A file that differs from the base."""

    path: str
    """Relative to the project; of a pipeline, to the repository."""
    is_deleted: bool = False
    is_untracked: bool = False
    """Whether git does not know the file yet."""
    old: str = ""
    """Text of a pipeline at the base; empty for a new one."""
    new: str = ""
    """Text of a pipeline in the work tree."""


def changed_files(root: Path, commit: str) -> list[ChangedFile]:
    """The files that differ between a commit and the work tree: committed, edited and new ones, without those that git ignores.

    Args:
        root: Folder of the project.
        commit: Hash of the base.

    Raises:
        UserError: git fails.
    """
    top = Path(_git(root, "rev-parse", "--show-toplevel").strip("\n"))
    prefix = _git(root, "rev-parse", "--show-prefix").strip("\n")
    compared = "diff --name-only -z --no-renames --no-ext-diff --ignore-submodules=none"
    untracked = "ls-files --others --exclude-standard -z"
    new = set(_git(top, *untracked.split()).split("\0"))
    found = []
    for name in sorted(filter(None, {*_git(top, *compared.split(), commit).split("\0"), *new})):
        path = top / name
        is_deleted = not os.path.lexists(path)
        if name.startswith(PIPELINES):
            old = _git(top, "show", f"{commit}:{name}", required=False)
            text = path.read_text(errors="replace") if path.is_file() else ""
            found.append(ChangedFile(name, is_deleted, name in new, old, text))
        elif name.startswith(prefix):
            found.append(ChangedFile(name.removeprefix(prefix), is_deleted, name in new))
    return found


def _git(folder: Path, *command: str, required: bool = True) -> str:
    """Output of git, which refreshes no index here: that of the user stays as it is."""
    done = subprocess.run(
        ["git", "-C", str(folder), *command],
        capture_output=True,
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    )
    if done.returncode and required:
        raise UserError(f"git {command[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return "" if done.returncode else os.fsdecode(done.stdout)
