"""What a promotion says, found out without git, a host or a cluster."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.choices import DagDelivery
from airflow_stack.cli.kubernetes_client import KubernetesObject
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.promote import promotion_tag
from airflow_stack.cli.promote.dag_summary import DeclaredDag, NotPythonError, declared_dags
from airflow_stack.cli.promote.model import ChangedFile, DagChange, dag_changes, setting_differences
from airflow_stack.cli.promote.promotion_tag import PromotionRecord, last_promotion
from airflow_stack.cli.promote.running_commit import running_commits
from airflow_stack.cli.promote.stack_refs import same_repository
from airflow_stack.git.url import GitUrl
from airflow_stack.inputs.validation import load

OLD, NEW = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("text", "dags"),
    [
        ("@dag\ndef etl(): ...", [("etl", "none")]),
        ("@dag()\ndef etl(): ...", [("etl", "none")]),
        ("@dag(schedule='@daily')\ndef etl(): ...", [("etl", "@daily")]),
        ("@dag(dag_id='other', schedule=None)\ndef etl(): ...", [("other", "none")]),
        ("@sdk.dag('other', schedule='0 1 * * *')\ndef etl(): ...", [("other", "0 1 * * *")]),
        ("with DAG('etl', schedule='@once') as dag: ...", [("etl", "@once")]),
        ("dag = airflow.sdk.DAG(dag_id='etl', schedule=timedelta(hours=1))", [("etl", "computed (timedelta(hours=1))")]),
        ("ID = 'etl'\nWHEN = '@daily'\nDAG(ID, schedule=WHEN)", [("etl", "@daily")]),
        ("WHEN = '@daily'\nif x:\n    WHEN = '@once'\nDAG('etl', schedule=WHEN)", [("etl", "computed (WHEN)")]),
        ("for x in y:\n    DAG(f'etl_{x}', **more)", [("computed (f'etl_{x}')", "computed (**)")]),
        ("DAG('b')\nDAG('a')", [("b", "none"), ("a", "none")]),
        ("def dag(): ...\ndag()\nDAG()", []),
        ("re.compile('\\d'); DAG('a')", [("a", "none")]),
        ("", []),
    ],
)  # fmt: skip
def test_ids_and_schedules_are_read_from_the_text(text: str, dags: list[tuple[str, str]]) -> None:
    assert declared_dags(text) == [DeclaredDag(*each) for each in dags]


@given(st.text())
def test_any_text_is_read_or_said_not_to_be_python(text: str) -> None:
    try:
        declared_dags(text)
    except NotPythonError as error:
        assert str(error).startswith("is not Python")


def test_nothing_of_a_file_runs(tmp_path: Any) -> None:
    declared_dags(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert not (tmp_path / "ran").exists()


def _file(before: str | None, after: str | None, path: str = "dags/etl.py") -> ChangedFile:
    return ChangedFile("changed", path, before, after)


def _dag(name: str, schedule: str = "@daily") -> str:
    return f"DAG({name!r}, schedule={schedule!r})\n"


@pytest.mark.parametrize(
    ("files", "changes"),
    [
        ([_file(None, _dag("a"))], [DagChange("added", "a", "dags/etl.py", after="@daily")]),
        ([_file(_dag("a"), None)], [DagChange("removed", "a", "dags/etl.py", before="@daily")]),
        ([_file(_dag("a"), _dag("a", "@once"))], [DagChange("rescheduled", "a", "dags/etl.py", "@daily", "@once")]),
        ([_file(_dag("a"), _dag("b"))], [DagChange("renamed", "b", "dags/etl.py", "a", "b")]),
        ([_file(_dag("a"), _dag("a") + "x = 1")], []),
        ([_file(_dag("a"), None, "dags/old.py"), _file(None, _dag("a"), "dags/new.py")], []),
        ([_file(_dag("a"), "def (")], [
            DagChange("unreadable", "is not Python: line 1, invalid syntax", "dags/etl.py"),
            DagChange("removed", "a", "dags/etl.py", before="@daily"),
        ]),
    ],
)  # fmt: skip
def test_dags_differ_by_id_and_schedule_wherever_their_file_is(
    files: list[ChangedFile], changes: list[DagChange]
) -> None:
    assert dag_changes(files) == changes


def _settings(**config: Any) -> Any:
    return load("mine", {"dags": {"repository": "https://git.example.com/acme/dags"}, **config}, ())


def test_settings_differ_with_defaults_counted_in_and_what_runs_the_dags_comes_first() -> None:
    staging = _settings(size="medium", namespace="airflow-staging", chart={"version": "1.21.0"})
    found = setting_differences(staging, _settings(namespace="airflow-prod"))
    assert [(each.kind, each.key, each.source, each.target) for each in found] == [
        ("runs", "chart.version", "1.21.0", "1.22.0"),
        ("other", "size", "medium", "small"),
        ("own", "namespace", "airflow-staging", "airflow-prod"),
    ]
    assert setting_differences(staging, staging) == []


def test_free_text_is_named_and_never_shown() -> None:
    found = setting_differences(
        _settings(environment={"PASSWORD": "canary-1"}, values={"extraEnv": "[{name: A, value: canary-2}]"}),
        _settings(environment={"PASSWORD": "canary-3"}),
    )
    assert [each.key for each in found] == ["environment.PASSWORD", "values.extraEnv"]
    assert "canary" not in repr(found)


def test_a_record_reads_as_it_was_written_and_a_tag_of_others_is_none() -> None:
    for before in (OLD, None):
        made = PromotionRecord("promotion", "refs/heads/release", before, NEW, "staging", "verified: by its pods")
        assert PromotionRecord.parse(made.text("prod")) == made
    assert PromotionRecord.parse("Version 2\n\nRef: x") is None
    assert PromotionRecord.parse(made.text("prod").replace(NEW, "--upload-pack=x")) is None


def test_the_last_promotion_is_the_one_that_ends_where_the_branch_is() -> None:
    ref, third = "refs/heads/release", "c" * 40
    made = [
        PromotionRecord("promotion", ref, OLD, NEW),
        PromotionRecord("promotion", ref, NEW, third),
        PromotionRecord("rollback", ref, third, NEW),
        PromotionRecord("promotion", "refs/heads/other", third, NEW),
    ]
    assert last_promotion(made, ref, NEW) == made[0]
    assert last_promotion(made, ref, OLD) is None


def test_records_sort_by_time_and_no_two_are_alike() -> None:
    times = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 30)]
    names = [promotion_tag.new_name("prod", time) for time in times]
    assert names == sorted(names)
    assert promotion_tag.new_name("prod", times[0]) != promotion_tag.new_name("prod", times[0])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("git@github.com:acme/dags.git", "https://github.com/acme/dags", True),
        ("git@github.com:acme/dags.git", "ssh://git@ssh.github.com:443/acme/dags.git", True),
        ("git@github.com:acme/dags.git", "git@github.com:acme/other.git", False),
        ("git@github.com:acme/dags.git", "git@gitlab.com:acme/dags.git", False),
        ("ssh://git@git.example.com:2222/dags", "ssh://git@git.example.com:2223/dags", False),
        ("git@ssh.dev.azure.com:v3/acme/data/dags", "https://dev.azure.com/acme/data/_git/dags", True),
    ],
)
def test_a_repository_is_known_by_each_of_its_urls(one: str, other: str, same: bool) -> None:
    assert same_repository(GitUrl.parse(one), GitUrl.parse(other)) is same


class _Pods(NamespaceReader):
    """One pod of a DAG processor, with this log."""

    def __init__(self, container: str, *log: str, leaving: bool = False) -> None:
        self._lines = log
        self._pod: KubernetesObject = {
            "metadata": {"name": "pod", **({"deletionTimestamp": "2026-11-23T00:00:00Z"} if leaving else {})},
            "spec": {"containers": [{"name": container, "image": "image"}]},
            "status": {"containerStatuses": [{"name": container, "state": {"running": {}}}]},
        }

    def read(self, kind: str, labels: str = "") -> list[KubernetesObject]:
        assert (kind, labels) == ("pods", "component=dag-processor")
        return [self._pod]

    def follow(self, *_: object, follow: bool) -> Iterator[str]:
        assert not follow
        return iter(self._lines)


def test_what_a_stack_runs_is_the_last_that_its_dag_processor_logged() -> None:
    def synced(commit: str) -> str:
        return f'{{"ts":"2026","level":0,"msg":"updated successfully","ref":"main","remote":"{commit}","syncCount":1}}'

    def refreshed(bundle: str, commit: str) -> str:
        return f"2026 [info     ] Version changed for {bundle}, new version: {commit} [airflow.dag_processing]"

    sync, bundle = DagDelivery.GIT_SYNC, DagDelivery.GIT_BUNDLE
    assert running_commits(_Pods("git-sync", synced(OLD), synced(NEW), "other"), sync) == {"pod": NEW}
    assert running_commits(_Pods("git-sync", synced(OLD), leaving=True), sync) == {}
    assert running_commits(_Pods("git-sync", synced(OLD[:7])), sync) == {"pod": ""}
    log = [refreshed("dags-folder", NEW), refreshed("more", OLD)]
    assert running_commits(_Pods("dag-processor", *log), bundle) == {"pod": NEW}
    assert running_commits(_Pods("dag-processor", *log), sync) == {}
