"""Intervals that meet `dags.visibleWithinSeconds`, and the load of polling on the git host. Pure arithmetic: docs/guides/visible-within.md.

Worst case from `git push` until the DAGs are listed:

    gitSync    period + max(refresh, parse) + OVERHEAD
    gitBundle  refresh + parse              + OVERHEAD

`period` is git-sync's. `refresh` is Airflow's `[dag_processor] refresh_interval`. `parse` is `min_file_process_interval`: a changed module that
DAG files import waits for it. Each poll is a login on the git host. Each look at files takes time of the DAG processor.
"""

from dataclasses import dataclass
from datetime import date

from airflow_stack.choices import DagDelivery, Executor

OVERHEAD = 10
"""Seconds: 5 until Airflow checks for due bundles (`bundle_refresh_check_interval`), 5 to fetch, parse and write."""
_LEAST, _MOST_PARSE = 5, 30  # Airflow checks every 5 s, and parses every 30 s by default
# After a failure git-sync waits a whole period, in task pods too. Airflow gives up on a task after 600 s in the queue.
_MOST_POLL = 300
_NEVER = 86_400
_NEAR = 0.5
_LOOKED_UP = date(2026, 11, 23)


@dataclass(frozen=True)
class Intervals:
    """Intervals in seconds."""

    poll: int
    """Between two polls of the git host: git-sync's period, or the refresh of a git bundle."""
    refresh: int
    """`[dag_processor] refresh_interval`."""
    parse: int
    """`[dag_processor] min_file_process_interval`."""


@dataclass(frozen=True)
class HostLimit:
    """Published limit of a git host for git operations."""

    name: str
    ssh: int | None
    """Operations per hour over SSH; None if the host publishes no number."""
    https: int | None
    """Operations per hour over HTTPS; None if the host publishes no number."""
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
    """The shortest possible `visibleWithinSeconds`; None for DAGs in the image, which are not polled."""
    return None if delivery is DagDelivery.IMAGE else 2 * _LEAST + OVERHEAD


def spend(seconds: int, delivery: DagDelivery) -> Intervals:
    """Intervals that make a push visible within `seconds`.

    Two fifths of the time after the overhead go to looks at files (5 to 30 s), which are cheap. The rest goes to polls (at most 300 s), which
    are logins.

    Raises:
        ValueError: the time is too short; the message has the minimum.
    """
    least = least_seconds(delivery)
    if least is None:
        raise ValueError("DAGs in the image are not polled")
    if seconds < least:
        raise ValueError(f"cannot be met: the minimum for {delivery.value} is {least} seconds")
    spendable = seconds - OVERHEAD
    look = min(_MOST_PARSE, max(_LEAST, spendable * 2 // 5))
    poll = min(_MOST_POLL, spendable - look)
    return Intervals(poll, look if delivery is DagDelivery.GIT_SYNC else poll, look)


def worst_case(intervals: Intervals, delivery: DagDelivery) -> int:
    """Seconds from a push until its DAGs are listed, if it just missed every poll and look."""
    waits = (intervals.poll, max(intervals.refresh, intervals.parse))
    if delivery is DagDelivery.GIT_BUNDLE:
        waits = (intervals.refresh, intervals.parse)
    return sum(waits) + OVERHEAD


def bundle_refresh(intervals: Intervals, *, moves: bool) -> int:
    """Seconds between two refreshes of a git bundle. A commit never changes, so it is not polled."""
    return intervals.refresh if moves else _NEVER


def pollers(
    delivery: DagDelivery, executor: Executor, *, dag_processors: int, triggerers: int, schedulers: int, workers: int
) -> int:
    """Number of pods that poll the git host (chart 1.22.0; a test with the chart checks which pods have git-sync).

    Not counted: the one clone of each task pod, and the first clone of any pod.
    """
    match delivery:
        case DagDelivery.IMAGE:
            return 0
        case DagDelivery.GIT_BUNDLE:
            return dag_processors
    runs_tasks = {Executor.LOCAL: schedulers, Executor.CELERY: workers}
    return dag_processors + triggerers + runs_tasks.get(executor, 0)


def polls_per_hour(pods: int, interval: int) -> int:
    """Maximum number of logins on the git host per hour."""
    return -(-3600 * pods // interval)


def warning(host: str, *, ssh: bool, polls: int) -> str | None:
    """A warning from half of a host's published limit on, or None: other clients count towards the limit too."""
    limit = LIMITS.get(host)
    most = limit and (limit.ssh if ssh else limit.https)
    if not limit or not most or polls < most * _NEAR:
        return None
    return (
        f"DAGs are polled {polls} times an hour; {limit.name}'s limit is {most} git operations ({limit.source}, "
        f"{limit.looked_up}): raise airflow:dags.visibleWithinSeconds, or poll from fewer pods with airflow:dags.delivery gitBundle"
    )
