"""Polling intervals: a push is visible in time, impossible times are refused, and the load on the git host is known."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.airflow import Airflow
from airflow_stack.chart.delivery import followed, poll_warnings, polls_per_hour
from airflow_stack.choices import DagDelivery, Executor
from airflow_stack.cli.check.command import check
from airflow_stack.cli.recording import record
from airflow_stack.git import polling
from airflow_stack.git.polling import Intervals
from airflow_stack.inputs.wording import in_stack_file
from tests.support.cases import BUNDLES, EXECUTORS, HTTPS, IMAGE, SIZES, SSH, Config, problems, settings
from tests.support.golden import Golden

POLLED = [DagDelivery.GIT_SYNC, DagDelivery.GIT_BUNDLE]
LEAST = {delivery: polling.least_seconds(delivery) or 0 for delivery in POLLED}
deliveries = st.sampled_from(POLLED)
AIRFLOW_CHECKS = 5  # [dag_processor] bundle_refresh_check_interval, by default


def listed_after(spent: Intervals, delivery: DagDelivery, missed: float, work: float, *, imported: bool) -> float:
    """Seconds from a push until its DAGs are listed, if each poll and look comes after the fraction `missed` (0 to 1) of its interval."""
    checks = missed * AIRFLOW_CHECKS
    refresh, parse = missed * spent.refresh, missed * spent.parse
    if delivery is DagDelivery.GIT_SYNC:  # the files are there for both at once
        return missed * spent.poll + (parse if imported else refresh + checks) + work
    return refresh + checks + (parse if imported else 0) + work


@given(deliveries, st.integers(20, 3600), st.floats(0, 1), st.floats(0, 5), st.booleans())
def test_a_push_is_listed_in_time(
    delivery: DagDelivery, seconds: int, missed: float, work: float, imported: bool
) -> None:
    spent = polling.spend(seconds, delivery)
    assert (
        listed_after(spent, delivery, missed, work, imported=imported) <= polling.worst_case(spent, delivery) <= seconds
    )


@given(deliveries, st.integers(20, 3600))
def test_the_intervals_use_the_whole_time_and_are_possible_for_airflow(delivery: DagDelivery, seconds: int) -> None:
    spent = polling.spend(seconds, delivery)
    assert polling.worst_case(spent, delivery) == min(seconds, 340)
    assert spent.poll <= 300, "git-sync's wait after a failure, and a task is queued for 600 s at most"
    assert min(spent.poll, spent.refresh, spent.parse) >= AIRFLOW_CHECKS
    assert spent.parse <= 30, (
        "Airflow's own default: files that read something else when parsed are no older than there"
    )


@given(deliveries, st.integers(20, 3599))
def test_more_time_never_means_more_polls(delivery: DagDelivery, seconds: int) -> None:
    assert polling.spend(seconds, delivery).poll <= polling.spend(seconds + 1, delivery).poll


@given(deliveries, st.integers(-10, 3600))
def test_a_time_that_is_too_short_is_refused_with_the_minimum(delivery: DagDelivery, seconds: int) -> None:
    if seconds >= LEAST[delivery]:
        polling.spend(seconds, delivery)
    else:
        with pytest.raises(ValueError, match=rf"{delivery.value}\b.*\b{LEAST[delivery]} seconds"):
            polling.spend(seconds, delivery)


def test_dags_in_the_image_are_not_polled() -> None:
    assert polling.least_seconds(DagDelivery.IMAGE) is None
    with pytest.raises(ValueError, match="not polled"):
        polling.spend(60, DagDelivery.IMAGE)
    assert polls_per_hour(settings(**IMAGE)) == {}


@pytest.mark.parametrize("delivery", POLLED)
def test_a_setting_below_the_minimum_is_refused_with_the_minimum(delivery: DagDelivery, golden: Golden) -> None:
    (problem,) = problems({"dags": {**SSH, "delivery": delivery.value, "visibleWithinSeconds": 19}}).problems
    assert problem.path == "dags.visibleWithinSeconds"
    assert in_stack_file(problem) == golden


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (20, Intervals(5, 5, 5)),
        (30, Intervals(12, 8, 8)),
        (60, Intervals(30, 20, 20)),
        (300, Intervals(260, 30, 30)),
        (3600, Intervals(300, 30, 30)),
    ],
)
def test_the_intervals_are_those_of_the_guides_table(seconds: int, expected: Intervals) -> None:
    assert polling.spend(seconds, DagDelivery.GIT_SYNC) == expected
    assert polling.spend(seconds, DagDelivery.GIT_BUNDLE) == Intervals(expected.poll, expected.poll, expected.parse)


# Pods with a git-sync sidecar, or DAG processors: chart 1.22.0 (tests/render/test_delivery.py checks the same in the chart).
@pytest.mark.parametrize(
    ("executor", "delivery", "pods"),
    [
        (Executor.KUBERNETES, DagDelivery.GIT_SYNC, 2 + 3),
        (Executor.LOCAL, DagDelivery.GIT_SYNC, 2 + 3 + 5),
        (Executor.CELERY, DagDelivery.GIT_SYNC, 2 + 3 + 7),
        *((executor, DagDelivery.GIT_BUNDLE, 2) for executor in Executor),
        *((executor, DagDelivery.IMAGE, 0) for executor in Executor),
    ],
)
def test_every_pod_that_polls_is_counted_with_its_replicas(
    executor: Executor, delivery: DagDelivery, pods: int
) -> None:
    counted = polling.pollers(delivery, executor, dag_processors=2, triggerers=3, schedulers=5, workers=7)
    assert counted == pods


@given(st.integers(0, 500), st.integers(5, 3560))
def test_polls_per_hour_are_rounded_up(pods: int, interval: int) -> None:
    polls = polling.polls_per_hour(pods, interval)
    assert polls * interval >= 3600 * pods > (polls - 1) * interval


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("size", SIZES)
def test_a_bundle_polls_no_more_than_git_sync(executor: str, size: str) -> None:
    sync, bundle = (
        polls_per_hour(settings(executor=executor, size=size, dags={**SSH, "delivery": delivery}))["github.com"]
        for delivery in ("gitSync", "gitBundle")
    )
    assert 0 < bundle <= sync


def test_the_small_default_stack_logs_in_240_times_an_hour(golden: Golden) -> None:
    assert polls_per_hour(settings()) == {"github.com": 240}  # two pods, every 30 s
    assert followed(settings()) == golden


def test_a_commit_is_not_polled_and_further_repositories_are() -> None:
    assert polls_per_hour(settings(dags={**SSH, "commit": "a" * 40})) == {"github.com": 0}
    assert polls_per_hour(settings(dags=BUNDLES["bundle, several"])) == {"github.com": 240, "gitlab.com": 120}


MANY_PODS: Config = {"executor": "CeleryExecutor", "components": {"workers": {"replicas": 100}}}


@pytest.mark.parametrize(
    ("repository", "seconds", "warned"),
    [
        ("git@github.com:a/b.git", 20, True),  # 102 pods every 5 s: 73,440, of 54,000
        ("git@github.com:a/b.git", 60, False),  # 12,240
        ("git@gitlab.com:a/b.git", 30, True),  # 30,600, of 36,000
        ("https://gitlab.com/a/b.git", 30, False),  # of 600,000
        ("git@bitbucket.org:a/b.git", 30, True),  # of 60,000
        ("git@ssh.dev.azure.com:v3/a/b/c", 20, False),  # publishes no number
    ],
)
def test_polls_near_a_hosts_published_limit_give_a_warning(
    repository: str, seconds: int, warned: bool, golden: Golden
) -> None:
    found = settings(**MANY_PODS, dags={"repository": repository, "visibleWithinSeconds": seconds})
    said = list(poll_warnings(found))
    assert bool(said) is warned
    for text in said:
        assert text == golden


def test_a_self_hosted_git_host_has_no_known_limit() -> None:
    found = settings(**MANY_PODS, dags={"repository": "https://git.example.com/a/b", "visibleWithinSeconds": 20})
    assert list(poll_warnings(found)) == []
    assert list(poll_warnings(settings(dags=HTTPS))) == []
    assert list(poll_warnings(settings(**IMAGE))) == []


def test_check_and_deployment_of_such_a_stack_give_the_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    config = {**MANY_PODS, "dags": {"repository": "https://github.com/a/b", "visibleWithinSeconds": 20}}
    (tmp_path / "Pulumi.busy.yaml").write_text(
        yaml.safe_dump({"config": {f"airflow:{k}": v for k, v in config.items()}})
    )
    monkeypatch.chdir(tmp_path)
    check("busy")
    checked = capsys.readouterr()
    assert checked.out + checked.err == golden

    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", lambda text, *_: warned.append(text))
    args: Any = {**config, "dags": {"repository": "https://github.com/a/b", "visible_within_seconds": 20}}
    record(lambda: Airflow("airflow", args))
    assert warned == list(poll_warnings(settings(**config)))
