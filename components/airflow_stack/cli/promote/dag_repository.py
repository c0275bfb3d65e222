"""A copy of the DAG repository, and the push that moves a ref.

git runs with the user's credentials (ssh agent, credential helper, configuration), because a stack's deploy key is read-only. Over SSH the
known hosts are the stack's and the user's; a new key is never accepted. No checkout of the user is read or changed.
"""

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from airflow_stack.cli.progress import waiting
from airflow_stack.errors import UserError

from .model import ChangedFile, Commit
from .promotion_tag import PromotionRecord

CommitsByRef = dict[str, str]
"""Commits and tag objects by the full names of their refs."""

_REPOSITORY_VARIABLES = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES", "GIT_SHALLOW_FILE",
)  # fmt: skip
_ABSENT = ""  # in `--force-with-lease`: the ref must not exist
_CHANGES = {"A": "added", "D": "removed"}
_FIELD, _END = "\x1f", "\x00"


class GitError(UserError):
    """git failed; `stderr` is its message."""

    def __init__(self, action: str, stderr: str) -> None:
        self.stderr = stderr.strip()
        super().__init__(f"git could not {action}: {self.stderr}")


class RepositoryCopy:
    """A bare copy of a repository. Contents of files are fetched when they are needed.

    Args:
        url: URL of the repository.
        folder: Empty folder for the copy.
        env: Environment of git.
        known_hosts: Host keys in addition to the user's; empty for HTTPS.
    """

    def __init__(self, url: str, folder: Path, env: Mapping[str, str], known_hosts: str = "") -> None:
        self._url, self._folder = url, folder / "dags.git"
        self._env = {name: value for name, value in env.items() if name not in _REPOSITORY_VARIABLES}
        self._env |= {"LC_ALL": "C", "GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
        self._run("init", "--quiet", "--bare", "--template=", str(self._folder))
        self._git("config", "remote.origin.url", url)
        if known_hosts:
            (folder / "known_hosts").write_text(known_hosts)
            self._env |= {"GIT_SSH_COMMAND": self._ssh(folder / "known_hosts"), "GIT_SSH_VARIANT": "ssh"}

    def refs(self, patterns: Iterable[str]) -> CommitsByRef:
        """The refs on the git host that match."""
        lines = self._git("ls-remote", "origin", *patterns, action=f"list the refs of {self._url}").splitlines()
        return {name: hash_ for hash_, _, name in (line.partition("\t") for line in lines)}

    def fetch(self, refs: Iterable[str]) -> None:
        """Fetch the history of these refs, under the same names."""
        self._fetched = [f"+{ref}:{ref}" for ref in refs]
        self._fetch("--filter=blob:none")

    def _fetch(self, *options: str) -> None:
        action = f"fetch {self._url}"
        self._git("fetch", "--quiet", "--no-tags", *options, "origin", *self._fetched, action=action)

    def commit(self, name: str) -> str | None:
        """The commit of a fetched ref, or of the beginning of a hash."""
        done = self._try("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.stdout.strip() if done.returncode == 0 else None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains all commits of `old`."""
        return self._try("merge-base", "--is-ancestor", old, new).returncode == 0

    def commits(self, old: str | None, new: str) -> list[Commit]:
        """The commits of `new` that `old` does not contain, the newest first."""
        exclude = [f"^{old}"] if old else []
        text = self._git("log", "--no-show-signature", "--format=%H%x1f%an%x1f%s", new, *exclude, "--")
        return [Commit(*line.split(_FIELD, 2)) for line in text.split("\n") if line]

    def files(self, old: str | None, new: str, folder: str) -> tuple[list[ChangedFile], int]:
        """The files that differ below a folder, and the number of others that differ."""
        old = old or self._git("hash-object", "-t", "tree", os.devnull).strip()
        try:  # with --numstat git fetches all needed contents at once; otherwise each would be a connection of its own
            self._git("diff-tree", "-r", "--numstat", "--no-renames", old, new, "--", folder or ".")
        except (
            GitError
        ):  # git's old protocol, such as behind an sshd without `AcceptEnv GIT_PROTOCOL`, serves no single file
            self._fetch("--refetch", "--no-filter")
        parts = self._git("diff-tree", "-r", "--name-status", "--no-renames", "-z", old, new).split(_END)[:-1]
        changes = list(zip(parts[::2], parts[1::2], strict=True))
        below = [(kind, path) for kind, path in changes if not folder or path.startswith(f"{folder}/")]
        return [self._file(kind, path, old, new) for kind, path in below], len(changes) - len(below)

    def _file(self, kind: str, path: str, old: str, new: str) -> ChangedFile:
        sides = [old if kind != "A" else "", new if kind != "D" else ""] if path.endswith(".py") else ["", ""]
        texts = [self._git("cat-file", "blob", f"{side}:{path}") if side else None for side in sides]
        return ChangedFile(_CHANGES.get(kind, "changed"), path, *texts)

    def is_valid_ref(self, ref: str) -> bool:
        """Whether git accepts the full name of a ref."""
        return self._try("check-ref-format", ref).returncode == 0

    def records(self, prefix: str) -> list[PromotionRecord]:
        """The fetched promotion records below a prefix, sorted by time."""
        form = "--format=%(contents)%00"
        texts = self._git("for-each-ref", form, "--sort=refname", f"refs/tags/{prefix}").split(_END)
        return [record for text in texts if (record := PromotionRecord.parse(text))]

    def tag(self, name: str, commit: str, text: str) -> str:
        """Create an annotated tag in the copy, in the user's name and with the user's signature settings; return its object."""
        if not self._env.get("GIT_COMMITTER_EMAIL") and self._try("config", "user.email").returncode:
            self._env |= {"GIT_COMMITTER_NAME": "airflow-stack", "GIT_COMMITTER_EMAIL": "airflow-stack@localhost"}
        self._git(
            "tag",
            "--annotate",
            "--file=-",
            "--cleanup=verbatim",
            name,
            commit,
            text=text,
            action=f"create the tag {name}",
        )
        return self._git("rev-parse", f"refs/tags/{name}").strip()

    def push(self, ref: str, old: str | None, new: str, tags: Iterable[str] = ()) -> None:
        """Move a ref from `old` to `new` and push the tags. All or nothing, and only if the ref is still at `old`.

        Raises:
            GitError: the git host refused it, or the ref has moved.
        """
        full_tags = [f"refs/tags/{tag}" for tag in tags]
        leases = [f"--force-with-lease={ref}:{old or _ABSENT}"]
        leases += [f"--force-with-lease={tag}:{_ABSENT}" for tag in full_tags]
        # The record first: if a host cannot push both at once, a record without its move is harmless.
        command = ["push", "--porcelain", *leases, "origin", *(f"{tag}:{tag}" for tag in full_tags), f"{new}:{ref}"]
        done = self._try(*command[:1], "--atomic", *command[1:])
        if done.returncode and "does not support --atomic" in done.stderr:  # Azure DevOps, AWS CodeCommit
            done = self._try(*command)
        if done.returncode:
            rejected = [line for line in done.stdout.splitlines() if line.startswith("!")]
            raise GitError(f"push to {self._url}", "\n".join([*rejected, done.stderr]))

    def _ssh(self, known_hosts: Path) -> str:
        """The user's ssh command, with the stack's known hosts, without prompts, and with timeouts."""
        own = self._env.get("GIT_SSH_COMMAND") or self._try("config", "core.sshCommand").stdout.strip()
        own = own or shlex.quote(self._env.get("GIT_SSH") or "ssh")
        files = f'"{known_hosts}" ~/.ssh/known_hosts ~/.ssh/known_hosts2'
        options = [f"UserKnownHostsFile={files}", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ConnectTimeout=20"]
        options += ["ServerAliveInterval=10", "ServerAliveCountMax=3"]
        return " ".join([own, *(f"-o {shlex.quote(option)}" for option in options)])

    def _git(self, *arguments: str, text: str = "", action: str = "") -> str:
        return self._run(f"--git-dir={self._folder}", *arguments, text=text, action=action)

    def _run(self, *arguments: str, text: str = "", action: str = "") -> str:
        done = self._call(*arguments, text=text)
        if done.returncode:
            raise GitError(action or arguments[1], done.stderr)
        return done.stdout

    def _try(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._call(f"--git-dir={self._folder}", *arguments)

    def _call(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        try:
            with waiting("waiting for git"):
                return subprocess.run(
                    ["git", *arguments],
                    env=self._env,
                    input=text,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                )
        except FileNotFoundError:
            raise UserError("git was not found on PATH") from None
