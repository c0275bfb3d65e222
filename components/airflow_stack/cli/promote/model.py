"""What a promotion, or a rollback, would move: commits, files, DAGs, and how the settings of the two stacks differ. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.cli.promote.dag_summary import Dag, UnreadableError, dags_of
from airflow_stack.settings.models import Settings

# What is an environment's own: where it is, how it is reached, what it follows, which generation its keys have.
_OWN = (
    "dags.branch", "dags.tag", "namespace", "ingress", "database", "logs", "labels", "protect", "rotation", "quota",
    "serviceAccountAnnotations",
)  # fmt: skip
_RUNS = ("chart", "images")
# Free text of the user's, which may hold what should have been a secret, and what is too long to read: named, never shown.
_NAMED = ("environment", "values", "serviceAccountAnnotations", "ingress.annotations", "dags.knownHosts")


@dataclass(frozen=True)
class Commit:
    """One commit."""

    hash: str
    author: str
    subject: str


@dataclass(frozen=True)
class File:
    """A file that differs, with its text on either side where it is Python."""

    change: str
    """`added`, `changed` or `removed`."""
    path: str
    before: str | None = field(default=None, repr=False)
    after: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DagChange:
    """How one DAG differs."""

    change: str
    """`added`, `removed`, `renamed`, `rescheduled`, or `unreadable` for a file that is not Python."""
    id: str
    path: str
    before: str = ""
    """Schedule; of a renamed one the id."""
    after: str = ""


@dataclass(frozen=True)
class Difference:
    """A setting that the two stacks do not share."""

    key: str
    source: str
    target: str
    kind: str
    """`runs` for chart and images, `own` for what is an environment's own, else `other`."""


@dataclass(frozen=True)
class Plan:
    """What moves."""

    stack: str
    repository: str
    ref: str
    """The full name of what is moved or made, such as `refs/heads/release`."""
    before: str | None
    """Commit that the stack follows now; None where its branch is yet to be made."""
    after: str
    commits: list[Commit]
    files: list[File]
    """Those below the stack's `dags.path`."""
    other_files: int
    dags: list[DagChange]
    forward: bool = True
    source: str = ""
    """The stack that it comes from."""
    differences: list[Difference] = field(default_factory=list)
    verified: str = ""
    """By what it is known that the source runs the commit."""
    refusals: list[str] = field(default_factory=list)

    @property
    def moves(self) -> str:
        """Both ends in short, as `--expect` takes them."""
        return f"{(self.before or 'nothing')[:12]}..{self.after[:12]}"

    @property
    def is_empty(self) -> bool:
        """Whether the stack is there already."""
        return self.before == self.after


def commits(number: int) -> str:
    """A number of commits, in words."""
    return f"{number} commit{'s' * (number != 1)}"


def dag_changes(files: Iterable[File]) -> list[DagChange]:
    """How the DAGs of these files differ; one that only went to another file does not."""
    unreadable, before, after = list[DagChange](), dict[str, tuple[Dag, str]](), dict[str, tuple[Dag, str]]()
    for file in files:
        for text, found in ((file.before, before), (file.after, after)):
            try:
                found |= {dag.id: (dag, file.path) for dag in dags_of(text or "")}
            except UnreadableError as error:
                if found is after:
                    unreadable.append(DagChange("unreadable", str(error), file.path))
    gone = [dag for id_, dag in before.items() if id_ not in after]
    come = [dag for id_, dag in after.items() if id_ not in before]
    renamed = list(_renamed(gone, come))
    known = {each.before for each in renamed} | {each.id for each in renamed}
    changes = [
        *renamed,
        *(DagChange("added", dag.id, path, after=dag.schedule) for dag, path in come if dag.id not in known),
        *(DagChange("removed", dag.id, path, before=dag.schedule) for dag, path in gone if dag.id not in known),
        *(
            DagChange("rescheduled", id_, path, before[id_][0].schedule, dag.schedule)
            for id_, (dag, path) in after.items()
            if id_ in before and before[id_][0].schedule != dag.schedule
        ),
    ]
    return unreadable + sorted(changes, key=lambda each: (each.path, each.id))


def _renamed(gone: list[tuple[Dag, str]], come: list[tuple[Dag, str]]) -> Iterator[DagChange]:
    """The one DAG that left a file where one other came."""
    for dag, path in come:
        others = [other for other, place in gone if place == path]
        if len(others) == 1 and [place for _, place in come].count(path) == 1:
            yield DagChange("renamed", dag.id, path, others[0].id, dag.id)


def differences(source: Settings, target: Settings) -> list[Difference]:
    """The settings that differ, defaults counted in; a secret is in none of them."""
    left, right = (dict(_flat(each.model_dump(mode="json", by_alias=True))) for each in (source, target))
    found = [
        Difference(key, _shown(key, left.get(key)), _shown(key, right.get(key)), _kind(key))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]
    return sorted(found, key=lambda each: ("runs", "other", "own").index(each.kind))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value


def _below(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _shown(key: str, value: object) -> str:
    if value is None:
        return "not set"
    return "set" if _below(key, _NAMED) else str(value)


def _kind(key: str) -> str:
    return "runs" if _below(key, _RUNS) else "own" if _below(key, _OWN) else "other"
