"""Which releases are newer than the tested versions: the tags of their repositories, compared with `components/versions.py`.

Tags on GitHub, for one kind of answer serves all of them, and the workflow's own token may read it. Runs on Python alone, as `forge.py` does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_stack.versions import AIRFLOW_VERSION, CHART_VERSION, GIT_SYNC_VERSION, POSTGRES_TAG, order

Tags = Callable[[str, str], Iterable[str]]
"""Repository and prefix to the tags that begin with it."""


@dataclass(frozen=True)
class Source:
    """Where the releases of one part are tags."""

    name: str
    tested: str
    repository: str
    line: str
    """Beginning of the tags of what may replace the tested version: of Airflow and its chart also the next minor versions, else patches alone."""
    before: str = ""
    """What stands before the version in a tag."""

    def newer(self, tags: Iterable[str]) -> list[str]:
        """The newest patch of each line that is newer than the tested version; no pre-releases."""
        newest: dict[tuple[int, ...], str] = {}
        versions = (tag.removeprefix(self.before).replace("_", ".") for tag in tags)
        for version in sorted(filter(_is_a_release, versions), key=order):
            if order(version) > order(self.tested):
                newest[order(version)[: self.tested.count(".")]] = version
        return list(newest.values())


_POSTGRES = POSTGRES_TAG.partition("-")[0]
SOURCES = (
    Source("Airflow", AIRFLOW_VERSION, "apache/airflow", "3."),
    Source("chart", CHART_VERSION, "apache/airflow", "helm-chart/1.", "helm-chart/"),
    Source("git-sync", GIT_SYNC_VERSION, "kubernetes/git-sync", f"v{GIT_SYNC_VERSION.rpartition('.')[0]}.", "v"),
    Source("PostgreSQL", _POSTGRES, "postgres/postgres", f"REL_{_POSTGRES.partition('.')[0]}_", "REL_"),
)


def report(tags: Tags) -> str:
    """The text of the issue, in Markdown; empty where nothing is newer."""
    rows = [(source, source.newer(tags(source.repository, source.line))) for source in SOURCES]
    lines = [
        f"| [{source.name}](https://github.com/{source.repository}/tags) | {source.tested} | {', '.join(found)} |\n"
        for source, found in rows
        if found
    ]
    if not lines:
        return ""
    return (
        "These releases are newer than what `components/versions.py` says is tested.\n\n"
        f"| | tested | newer |\n| --- | --- | --- |\n{''.join(lines)}\n"
        "Raise the version there, with the day for its packages, and let the pull request run every test. "
        "This issue closes itself when nothing is newer.\n"
    )


def _is_a_release(version: str) -> bool:
    return all(number.isdecimal() for number in version.split("."))
