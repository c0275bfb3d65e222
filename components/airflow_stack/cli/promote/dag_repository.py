"""The DAG repository by git alone: a bare copy in a temporary folder, and the one push that moves a ref.

With the user's own credentials (ssh agent, credential helper, configuration), for a stack's deploy key may only read. Over SSH a host is
trusted by the stack's known hosts or the user's own, and no new key is ever accepted. No checkout of the user's is read or touched.
"""

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from airflow_stack.cli.promote.model import Commit, File
from airflow_stack.cli.promote.promotion_tag import Record
from airflow_stack.errors import UserError

Refs = dict[str, str]
"""Commits, tag objects and so on by the full names of their refs."""

_OF_A_REPOSITORY = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES", "GIT_SHALLOW_FILE",
)  # fmt: skip
_NOT_THERE_YET = ""  # what `--force-with-lease` takes for: must not exist
_CHANGES = {"A": "added", "D": "removed"}
_FIELD, _END = "\x1f", "\x00"


class GitError(UserError):
    """Git failed; `said` holds its words."""

    def __init__(self, doing: str, said: str) -> None:
        self.said = said.strip()
        super().__init__(f"git could not {doing}: {self.said}")


class Repository:
    """A bare copy of a repository, without the contents of files until they are asked for."""

    def __init__(self, url: str, folder: Path, env: Mapping[str, str], known_hosts: str = "") -> None:
        self._url, self._folder = url, folder / "dags.git"
        self._env = {name: value for name, value in env.items() if name not in _OF_A_REPOSITORY}
        self._env |= {"LC_ALL": "C", "GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "60"}
        self._run("init", "--quiet", "--bare", "--template=", str(self._folder))
        self._git("config", "remote.origin.url", url)
        if known_hosts:
            (folder / "known_hosts").write_text(known_hosts)
            self._env |= {"GIT_SSH_COMMAND": self._ssh(folder / "known_hosts"), "GIT_SSH_VARIANT": "ssh"}

    def refs(self, patterns: Iterable[str]) -> Refs:
        """Ask the git host which of these refs there are."""
        lines = self._git("ls-remote", "origin", *patterns, doing=f"ask {self._url}").splitlines()
        return {name: hash_ for hash_, _, name in (line.partition("\t") for line in lines)}

    def fetch(self, refs: Iterable[str]) -> None:
        """Bring the history of these refs here, under the same names."""
        self._wanted = [f"+{ref}:{ref}" for ref in refs]
        self._fetch("--filter=blob:none")

    def _fetch(self, *options: str) -> None:
        doing = f"fetch {self._url}"
        self._git("fetch", "--quiet", "--no-tags", *options, "origin", *self._wanted, doing=doing)

    def commit(self, name: str) -> str | None:
        """The commit that a fetched ref, or the beginning of a hash, leads to."""
        done = self._try("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return done.stdout.strip() if done.returncode == 0 else None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` holds all that `old` holds."""
        return self._try("merge-base", "--is-ancestor", old, new).returncode == 0

    def commits(self, old: str | None, new: str) -> list[Commit]:
        """What `new` has and `old` has not, the newest first."""
        lines = self._git(
            "log", "--no-show-signature", "--format=%H%x1f%an%x1f%s", new, *([f"^{old}"] if old else []), "--"
        ).split("\n")
        return [Commit(*line.split(_FIELD, 2)) for line in lines if line]

    def files(self, old: str | None, new: str, folder: str) -> tuple[list[File], int]:
        """The files that differ below a folder, and how many others do."""
        old = old or self._git("hash-object", "-t", "tree", os.devnull).strip()
        try:  # --numstat has git fetch all contents that it needs at once; each would be a connection of its own otherwise
            self._git("diff-tree", "-r", "--numstat", "--no-renames", old, new, "--", folder or ".")
        except GitError:  # git's old protocol, as behind an sshd without `AcceptEnv GIT_PROTOCOL`, gives no single file
            self._fetch("--refetch", "--no-filter")
        parts = self._git("diff-tree", "-r", "--name-status", "--no-renames", "-z", old, new).split(_END)[:-1]
        changes = list(zip(parts[::2], parts[1::2], strict=True))
        inside = [(kind, path) for kind, path in changes if not folder or path.startswith(f"{folder}/")]
        return [self._file(kind, path, old, new) for kind, path in inside], len(changes) - len(inside)

    def _file(self, kind: str, path: str, old: str, new: str) -> File:
        sides = [old if kind != "A" else "", new if kind != "D" else ""] if path.endswith(".py") else ["", ""]
        texts = [self._git("cat-file", "blob", f"{side}:{path}") if side else None for side in sides]
        return File(_CHANGES.get(kind, "changed"), path, *texts)

    def allows(self, ref: str) -> bool:
        """Whether git takes this for the full name of a ref."""
        return self._try("check-ref-format", ref).returncode == 0

    def records(self, prefix: str) -> list[Record]:
        """The fetched records below a prefix, sorted by time."""
        form = "--format=%(contents)%00"
        texts = self._git("for-each-ref", form, "--sort=refname", f"refs/tags/{prefix}").split(_END)
        return [record for text in texts if (record := Record.parse(text))]

    def tag(self, name: str, commit: str, text: str) -> str:
        """Make an annotated tag here, by the user's name, signed where that is the user's setting; return its object."""
        if not self._env.get("GIT_COMMITTER_EMAIL") and self._try("config", "user.email").returncode:
            self._env |= {"GIT_COMMITTER_NAME": "airflow-stack", "GIT_COMMITTER_EMAIL": "airflow-stack@localhost"}
        self._git("tag", "--annotate", "--file=-", "--cleanup=verbatim", name, commit, text=text, doing=f"tag {name}")
        return self._git("rev-parse", f"refs/tags/{name}").strip()

    def push(self, ref: str, old: str | None, new: str, tags: Iterable[str] = ()) -> None:
        """Move a ref from `old` to `new` and make the tags, all or nothing, only if the ref is still at `old`.

        Raises:
            GitError: the git host refused it, or another moved the ref.
        """
        made = [f"refs/tags/{tag}" for tag in tags]
        leases = [f"--force-with-lease={ref}:{old or _NOT_THERE_YET}"]
        leases += [f"--force-with-lease={tag}:{_NOT_THERE_YET}" for tag in made]
        # The record first: where a host cannot do both at once, one that comes to nothing does no harm.
        command = ["push", "--porcelain", *leases, "origin", *(f"{tag}:{tag}" for tag in made), f"{new}:{ref}"]
        done = self._try(*command[:1], "--atomic", *command[1:])
        if done.returncode and "does not support --atomic" in done.stderr:  # Azure DevOps, AWS CodeCommit
            done = self._try(*command)
        if done.returncode:
            told = [line for line in done.stdout.splitlines() if line.startswith("!")]
            raise GitError(f"push to {self._url}", "\n".join([*told, done.stderr]))

    def _ssh(self, known_hosts: Path) -> str:
        """The user's own ssh, which also knows the stack's hosts, asks nobody about others, and does not wait for ever."""
        own = self._env.get("GIT_SSH_COMMAND") or self._try("config", "core.sshCommand").stdout.strip()
        own = own or shlex.quote(self._env.get("GIT_SSH") or "ssh")
        files = f'"{known_hosts}" ~/.ssh/known_hosts ~/.ssh/known_hosts2'
        options = [f"UserKnownHostsFile={files}", "StrictHostKeyChecking=yes", "UpdateHostKeys=no", "ConnectTimeout=20"]
        options += ["ServerAliveInterval=10", "ServerAliveCountMax=3"]
        return " ".join([own, *(f"-o {shlex.quote(option)}" for option in options)])

    def _git(self, *arguments: str, text: str = "", doing: str = "") -> str:
        return self._run(f"--git-dir={self._folder}", *arguments, text=text, doing=doing)

    def _run(self, *arguments: str, text: str = "", doing: str = "") -> str:
        done = self._call(*arguments, text=text)
        if done.returncode:
            raise GitError(doing or arguments[1], done.stderr)
        return done.stdout

    def _try(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._call(f"--git-dir={self._folder}", *arguments)

    def _call(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        try:
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
            raise UserError("git is needed and was not found on PATH") from None
