"""Content of a DAG repository: the branch, tag or commit that a stack follows, and its DAG files."""

import re
from difflib import get_close_matches
from functools import cached_property

from airflow_stack.settings.dags import DagRepository

from .git_probe import GitOutput, GitProbe
from .model import CheckError, Status, one_line

_DAG_FILE = re.compile(r"\.(py|zip)$")
_MOST_NAMES = 5


class RepositoryContent:
    """The refs of a repository, and the files at the ref that a stack follows.

    Args:
        source: Settings of the repository.
        setting: Path of these settings, such as `airflow:dags`.
        probe: Runs git.
        refs: Output of `git ls-remote`.
    """

    def __init__(self, source: DagRepository, setting: str, probe: GitProbe, refs: str) -> None:
        self._source, self._setting, self._probe = source, setting, probe
        lines = (line.split("\t") for line in refs.splitlines())
        self.commits = {name: commit for commit, name in lines if not name.endswith("^{}")}
        self._kind, self._other_kind = ("tag", "branch") if source.tag else ("branch", "tag")

    def find_ref(self, *, tag_first: bool) -> str:
        """Commit of the ref. `tag_first`: the bare name is fetched, of which git prefers a tag to a branch.

        Raises:
            CheckError: the repository does not have it.
        """
        ref = self._source.ref
        if self._source.commit:
            if not (answer := self._fetched).ok:
                fix = f"push it on a branch or tag, or correct {self._setting}.commit"
                raise CheckError(f"commit {ref} cannot be fetched: {one_line(answer.stderr)}", fix)
            return f"commit {ref} exists"
        if not (commit := self.commits.get(_full_name(self._kind, ref))):
            raise CheckError(f"there is no {self._kind} {ref!r}", self._fix())
        if tag_first and self._kind == "branch" and _full_name("tag", ref) in self.commits:
            message = f"{ref!r} is both a branch and a tag, and git-sync follows the tag"
            raise CheckError(message, "rename one of them", Status.WARN)
        return f"{self._kind} {ref!r} is at {commit[:12]}"

    def find_dags(self) -> str:
        """Number of DAG files, and the first one.

        Raises:
            CheckError: the folder in the settings has none.
        """
        if not (answer := self._fetched).ok:
            raise CheckError(f"{self._source.ref!r} cannot be fetched: {one_line(answer.stderr)}", "try again")
        path = self._source.path
        files = [file for file in self._probe.files() if _DAG_FILE.search(file)]
        if found := [file for file in files if not path or file.startswith(f"{path}/")]:
            return f"{len(found)} in {path or 'the whole repository'!r}, such as {found[0]}"
        folders = sorted({file.rpartition("/")[0] or "." for file in files})
        fix = f"set {self._setting}.path to a folder with DAG files: {_some(folders)}" if folders else "push a DAG"
        raise CheckError(f"{path!r} has no DAG file (*.py)", fix)

    @cached_property
    def _fetched(self) -> GitOutput:
        ref = self._source.ref
        return self._probe.fetch(ref if self._source.commit else _full_name(self._kind, ref))

    def _fix(self) -> str:
        ref, start = self._source.ref, _full_name(self._kind, "")
        if _full_name(self._other_kind, ref) in self.commits:
            return f"there is a {self._other_kind} of that name: set {self._setting}.{self._other_kind} instead"
        names = sorted(name.removeprefix(start) for name in self.commits if name.startswith(start))
        if not names:
            return f"push it; the repository has no {self._kind} at all"
        similar = get_close_matches(ref, names, n=3) or names
        return f"set {self._setting}.{self._kind} to an existing one, such as {_some(similar)}, or push it"


def _full_name(kind: str, name: str) -> str:
    return f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}"


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_MOST_NAMES])) + (" …" if len(names) > _MOST_NAMES else "")
