"""The report of releases newer than the tested versions, from the tags of their repositories."""

from airflow_stack.cli.post import newer_versions
from tests.support.golden import Golden

TAGS = {
    "apache/airflow": [
        "3.2.2", "3.3.2", "3.3.3rc1", "3.3.3", "3.3.10", "3.4.0b1", "3.5.0", "2.11.9", "helm-chart/1.22.0", "helm-chart/1.23.0",
        "helm-chart/1.24.0rc1", "helm-chart/2.0.0", "providers/2026-09-22", "upstream/3.9.9",
    ],
    "kubernetes/git-sync": ["v4.4.2", "v4.4.3", "v4.7.1"],
    "postgres/postgres": ["REL_16_9", "REL_16_10", "REL_16_12", "REL_16_11", "REL_17_7", "REL_16_RC1"],
}  # fmt: skip


def tags(repository: str, prefix: str) -> list[str]:
    return [tag for tag in TAGS[repository] if tag.startswith(prefix)]


def test_newer_releases_are_the_newest_of_each_line_and_no_pre_releases(golden: Golden) -> None:
    assert newer_versions.report(tags) == golden


def test_where_nothing_is_newer_nothing_is_reported() -> None:
    known = ["3.2.9", "3.3.2", "3.3.3rc1", "helm-chart/1.22.0", "v4.4.2", "REL_16_10"]
    assert newer_versions.report(lambda _, prefix: [tag for tag in known if tag.startswith(prefix)]) == ""
    assert newer_versions.report(lambda *_: []) == ""
