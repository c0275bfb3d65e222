"""A promotion or a rollback as a plan: commits, files, DAGs, and different settings of the two stacks. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_stack.settings.models import Settings

from .dag_summary import DeclaredDag, NotPythonError, declared_dags

# Settings that are expected to differ between environments.
_ENVIRONMENT = (
    "dags.branch", "dags.tag", "namespace", "ingress", "web", "database", "logs", "labels", "protect", "rotation", "quota",
    "serviceAccountAnnotations",
)  # fmt: skip
_SOFTWARE = ("chart", "images")
# Free text that may hold a secret, and long texts: only named, never shown.
_NOT_SHOWN = (
    "environment",
    "values",
    "serviceAccountAnnotations",
    "ingress.annotations",
    "web.ingress.annotations",
    "web.gateway.annotations",
    "dags.knownHosts",
)


@dataclass(frozen=True)
class Commit:
    """One commit."""

    hash: str
    author: str
    subject: str


@dataclass(frozen=True)
class ChangedFile:
    """A file that differs; of a Python file also its text before and after."""

    change: str
    """`added`, `changed` or `removed`."""
    path: str
    before: str | None = field(default=None, repr=False)
    after: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class DagChange:
    """Change of one DAG."""

    change: str
    """`added`, `removed`, `renamed`, `rescheduled`, or `unreadable` for a file that is not Python."""
    id: str
    path: str
    before: str = ""
    """Schedule; of a renamed DAG its id."""
    after: str = ""


@dataclass(frozen=True)
class SettingDifference:
    """A setting with another value in each stack."""

    key: str
    source: str
    target: str
    kind: str
    """`runs` for chart and images, `own` for settings that are expected to differ, else `other`."""


@dataclass(frozen=True)
class PromotionPlan:
    """A move of the branch or tag that a stack follows."""

    stack: str
    repository: str
    ref: str
    """Full name of the ref that is moved or created, such as `refs/heads/release`."""
    before: str | None
    """Commit of the ref now; None: the ref does not exist yet."""
    after: str
    commits: list[Commit]
    files: list[ChangedFile]
    """Those below the stack's `dags.path`."""
    other_files: int
    dags: list[DagChange]
    forward: bool = True
    source: str = ""
    """The stack whose commit is promoted."""
    differences: list[SettingDifference] = field(default_factory=list)
    verified: str = ""
    """Evidence that the source runs the commit."""
    refusals: list[str] = field(default_factory=list)

    @property
    def moves(self) -> str:
        """Both ends in short, as `--expect` takes them."""
        return f"{(self.before or 'nothing')[:12]}..{self.after[:12]}"

    @property
    def is_empty(self) -> bool:
        """Whether the ref is at the commit already."""
        return self.before == self.after


def dag_changes(files: Iterable[ChangedFile]) -> list[DagChange]:
    """Changes of the DAGs in these files. A DAG that only moved to another file has none."""
    unreadable = list[DagChange]()
    before, after = dict[str, tuple[DeclaredDag, str]](), dict[str, tuple[DeclaredDag, str]]()
    for file in files:
        for text, found in ((file.before, before), (file.after, after)):
            try:
                found |= {dag.id: (dag, file.path) for dag in declared_dags(text or "")}
            except NotPythonError as error:
                if found is after:
                    unreadable.append(DagChange("unreadable", str(error), file.path))
    gone = [dag for id_, dag in before.items() if id_ not in after]
    new = [dag for id_, dag in after.items() if id_ not in before]
    renamed = list(_renamed(gone, new))
    known = {each.before for each in renamed} | {each.id for each in renamed}
    changes = [
        *renamed,
        *(DagChange("added", dag.id, path, after=dag.schedule) for dag, path in new if dag.id not in known),
        *(DagChange("removed", dag.id, path, before=dag.schedule) for dag, path in gone if dag.id not in known),
        *(
            DagChange("rescheduled", id_, path, before[id_][0].schedule, dag.schedule)
            for id_, (dag, path) in after.items()
            if id_ in before and before[id_][0].schedule != dag.schedule
        ),
    ]
    return unreadable + sorted(changes, key=lambda each: (each.path, each.id))


def _renamed(gone: list[tuple[DeclaredDag, str]], new: list[tuple[DeclaredDag, str]]) -> Iterator[DagChange]:
    """Files in which one DAG disappears and one appears."""
    for dag, path in new:
        others = [other for other, place in gone if place == path]
        if len(others) == 1 and [place for _, place in new].count(path) == 1:
            yield DagChange("renamed", dag.id, path, others[0].id, dag.id)


def setting_differences(source: Settings, target: Settings) -> list[SettingDifference]:
    """Settings with another value in each stack, including defaults. Settings hold no secrets."""
    left, right = (dict(_flat(each.model_dump(mode="json", by_alias=True))) for each in (source, target))
    found = [
        SettingDifference(key, _shown(key, left.get(key)), _shown(key, right.get(key)), _kind(key))
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


def _is_below(key: str, paths: Iterable[str]) -> bool:
    return any(key == path or key.startswith(f"{path}.") for path in paths)


def _shown(key: str, value: object) -> str:
    if value is None:
        return "not set"
    return "set" if _is_below(key, _NOT_SHOWN) else str(value)


def _kind(key: str) -> str:
    return "runs" if _is_below(key, _SOFTWARE) else "own" if _is_below(key, _ENVIRONMENT) else "other"
