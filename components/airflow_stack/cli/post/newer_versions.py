"""Releases that are newer than the tested versions: tags of their repositories on GitHub, which the workflow's token may read.

Needs only the standard library, like `git_host.py`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_stack.versions import AIRFLOW_VERSION, CHART_VERSION, GIT_SYNC_VERSION, POSTGRES_TAG, order

FindTags = Callable[[str, str], Iterable[str]]
"""Takes a repository and a prefix; returns the tags with this prefix."""


@dataclass(frozen=True)
class ReleaseSource:
    """Tags of the releases of one part."""

    name: str
    tested: str
    repository: str
    tag_prefix: str
    """Beginning of the tags of possible successors: of Airflow and its chart also minor versions, otherwise only patches."""
    version_prefix: str = ""
    """Text before the version in a tag."""

    def newer(self, tags: Iterable[str]) -> list[str]:
        """The newest patch of each minor version that is newer than the tested version, without pre-releases."""
        newest: dict[tuple[int, ...], str] = {}
        versions = (tag.removeprefix(self.version_prefix).replace("_", ".") for tag in tags)
        for version in sorted(filter(_is_a_release, versions), key=order):
            if order(version) > order(self.tested):
                newest[order(version)[: self.tested.count(".")]] = version
        return list(newest.values())


_POSTGRES = POSTGRES_TAG.partition("-")[0]
SOURCES = (
    ReleaseSource("Airflow", AIRFLOW_VERSION, "apache/airflow", "3."),
    ReleaseSource("chart", CHART_VERSION, "apache/airflow", "helm-chart/1.", "helm-chart/"),
    ReleaseSource("git-sync", GIT_SYNC_VERSION, "kubernetes/git-sync", f"v{GIT_SYNC_VERSION.rpartition('.')[0]}.", "v"),
    ReleaseSource("PostgreSQL", _POSTGRES, "postgres/postgres", f"REL_{_POSTGRES.partition('.')[0]}_", "REL_"),
)


def report(find_tags: FindTags) -> str:
    """Text of the issue in Markdown; empty if nothing is newer."""
    rows = [(source, source.newer(find_tags(source.repository, source.tag_prefix))) for source in SOURCES]
    lines = [
        f"| [{source.name}](https://github.com/{source.repository}/tags) | {source.tested} | {', '.join(found)} |\n"
        for source, found in rows
        if found
    ]
    if not lines:
        return ""
    return (
        "These releases are newer than the tested versions in `components/airflow_stack/versions.py`.\n\n"
        f"| | tested | newer |\n| --- | --- | --- |\n{''.join(lines)}\n"
        "Raise the version there, with the date of its packages; the pull request runs every test. "
        "This issue is closed when nothing is newer.\n"
    )


def _is_a_release(version: str) -> bool:
    return all(number.isdecimal() for number in version.split("."))
