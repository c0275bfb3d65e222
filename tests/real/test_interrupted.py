"""`kill -9` of `pulumi up` at eleven moments, each followed by `recover`: no key changes, no pod restarts, nothing is missing."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import lightkube
import pytest
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Namespace, Secret

from airflow_stack.cli.process_table import processes
from tests.support.project import NAMESPACE, Project, wait_for

pytestmark = pytest.mark.real

MIGRATION, USER, ROLLOUT = "migrate-database", "create-user", "rollout"
Moment = Callable[["Interrupted"], bool]


class Interrupted:
    """A stack whose `up` is killed repeatedly."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.keys: dict[str, Any] = {}
        self.jobs: dict[str, str | None] = {}

    def kill_when(self, seen: Moment, *, alone: bool) -> None:
        """Kill `pulumi` at a given moment, alone or with its parents and children."""
        log = self.project.folder / "up.log"
        up = self.project.start_up(log)
        # Without a lock there is nothing to repair, and the condition may stem from the previous `up`.
        while not self.is_locked() or not any(map(is_language_host, below(up.pid))) or not self._is(seen):
            assert up.poll() is None, f"the moment never came:\n{log.read_text()}"
            time.sleep(0.05)
        everything = [up.pid, *below(up.pid)]
        for pid in [pid for pid in everything if is_update(pid) or is_language_host(pid)] if alone else everything:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert up.wait(60) != 0, log.read_text()
        # A plugin without `pulumi` completes its request, such as that of Helm, before it exits.
        wait_for("the end of the plugins", lambda: not any(map(is_plugin, everything)), seconds=300)

    def is_locked(self) -> bool:
        """Whether Pulumi holds the lock of the stack."""
        return any((self.project.stack_settings.parent / "pulumi" / ".pulumi" / "locks").rglob("*.json"))

    def repair(self) -> str:
        """Run `recover`, and check that it changed no key and no workload, and restarted nothing."""
        keys, before, counts = self.project.secrets(), self.workloads(), self.project.restarts()
        done = self.project.airflow_stack("recover", "--yes")
        assert done.returncode == 0, done.stdout
        assert self.project.secrets() == keys
        assert self.workloads() == before
        assert self.project.restarts() == counts
        self.keys |= {name: data for name, data in keys.items() if name not in self.keys}
        return done.stdout

    def ends_unchanged(self) -> None:
        """Deploy without interruption."""
        self.project.up()
        self.project.preview_is_unchanged()
        now = self.project.secrets()
        assert {name: now[name] for name in self.keys} == self.keys
        self.jobs = {component: self.job(component) for component in (MIGRATION, USER, ROLLOUT)}

    def workloads(self) -> dict[str, int]:
        """Workloads with their generations."""
        kubernetes = self.project.kubernetes
        found: list[Any] = [*kubernetes.list(Deployment), *kubernetes.list(StatefulSet), *kubernetes.list(Job)]
        return {each.metadata.uid: each.metadata.generation for each in found}

    def uid(self, kind: Any, name: str) -> str | None:
        """Uid of an object. None if it does not exist."""
        try:
            return str(self.project.kubernetes.get(kind, name).metadata.uid)
        except lightkube.ApiError:
            return None

    def job(self, component: str) -> str | None:
        """Uid of the newest Job of a component. None if there is none."""
        found = [
            each.metadata
            for each in self.project.kubernetes.list(Job, labels={"component": component})
            if each.metadata
        ]
        newest = max(found, key=lambda metadata: str(metadata.creationTimestamp), default=None)
        return newest.uid if newest else None

    def _is(self, seen: Moment) -> bool:
        try:
            return seen(self)
        except (OSError, lightkube.LoadResourceError, lightkube.ApiError, httpx2.TransportError):
            return False  # the cluster does not run yet


def below(root: int) -> list[int]:
    """Descendants of a process."""
    known = list(processes())
    found = {root}
    while new := {each.pid for each in known if each.parent in found} - found:
        found |= new
    return sorted(found - {root})


def is_update(pid: int) -> bool:
    return command_of(pid).startswith("pulumi\0up\0")


def is_language_host(pid: int) -> bool:
    """Whether a process is a language host. Without `pulumi` it idles for up to five minutes before it exits."""
    return "pulumi-language-" in command_of(pid)


def is_plugin(pid: int) -> bool:
    return "pulumi-resource-" in command_of(pid)


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def exists(kind: Any, name: str) -> Moment:
    return lambda stack: stack.uid(kind, name) is not None


def helm_is(status: str) -> Moment:
    def seen(stack: Interrupted) -> bool:
        labels = {"owner": "helm", "status": status}
        return bool(list(stack.project.kubernetes.list(Secret, namespace=NAMESPACE, labels={**labels})))

    return seen


def runs(job: str) -> Moment:
    return lambda stack: stack.job(job) is not None


def is_new(job: str) -> Moment:
    return lambda stack: stack.job(job) not in (None, stack.jobs[job])


INSTALL: dict[str, Moment] = {
    "the namespace is made": exists(Namespace, NAMESPACE),
    "keys are made": exists(Secret, "airflow-fernet-key"),
    "the database starts": exists(StatefulSet, "airflow-database"),
    "the migration starts": runs(MIGRATION),
    "the user is made": runs(USER),
    "Helm installs": helm_is("pending-install"),
    "the rollout is awaited": runs(ROLLOUT),
}
UPGRADE: dict[str, Moment] = {
    "the migration starts again": is_new(MIGRATION),
    "the user is made again": is_new(USER),
    "Helm upgrades": helm_is("pending-upgrade"),
    "pods are replaced": is_new(ROLLOUT),
}


@pytest.fixture(scope="module")
def stack(project: Project) -> Iterator[Interrupted]:
    """A stack that was never deployed."""
    project.sandbox("down")
    project.reset()
    yield Interrupted(project)
    project.sandbox("down")
    project.assert_gone()


def test_an_install_killed_at_seven_moments_ends_like_an_undisturbed_one(stack: Interrupted) -> None:
    for number, (moment, seen) in enumerate(INSTALL.items()):
        stack.kill_when(seen, alone=number % 2 == 0)
        assert "locked" in stack.repair(), moment
    stack.ends_unchanged()
    assert stack.project.restarts() == {}


def test_an_upgrade_killed_at_four_moments_continues(stack: Interrupted) -> None:
    if not stack.jobs:
        stack.ends_unchanged()
    stack.project.airflow.connect("before", "a password")
    stack.project.configure(rotation={"jwt": 2, "adminPassword": 2}, environment={"TEAM": "data"})
    for name in ("airflow-jwt-secret", "airflow-admin"):
        stack.keys.pop(name, None)  # two Secrets that the upgrade changes
    for number, (moment, seen) in enumerate(UPGRADE.items()):
        stack.kill_when(seen, alone=number % 2 == 0)
        assert "locked" in stack.repair(), moment
    stack.ends_unchanged()
    assert stack.project.restarts() == {}
    assert stack.project.airflow.note("before") == '{"note": "before"}'
