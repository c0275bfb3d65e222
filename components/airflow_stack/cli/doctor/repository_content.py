"""What a repository holds, as far as `doctor` asks: the branch, tag or commit that a stack follows, and DAG files in its folder."""

import re
from difflib import get_close_matches
from functools import cached_property

from airflow_stack.cli.doctor.git_probe import Answer, GitProbe
from airflow_stack.cli.doctor.model import Status, UnwellError, one_line
from airflow_stack.settings.dags import DagRepository

_DAG_FILE = re.compile(r"\.(py|zip)$")
_SOME = 5


class Refs:
    """The refs of a repository, and what the one that a stack follows holds.

    Args:
        source: The settings of the repository.
        setting: Their name, such as `airflow:dags`.
        probe: What asks the repository.
        listed: What `git ls-remote` printed.
    """

    def __init__(self, source: DagRepository, setting: str, probe: GitProbe, listed: str) -> None:
        self._source, self._setting, self._probe = source, setting, probe
        lines = (line.split("\t") for line in listed.splitlines())
        self.commits = {name: commit for commit, name in lines if not name.endswith("^{}")}
        self._kind, self._other = ("tag", "branch") if source.tag else ("branch", "tag")

    def find(self, *, tag_first: bool) -> str:
        """Where the ref is; `tag_first` where the bare name is fetched, which git takes for a tag if it can.

        Raises:
            UnwellError: it is not there.
        """
        ref = self._source.ref
        if self._source.commit:
            if not (answer := self._fetched).ok:
                way_out = f"push it on a branch or tag, or correct {self._setting}.commit"
                raise UnwellError(f"commit {ref} cannot be fetched: {one_line(answer.said)}", way_out)
            return f"commit {ref} is there"
        if not (commit := self.commits.get(_full(self._kind, ref))):
            raise UnwellError(f"there is no {self._kind} {ref!r}", self._way_out())
        if tag_first and self._kind == "branch" and _full("tag", ref) in self.commits:
            message = f"there are a branch and a tag {ref!r}, and git-sync takes the tag"
            raise UnwellError(message, "rename one of them", Status.WARN)
        return f"{self._kind} {ref!r} is at {commit[:12]}"

    def find_dags(self) -> str:
        """How many DAG files there are.

        Raises:
            UnwellError: none is in the folder that the stack names.
        """
        if not (answer := self._fetched).ok:
            raise UnwellError(f"{self._source.ref!r} cannot be fetched: {one_line(answer.said)}", "try again")
        path = self._source.path
        files = [file for file in self._probe.files() if _DAG_FILE.search(file)]
        if found := [file for file in files if not path or file.startswith(f"{path}/")]:
            return f"{len(found)} in {path or 'the whole repository'!r}, {found[0]} the first"
        folders = sorted({file.rpartition("/")[0] or "." for file in files})
        there = f"set {self._setting}.path to a folder with some: {_some(folders)}" if folders else "push a DAG"
        raise UnwellError(f"{path!r} holds no DAG file (*.py)", there)

    @cached_property
    def _fetched(self) -> Answer:
        ref = self._source.ref
        return self._probe.fetch(ref if self._source.commit else _full(self._kind, ref))

    def _way_out(self) -> str:
        ref, start = self._source.ref, _full(self._kind, "")
        if _full(self._other, ref) in self.commits:
            return f"there is a {self._other} of that name: set {self._setting}.{self._other} instead"
        names = sorted(name.removeprefix(start) for name in self.commits if name.startswith(start))
        if not names:
            return f"push it; there is no {self._kind} at all"
        nearest = get_close_matches(ref, names, n=3) or names
        return f"set {self._setting}.{self._kind} to one that is there, such as {_some(nearest)}, or push it"


def _full(kind: str, name: str) -> str:
    return f"refs/{'tags' if kind == 'tag' else 'heads'}/{name}"


def _some(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_SOME])) + (" …" if len(names) > _SOME else "")
