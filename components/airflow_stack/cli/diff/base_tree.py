"""The files of the project at a commit, in a temporary folder. The user's repository is not changed."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_stack.errors import UserError


@contextmanager
def checked_out(root: Path, ref: str) -> Iterator[tuple[Path, str]]:
    """A temporary folder with the files of the folder `root` at `ref`, and the commit's hash.

    Raises:
        UserError: git is missing, `root` is in no repository, or there is no such commit.
    """
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref).strip()
    prefix = _git(root, "rev-parse", "--show-prefix", ref=ref).strip("\n")
    with tempfile.TemporaryDirectory(prefix="airflow-stack-diff-") as folder:
        files, index = Path(folder, "files"), Path(folder, "index")
        files.mkdir()
        # A separate index leaves the user's index and work trees alone. Unlike `git archive` it ignores `export-ignore`.
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
        raise UserError("git was not found on PATH; it reads the base") from None
    if done.returncode:
        raise UserError(
            f"git cannot read the base {ref!r}: {done.stderr.strip() or 'no such commit'}\n"
            "Name a local commit, such as origin/main; in a shallow clone first run `git fetch --depth 1 origin main`"
        )
    return done.stdout
