"""The project as it was at a commit: its files in a folder of their own. Nothing of the user's repository is written."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_stack.errors import UserError


@contextmanager
def checked_out(root: Path, ref: str) -> Iterator[tuple[Path, str]]:
    """A temporary folder with the files that the folder `root` of a git repository had at `ref`, and the commit's name.

    Raises:
        UserError: there is no git, no repository, or no such commit.
    """
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref).strip()
    prefix = _git(root, "rev-parse", "--show-prefix", ref=ref).strip("\n")
    with tempfile.TemporaryDirectory(prefix="airflow-stack-diff-") as folder:
        files, index = Path(folder, "files"), Path(folder, "index")
        files.mkdir()
        # An index of its own: neither the user's index nor a list of work trees is touched, and no `export-ignore` leaves files out.
        _git(root, "read-tree", f"{commit}:{prefix}", index=index, ref=ref)
        top = Path(_git(root, "rev-parse", "--show-toplevel", ref=ref).strip("\n"))
        _git(top, "checkout-index", "--all", f"--prefix={files}/", index=index, ref=ref)
        yield files, commit


def _git(folder: Path, *command: str, ref: str, index: Path | None = None) -> str:
    environment = {**os.environ, "GIT_INDEX_FILE": str(index)} if index else None
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False, env=environment
        )
    except FileNotFoundError:
        raise UserError("git is needed to read the base, and was not found") from None
    if done.returncode:
        said = done.stderr.strip() or "no such commit"
        raise UserError(
            f"the base {ref!r} cannot be read from git: {said}\n"
            "Give a commit that is here, such as origin/main; in a shallow clone, `git fetch --depth 1 origin main` first"
        )
    return done.stdout
