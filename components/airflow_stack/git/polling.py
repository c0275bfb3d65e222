"""How `dags.visibleWithinSeconds` is spent, and what the polling costs the git host. Pure arithmetic, explained in docs/guides/visible-within.md.

Worst case of a push, from `git push` until its DAGs are listed:

    gitSync    period + max(refresh, parse) + OVERHEAD
    gitBundle  refresh + parse              + OVERHEAD

`period` is git-sync's and `refresh` Airflow's `[dag_processor] refresh_interval`; `parse` is `min_file_process_interval`, which a change in a
module that a DAG file only imports waits for. Whatever asks the git host logs in there; whatever reads files costs the DAG processor time.
"""

from dataclasses import dataclass
from datetime import date

from airflow_stack.choices import DagDelivery, Executor

OVERHEAD = 10
"""Seconds: 5 until Airflow next checks what is due (`bundle_refresh_check_interval`), 5 to fetch, parse and write."""
_LEAST, _MOST_PARSE = 5, 30  # Airflow checks every 5 s, and parses every 30 s if nobody says otherwise
# After a failure git-sync waits for a whole period, in a task pod too, and Airflow gives up on a task that is queued for 600 s.
_MOST_POLL = 300
_NEVER = 86_400
_NEAR = 0.5
_LOOKED_UP = date(2026, 11, 23)


@dataclass(frozen=True)
class Intervals:
    """Seconds between two looks."""

    poll: int
    """At the git host: git-sync's period, or the refresh of a git bundle."""
    refresh: int
    """`[dag_processor] refresh_interval`."""
    parse: int
    """`[dag_processor] min_file_process_interval`."""


@dataclass(frozen=True)
class HostLimit:
    """What a git host says about how often git may ask it."""

    name: str
    ssh: int | None
    """Operations an hour over SSH; None where the host publishes no number."""
    https: int | None
    """The same over HTTPS."""
    source: str
    looked_up: date = _LOOKED_UP


# GitHub recommends at most 15 reads a second per repository. GitLab.com: 600 a minute per user and project over SSH, 10,000 over HTTPS.
# Bitbucket Cloud: 60,000 an hour per user. Azure DevOps measures load in units of its own (TSTU) and gives no number of git operations.
LIMITS = {
    "github.com": HostLimit(
        "GitHub", 54_000, 54_000,
        "https://docs.github.com/en/repositories/creating-and-managing-repositories/repository-limits",
    ),
    "gitlab.com": HostLimit("GitLab.com", 36_000, 600_000, "https://docs.gitlab.com/user/gitlab_com/rate_limits/"),
    "bitbucket.org": HostLimit(
        "Bitbucket Cloud", 60_000, 60_000, "https://support.atlassian.com/bitbucket-cloud/docs/api-request-limits/"
    ),
    **dict.fromkeys(
        ("ssh.dev.azure.com", "vs-ssh.visualstudio.com", "dev.azure.com"),
        HostLimit("Azure DevOps", None, None, "https://learn.microsoft.com/en-us/azure/devops/integrate/concepts/rate-limits"),
    ),
}  # fmt: skip


def least_seconds(delivery: DagDelivery) -> int | None:
    """The shortest `visibleWithinSeconds` that can be met; None where DAGs come with the image and nothing is polled."""
    return None if delivery is DagDelivery.IMAGE else 2 * _LEAST + OVERHEAD


def spend(seconds: int, delivery: DagDelivery) -> Intervals:
    """The intervals that make a push visible within so many seconds.

    Of what the overhead leaves, two fifths go to looking at files (5 to 30 s), which costs little; the rest to polling (at most 300 s), which
    is a login.

    Raises:
        ValueError: it cannot be met; the message says what can.
    """
    least = least_seconds(delivery)
    if least is None:
        raise ValueError("nothing is polled where the DAGs come with the image")
    if seconds < least:
        raise ValueError(f"cannot be met: the least that {delivery.value} can do is {least} seconds")
    spendable = seconds - OVERHEAD
    look = min(_MOST_PARSE, max(_LEAST, spendable * 2 // 5))
    poll = min(_MOST_POLL, spendable - look)
    return Intervals(poll, look if delivery is DagDelivery.GIT_SYNC else poll, look)


def worst_case(intervals: Intervals, delivery: DagDelivery) -> int:
    """Seconds from a push until its DAGs are listed, if every look has just been missed."""
    waits = (intervals.poll, max(intervals.refresh, intervals.parse))
    if delivery is DagDelivery.GIT_BUNDLE:
        waits = (intervals.refresh, intervals.parse)
    return sum(waits) + OVERHEAD


def bundle_refresh(intervals: Intervals, *, moves: bool) -> int:
    """Seconds between two refreshes of a git bundle; a commit never changes and is not asked for again."""
    return intervals.refresh if moves else _NEVER


def pollers(
    delivery: DagDelivery, executor: Executor, *, dag_processors: int, triggerers: int, schedulers: int, workers: int
) -> int:
    """Pods that ask the git host at every interval (chart 1.22.0; which pods have git-sync is under test with the chart).

    Not counted: task pods, which clone once each, and the start of any pod.
    """
    match delivery:
        case DagDelivery.IMAGE:
            return 0
        case DagDelivery.GIT_BUNDLE:
            return dag_processors
    runs_tasks = {Executor.LOCAL: schedulers, Executor.CELERY: workers}
    return dag_processors + triggerers + runs_tasks.get(executor, 0)


def polls_per_hour(pods: int, interval: int) -> int:
    """Logins that so many pods make on the git host in an hour, at most."""
    return -(-3600 * pods // interval)


def warning(host: str, *, ssh: bool, polls: int) -> str | None:
    """What to say when polls come near the limit that a host publishes; others use it up too, so half of it is near."""
    limit = LIMITS.get(host)
    most = limit and (limit.ssh if ssh else limit.https)
    if not limit or not most or polls < most * _NEAR:
        return None
    return (
        f"DAGs are polled {polls} times an hour, and {limit.name} wants at most {most} git operations ({limit.source}, "
        f"{limit.looked_up}): raise airflow:dags.visibleWithinSeconds, or poll from fewer pods with airflow:dags.delivery gitBundle"
    )
