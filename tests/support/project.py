"""A separate checkout with its own sandbox, used like by a user: command line, stack file, `git push` and Airflow's API.

`wait_for` waits for a condition with a time limit, and reports the last observation.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import lightkube
import pytest
import yaml
from lightkube import Client, KubeConfig
from lightkube.resources.core_v1 import Event, Pod, Secret

from sandbox.airflow_api import AirflowApi, AirflowApiError, TaskInstance
from sandbox.node import NodeCluster
from sandbox.node.machine import hierarchies

ROOT = Path(__file__).parents[2]
AIRFLOW_STACK = str(Path(sys.executable).with_name("airflow-stack"))
NAMESPACE = "airflow"
_PERIOD = 0.5  # seconds
_COMMAND_SECONDS = 1200
_GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
Seen = TypeVar("Seen")


def wait_for(
    what: str, look: Callable[[], Seen], enough: Callable[[Seen], object] = bool, seconds: float = 120
) -> float:
    """Call `look` until its result is enough. Returns the seconds."""
    began = time.monotonic()
    while True:
        try:
            seen: object = (found := look())
            if enough(found):
                return time.monotonic() - began
        except (AirflowApiError, lightkube.ApiError, httpx2.TransportError) as error:
            seen = error
        if time.monotonic() - began > seconds:
            pytest.fail(f"{what}: not within {seconds:.0f} s; seen last: {seen}")
        time.sleep(_PERIOD)


def holds(what: str, seconds: float, look: Callable[[], object]) -> None:
    """Check that a result stays unchanged."""
    end = time.monotonic() + seconds
    first = look()
    while time.monotonic() < end:
        assert (seen := look()) == first, f"{what}: {first} became {seen}"
        time.sleep(_PERIOD)


class Airflow(AirflowApi):
    """API of one Airflow, with requests that only tests need."""

    def connect(self, name: str, password: str) -> None:
        """Create a connection."""
        extra = f'{{"note": "{name}"}}'
        body = {"connection_id": name, "conn_type": "generic", "password": password, "extra": extra}
        self._call("POST", "/api/v2/connections", body)

    def note(self, name: str) -> str:
        """Extra field of a connection, which is stored encrypted."""
        return str(self._call("GET", f"/api/v2/connections/{name}")["extra"])

    def title(self) -> str:
        """Name of the deployment on every page of the UI."""
        return str(self._call("GET", "/ui/config")["instance_name"])

    def set_variable(self, key: str, value: str) -> None:
        """Create a variable."""
        self._call("POST", "/api/v2/variables", {"key": key, "value": value})

    def ends_green(self, dag: str, run: str, seconds: float = 300) -> list[TaskInstance]:
        """Wait until a run has succeeded."""

        def look() -> tuple[str, list[TaskInstance]]:
            return self.run_state(dag, run), self.tasks(dag, run)

        wait_for(f"the end of the run {run} of {dag}", look, lambda seen: seen[0] in ("success", "failed"), seconds)
        state, tasks = look()
        assert state == "success", tasks
        return tasks


class Project:
    """A copy of this checkout with its own sandbox."""

    def __init__(self, folder: Path, cluster: str) -> None:
        self.folder, self.state = folder, folder / ".state"
        self._cluster = cluster
        self._file = folder / "Pulumi.dev.yaml"
        self._settings = self._file.read_text()
        self._env = {**os.environ, "PYTHONPATH": str(folder)}
        self._airflow: Airflow | None = None
        self._control_group = NodeCluster(self.state / "cluster")._cgroup
        self.traces_before = self.traces()

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a command of the project. Its messages are in `stdout`."""
        return self._run([sys.executable, *words], env or {})

    @classmethod
    def copy(cls, folder: Path, cluster: str) -> "Project":
        """Copy this checkout without generated files."""
        ignored = shutil.ignore_patterns(".state", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, folder, ignore=ignored)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        return cls(folder, cluster)

    def pulumi(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run plain Pulumi on the stack. Its messages are in `stdout`."""
        command = ["pulumi", *words, "--stack", "dev", "--non-interactive", "--config-file", str(self.stack_settings)]
        return self._run(command, self._sandbox_env())

    def _run(self, command: list[str], env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self._env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )

    @property
    def stack_settings(self) -> Path:
        """Settings of the stack, completed by the sandbox."""
        return self.state / "cluster" / "stacks" / "Pulumi.dev.yaml"

    def _sandbox_env(self) -> dict[str, str]:
        lines = self.sandbox("env").splitlines()
        return dict(shlex.split(line)[1].split("=", 1) for line in lines)

    def airflow_stack(self, command: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `airflow-stack` on the stack, like a user after `eval "$(make env)"`."""
        return self.run(AIRFLOW_STACK, command, "--stack", "dev", *words, env=self._sandbox_env())

    def sandbox(self, *words: str) -> str:
        """Run a command of the sandbox, which must succeed. Returns its output."""
        done = self.run("-m", "sandbox", *words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    @property
    def up_command(self) -> list[str]:
        """Command that deploys the stack."""
        return ["-m", "sandbox", "up", "--stack", "dev", "--cluster", self._cluster, "--yes"]

    def up(self, **changes: Any) -> str:
        """Deploy with changed settings. Returns the output."""
        self.configure(**changes)
        return self.sandbox(*self.up_command[2:])

    def start_up(self, log: Path) -> "subprocess.Popen[bytes]":
        """Start a deployment."""
        words = [sys.executable, *self.up_command]
        with log.open("w") as output:
            return subprocess.Popen(words, cwd=self.folder, env=self._env, stdout=output, stderr=output)

    def configure(self, **changes: Any) -> None:
        """Replace settings in the stack's file."""
        content = yaml.safe_load(self._file.read_text())
        content["config"] |= {f"airflow:{key}": value for key, value in changes.items()}
        self._file.write_text(yaml.safe_dump(content))
        self._airflow = None  # the password may change

    def reset(self) -> None:
        """Revert all changes of settings."""
        self._file.write_text(self._settings)

    def setting(self, key: str) -> Any:
        """A setting in the stack's file."""
        return yaml.safe_load(self._file.read_text())["config"].get(f"airflow:{key}", {})

    def preview_is_unchanged(self) -> None:
        """Check that a preview has no changes."""
        output = self.sandbox("preview")
        assert re.search(r"Resources:\s+\d+ unchanged\s*$", output), output

    def login(self) -> dict[str, str]:
        """Page, user and password, from `make open`."""
        return dict(line.split(maxsplit=1) for line in self.sandbox("open").splitlines())

    @property
    def airflow(self) -> Airflow:
        """API of the stack's Airflow, with its admin user."""
        if self._airflow is None:
            login = self.login()
            self._airflow = Airflow(login["page"], login["user"], login["password"])
        return self._airflow

    @property
    def kubernetes(self) -> Client:
        """Client with all permissions on the cluster."""
        config = KubeConfig.from_file(self.state / "cluster" / "kubeconfig")
        return Client(config, namespace=NAMESPACE, field_manager="tests", trust_env=False)

    def push(self, files: Mapping[str, str | None], branch: str = "main", base: str = "") -> None:
        """Commit DAG files or their removal, and push them by path. A new branch starts at `base`."""
        with tempfile.TemporaryDirectory() as folder:
            self._git("clone", "--quiet", "--branch", base or branch, str(self.state / "git" / "dags.git"), folder)
            for name, text in files.items():
                file = Path(folder, "dags", name)
                file.unlink() if text is None else file.write_text(text)
            self._git("-C", folder, "add", "--all")
            self._git("-C", folder, "commit", "--quiet", "--message", f"Change {', '.join(files)}")
            self._git("-C", folder, "push", "--quiet", "origin", f"HEAD:{branch}")

    def _git(self, *words: str) -> None:
        subprocess.run([*_GIT, *words], check=True)

    def pods(self) -> list[Pod]:
        """All pods of the stack that are not terminating."""
        pods = self.kubernetes.list(Pod)
        return [pod for pod in pods if pod.metadata and not pod.metadata.deletionTimestamp]

    def restarts(self) -> dict[str, int]:
        """Restart counts of restarted containers, and failed pods."""
        counts: dict[str, int] = {}
        for pod in self.pods():
            name, status = (pod.metadata.name if pod.metadata else ""), pod.status
            if status is None:
                continue
            for each in [*(status.initContainerStatuses or []), *(status.containerStatuses or [])]:
                if each.restartCount:
                    counts[f"{name}/{each.name}"] = each.restartCount
            if status.phase == "Failed":
                counts[f"{name} failed"] = 1
        return counts

    def observations(self) -> str:
        """Containers that ended badly or are not ready, and the last warnings."""
        lines = []
        for pod in self.kubernetes.list(Pod):
            name, status = (pod.metadata.name if pod.metadata else ""), pod.status
            for each in [
                *((status and status.initContainerStatuses) or []),
                *((status and status.containerStatuses) or []),
            ]:
                states = [state for state in (each.state, each.lastState) if state]
                ends = [state.terminated for state in states if state.terminated and state.terminated.exitCode]
                waits = [state.waiting.reason for state in states if state.waiting]
                reasons = [*waits, *(f"{end.reason} {end.exitCode} at {end.finishedAt}" for end in ends)]
                if reasons or each.restartCount:
                    lines.append(f"{name}/{each.name}: {each.restartCount} restarts, {', '.join(map(str, reasons))}")
        warnings = [event for event in self.kubernetes.list(Event) if event.type == "Warning"]
        for event in sorted(warnings, key=lambda event: str(event.lastTimestamp))[-20:]:
            lines.append(f"{event.lastTimestamp} {event.involvedObject.name}: {event.message}")
        return "\n".join(lines)

    def secrets(self) -> dict[str, Mapping[str, str]]:
        """Content of all Secrets except Helm's records."""
        secrets = self.kubernetes.list(Secret)
        return {s.metadata.name or "": s.data or {} for s in secrets if s.metadata and s.type != "helm.sh/release.v1"}

    def traces(self) -> dict[str, set[str]]:
        """Traces of a running sandbox on the machine."""
        return {
            "processes": {process.name for process in Path("/proc").iterdir() if self._is_ours(process)},
            "mounts": {line for line in Path("/proc/self/mounts").read_text().splitlines() if str(self.folder) in line},
            "control groups": {str(group) for root in hierarchies() for group in root.glob(self._control_group)},
            "interfaces": {line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:]},
            "rules": _lines("nft", "list", "tables") | _lines("ip", "rule") | _lines("ip", "route"),
            "state": {str(path) for path in self.state.glob("*")},
        }

    def _is_ours(self, process: Path) -> bool:
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            return False
        return str(self.folder).encode() in told and process.name != str(os.getpid())

    def assert_gone(self) -> None:
        """Check that the machine has no new traces."""
        left = {kind: sorted(found - self.traces_before[kind]) for kind, found in self.traces().items()}
        assert not any(left.values()), f"left behind: {left}"


def _lines(*command: str) -> set[str]:
    """Output lines of a command. Empty if it is not installed."""
    try:
        return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())
    except FileNotFoundError:
        return set()
