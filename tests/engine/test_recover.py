"""`kill -9` of `pulumi up` with its plugins, then `airflow-stack recover` and `up`: nothing is lost, nothing restarts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube import ApiError, Client
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Namespace, Secret

from airflow_stack.cli.process_table import processes
from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster

ROOT = Path(__file__).parents[2]
CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
NAMESPACE = "recover"
SETTINGS = {
    "airflow:namespace": NAMESPACE,
    "airflow:dags": {"repository": "https://github.com/acme/dags.git"},
    "airflow:database": {"inCluster": {"storage": "1Gi"}},
    "airflow:chart": {"path": CHART},
}


class Killable:
    """A stack whose `up` can be killed, and the environment for `recover`."""

    def __init__(self, stack: SandboxStack, env: dict[str, str], client: Client) -> None:
        self.stack, self._env, self._client = stack, env, client

    def configure(self, **changes: Any) -> None:
        content = yaml.safe_load(self.stack.config_file.read_text()) or {}
        content["config"] = {**SETTINGS, **{f"airflow:{key}": value for key, value in changes.items()}}
        self.stack.config_file.write_text(yaml.safe_dump(content))

    def start(self) -> "subprocess.Popen[str]":
        command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", self.stack.name]
        command += ["--config-file", str(self.stack.config_file)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, env=self._env, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def start_until(self, seen: Callable[[], bool]) -> "subprocess.Popen[str]":
        process = self.start()
        while not seen():
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        return process

    def killed(self, seen: Callable[[], bool]) -> None:
        with self.start_until(seen) as process:
            kill(process.pid)
            process.communicate()

    def recover(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [
            str(Path(sys.executable).with_name("airflow-stack")),
            "recover",
            "--stack",
            self.stack.name,
            *arguments,
        ]
        none = subprocess.DEVNULL
        return subprocess.run(command, cwd=ROOT, env=self._env, stdin=none, capture_output=True, text=True, check=False)

    def repaired(self) -> str:
        """Run `recover`, and check that it changed no key and no workload."""
        keys, workloads = self.keys(), self.workloads()
        done = self.recover("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"pulumi up --stack {self.stack.name}" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        assert self.keys() == keys
        assert self.workloads() == workloads, "pods would be replaced"
        return done.stdout

    def ends_unchanged(self, keys: dict[str, Any]) -> None:
        up = self.stack.up()
        assert up.ok, up.output
        assert "pending operations" not in up.output
        assert set(self.stack.preview().changes) == {"same"}
        now = self.keys()
        assert {name: now[name] for name in keys} == keys

    def exists(self, kind: Any, name: str) -> bool:
        try:
            self._client.get(kind, name, namespace=NAMESPACE)
        except ApiError:
            return False
        return True

    def has_job(self, component: str) -> bool:
        return bool(list(self._client.list(Job, namespace=NAMESPACE, labels={"component": component})))

    def helm_is(self, status: str) -> bool:
        return bool(list(self._client.list(Secret, namespace=NAMESPACE, labels={"owner": "helm", "status": status})))

    def keys(self) -> dict[str, Any]:
        secrets = self._client.list(Secret, namespace=NAMESPACE)
        return {s.metadata.name or "": s.data for s in secrets if s.metadata and s.type != "helm.sh/release.v1"}

    def workloads(self) -> dict[str, int]:
        """Workloads with the generation of their specification, which a running rollout does not change."""
        kinds: tuple[Any, ...] = (Deployment, StatefulSet, Job)
        found = [each.metadata for kind in kinds for each in self._client.list(kind, namespace=NAMESPACE)]
        return {metadata.uid: metadata.generation for metadata in found}


def kill(root: int) -> None:
    """Kill a process and its descendants at once: all are stopped before the first is killed."""
    stopped: set[int] = set()
    while new := {root, *(p.pid for p in processes() if p.parent in stopped)} - stopped:
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def killable(cluster: SimulatedCluster, client: Client, open_stack: Callable[..., SandboxStack]) -> Iterator[Killable]:
    stack = open_stack("dev")
    env = environment(ROOT, stack.config_file.parent, cluster.kubeconfig, toolchain.cache_folder())
    yield Killable(stack, env, client)
    gone = stack.destroy()
    assert gone.ok, gone.output


def test_a_repeatedly_killed_install_ends_like_an_undisturbed_one(killable: Killable) -> None:
    killable.configure()
    moments: list[tuple[str, Callable[[], bool]]] = [
        ("after the namespace", lambda: killable.exists(Namespace, NAMESPACE)),
        ("among the Secrets", lambda: killable.exists(Secret, "airflow-fernet-key")),
        ("during the migration", lambda: killable.has_job("migrate-database")),
        ("during the user Job", lambda: killable.has_job("create-user")),  # Helm may have started
        ("in Helm's install", lambda: killable.helm_is("pending-install")),
    ]
    keys: dict[str, Any] = {}
    installed: dict[str, int] = {}
    for moment, seen in moments:
        killable.killed(seen)
        in_install = killable.helm_is("pending-install")  # takes a second or two
        reported = killable.repaired()
        assert "locked" in reported, moment
        keys |= {name: data for name, data in killable.keys().items() if name not in keys}
        if moment == "in Helm's install":
            assert ("pending-install" in reported) == in_install
            installed = killable.workloads()
    killable.ends_unchanged(keys)
    now = killable.workloads()
    assert {uid: now[uid] for uid in installed} == installed, "Helm keeps its objects; nothing restarts"


def test_a_killed_upgrade_continues_without_a_restart(killable: Killable) -> None:
    killable.configure()
    assert killable.stack.up().ok
    keys = killable.keys()
    killable.configure(rotation={"jwt": 2}, environment={"TEAM": "data"})  # changes Secrets, a Job and the release
    killable.killed(lambda: killable.helm_is("pending-upgrade"))
    in_upgrade = killable.helm_is("pending-upgrade")
    assert ("pending-upgrade" in killable.repaired()) == in_upgrade
    again = killable.recover()
    assert (again.returncode, again.stdout.count("\n")) == (0, 1), again.stdout
    killable.ends_unchanged({name: data for name, data in keys.items() if "jwt" not in name})


def test_a_running_update_is_not_disturbed(killable: Killable) -> None:
    killable.configure(dags={**SETTINGS["airflow:dags"], "branch": "develop"})  # type: ignore[dict-item]
    with killable.start_until(lambda: killable.helm_is("pending-upgrade")) as process:
        os.kill(process.pid, signal.SIGSTOP)  # so that it still runs when `recover` answers
        refused = killable.recover("--yes")
        os.kill(process.pid, signal.SIGCONT)
        output = process.communicate()[0]
    assert refused.returncode == 1
    assert f"process {process.pid}, since 20" in refused.stdout
    assert process.returncode == 0, output
    assert set(killable.stack.preview().changes) == {"same"}
