"""Last step of `up`: waits until Airflow answers, schedules, lists the branch's DAGs and has run one successfully.

An error in a DAG file does not fail `up`: it is a warning with the file and the last line of its traceback. `up` fails if Airflow cannot run
DAGs at all, with the cause that the pods show.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from rich.status import Status
from rich.text import Text

from airflow_stack.cli.console import console, duration, say
from sandbox import SandboxError
from sandbox.airflow_api import AirflowApi, AirflowApiError, TaskInstance, heartbeat_age
from sandbox.observed_run import print_observation
from sandbox.pod_watch import PodObservation

SMOKE = "smoke"
_FRESH_SECONDS = 30.0
_PERIOD = 1.0  # seconds
_LIMITS = {"API": 300.0, "scheduler": 120.0, "DAGs": 300.0, "smoke run": 420.0}  # seconds

ObservePods = Callable[[str], PodObservation]
"""Observes the pods. Of the task pods, only those of the named DAG count."""


@dataclass
class ReadyAirflow:
    """An Airflow that runs DAGs."""

    version: str = ""
    dags: list[str] = field(default_factory=list)
    tasks: list[TaskInstance] = field(default_factory=list)
    """Task instances of the smoke run. Empty if the branch has no DAG `smoke`."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Duration of each wait."""
    warnings: list[str] = field(default_factory=list)


class _NotYet(Exception):  # noqa: N818  (a state, not an error)
    """A wait goes on. The message names the missing part."""


def wait_ready(api: AirflowApi, look: ObservePods, files: Collection[str] = ()) -> ReadyAirflow:
    """Wait until Airflow runs DAGs.

    Args:
        api: Client of the Airflow.
        look: Observes its pods.
        files: DAG files of the branch, if known. Airflow must list or reject each of them.

    Raises:
        SandboxError: Airflow does not run DAGs within the time limits, or the smoke run failed.
    """
    ready = ReadyAirflow()
    run = ""

    def answers() -> None:
        ready.version = api.version()

    def schedules() -> None:
        age = heartbeat_age(api.health(), "scheduler")
        if age is None or age > _FRESH_SECONDS:
            raise _NotYet("no heartbeat yet" if age is None else f"last heartbeat {duration(age)} ago")

    def lists() -> None:
        broken = {error.file: error.trace.strip().splitlines()[-1] for error in api.import_errors()}
        listed = api.dags()
        ready.dags = sorted(listed)
        ready.warnings = [f"Airflow cannot import DAG file {file}: {trace}" for file, trace in broken.items()]
        seen = [PurePath(file) for file in (*listed.values(), *broken)]
        missing = [file for file in files if not any(path.match(file) for path in seen)]
        if missing or not seen:
            raise _NotYet(f"not listed yet: {', '.join(missing) or 'any DAG'}")

    def runs() -> None:
        nonlocal run
        run = run or api.trigger(SMOKE)
        state, ready.tasks = api.run_state(SMOKE, run), api.tasks(SMOKE, run)
        tasks = ", ".join(f"{task.task} {task.state}" for task in ready.tasks)
        if state == "failed":
            raise SandboxError(f"smoke run failed: {tasks}. For its log run `make open`: DAG {SMOKE}, run {run}")
        if state != "success":
            raise _NotYet(f"run {state}: {tasks}")

    with console.status("") as status:
        waits = _Waits(look, status, ready)
        waits.until("API", answers)
        waits.until("scheduler", schedules)
        waits.until("DAGs", lists)
        if SMOKE in ready.dags:
            waits.until("smoke run", runs, SMOKE)
        else:
            ready.warnings.append(f"no smoke run, because the branch has no DAG {SMOKE!r}")
    return ready


def dag_files(folder: Path) -> set[str]:
    """Files below a folder that Airflow parses: those with both words, `dag` and `airflow`."""
    texts = {file.relative_to(folder): file.read_text(errors="replace").lower() for file in folder.rglob("*.py")}
    return {str(file) for file, text in texts.items() if "dag" in text and "airflow" in text}


class _Waits:
    """Waits with a time limit, and shows observations meanwhile."""

    def __init__(self, look: ObservePods, status: Status, ready: ReadyAirflow) -> None:
        self._look, self._status, self._ready = look, status, ready

    def until(self, name: str, poll: Callable[[], None], dag: str = "") -> None:
        """Call `poll` until it raises neither `_NotYet` nor `AirflowApiError`."""
        began = time.monotonic()
        while True:
            try:
                poll()
                break
            except (_NotYet, AirflowApiError) as reason:
                missing = str(reason)
            seen = self._look(dag)
            print_observation(seen)
            if seen.problems:
                raise SandboxError(f"{name}: not ready, for the reason above")
            if time.monotonic() - began > _LIMITS[name]:
                limit = duration(_LIMITS[name])
                raise SandboxError(
                    f"{name}: not ready after {limit}: {missing}. Pods: {seen.summary}. For logs run `make logs`"
                )
            self._status.update(Text(f"{name}: {missing}; {seen.summary}", style="dim"))
            time.sleep(_PERIOD)
        self._ready.seconds[name] = time.monotonic() - began
        say(f"  {name}: ready after {duration(self._ready.seconds[name])}")
