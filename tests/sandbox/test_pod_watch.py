"""Observations of the pods of a stack while it starts."""

from datetime import timedelta

import pytest

from sandbox.pod_watch import PodWatch, summary, workload_states
from tests.support.golden import Golden
from tests.support.recorded_pods import BACK_OFF, NOW, OUT_OF_MEMORY, RUNNING, RecordedNamespace, only, pod


def test_what_waits_for_the_migration_waits_for_the_database_while_that_is_not_ready(golden: Golden) -> None:
    database = pod("database", "postgres", RUNNING)
    waiting = pod("scheduler", "wait-for-airflow-migrations", RUNNING)
    now = workload_states([database, waiting], {})
    assert summary(now) == golden


def test_a_problem_counts_from_the_second_look_on(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = PodWatch(RecordedNamespace([pod("api-server", "main", BACK_OFF, restarts=1, last=OUT_OF_MEMORY)]))
    watch._since = NOW - timedelta(minutes=1)
    assert not watch.look().problems
    assert watch.look().problems


def test_pods_of_an_earlier_attempt_count_only_when_they_fail_again_after_helm_began() -> None:
    reader = RecordedNamespace([pod("api-server", "main", BACK_OFF, restarts=1, last=OUT_OF_MEMORY, age=600)])
    watch = PodWatch(reader)
    watch._since = NOW - timedelta(minutes=1)
    assert not (watch.look().problems or watch.look().problems)
    reader.objects["secrets"] = [{"metadata": {"creationTimestamp": (NOW - timedelta(seconds=50)).isoformat()}}]
    assert not watch.look().problems, "seen first"
    assert watch.look().problems, "it ran out of memory 10 seconds ago"


def test_a_change_is_told_once_and_tasks_of_other_dags_never(golden: Golden) -> None:
    syncing, task = (
        pod("triggerer", "git-sync-init", RUNNING),
        pod("", "git-sync-init", BACK_OFF, dag_id="etl", task_id="load"),
    )
    watch = PodWatch(RecordedNamespace([syncing, task]))
    assert "\n".join(watch.look().changes) == golden(name="first look")
    assert not watch.look().changes
    assert "\n".join(watch.look("etl").changes) == golden(name="with the tasks of a DAG")


def test_restarts_from_before_a_settled_watch_are_no_crashes_of_now() -> None:
    again = {"terminated": {"exitCode": 1, "finishedAt": "2100-01-01T00:00:00Z"}}
    reader = RecordedNamespace([pod("scheduler", "main", BACK_OFF, restarts=5, last=again)], lines="no route")
    watch = PodWatch(reader, settled=True)
    assert [list(watch.look().problems) for _ in range(3)] == [[], [], []]
    reader.objects["pods"] = [pod("scheduler", "main", BACK_OFF, restarts=8, last=again)]
    assert not watch.look().problems, "seen first"
    assert "no route" in only(watch.look().problems).cause
