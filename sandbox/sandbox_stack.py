"""Runs the `pulumi` command on a stack of the sandbox."""

import json
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli.pulumi_cli import ask_pulumi
from sandbox import SandboxError
from sandbox.observed_run import PRIVATE, Observer, run_observed
from sandbox.pulumi_environment import plugins

_EARLIER = "stand-ins of an earlier version"


@dataclass(frozen=True)
class PulumiResult:
    """Result of a Pulumi command."""

    ok: bool
    output: str
    """Output of the command. Empty if it went to the terminal."""
    changes: dict[str, int] = field(default_factory=dict)
    """Number of resources per operation: same, create, update, replace, delete."""
    steps: dict[str, list[str]] = field(default_factory=dict)
    """URNs per operation, except `same`."""


class SandboxStack:
    """A stack of the Pulumi project in `project`, with its state and settings in `home`."""

    def __init__(self, project: Path, name: str, home: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._project, self._home, self._env = project.resolve(), home.resolve(), dict(env)
        self.config_file = self._home / f"Pulumi.{name}.yaml"
        self._written_by = self._home / f"{name}.plugins"

    def create(self) -> None:
        """Create the stack unless it exists.

        Raises:
            SandboxError: Other plugins wrote its state.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._home / "pulumi").mkdir(exist_ok=True)
        # Pulumi writes settings beside Pulumi.yaml. This one directs them to `config_file`.
        name = yaml.safe_load((self._project / "Pulumi.yaml").read_text())["name"]
        (self._home / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")
        if self.name not in stacks(self._home, self._env):
            self._ask("stack", "init", self.name, "--no-select")
            self._written_by.write_text(plugins(self._env))
        self._refuse_state_of_other_plugins()

    def set_secret(self, key: str, value: str) -> None:
        """Set a secret of the stack. The value is passed on standard input."""
        self._ask("config", "set", "--secret", key, "--stack", self.name, text=value)

    def up(self, *arguments: str, live: Observer | None = None) -> PulumiResult:
        """Deploy. With `live`, print Pulumi's output and the observations, and stop on a problem that does not resolve itself."""
        return self._operate("up", "--yes", "--skip-preview", *arguments, live=live)

    def preview(self, *arguments: str, live: bool = False) -> PulumiResult:
        """Preview a deployment. `live` prints the output."""
        return self._operate("preview", *arguments, live=live)

    def refresh(self, *arguments: str) -> PulumiResult:
        """Update the state from the real resources."""
        return self._operate("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self, *, live: bool = False) -> PulumiResult:
        """Delete all resources. `live` prints the output."""
        return self._operate("destroy", "--yes", "--skip-preview", live=live)

    def unprotect(self) -> None:
        """Remove the protection of all resources."""
        self._ask("state", "unprotect", "--all", "--yes", "--stack", self.name)

    def remove(self) -> None:
        """Remove the stack from the state, even with resources, and delete its settings."""
        self._ask("stack", "rm", self.name, "--yes", "--force")
        self.config_file.unlink(missing_ok=True)
        self._written_by.unlink(missing_ok=True)

    def export(self) -> dict[str, Any]:
        """State of the stack, with encrypted secrets."""
        answer: dict[str, Any] = json.loads(self._ask("stack", "export", "--stack", self.name))
        return answer

    def outputs(self, *, secrets: bool = False) -> dict[str, Any]:
        """Outputs of the stack."""
        show = ["--show-secrets"] if secrets else []
        answer: dict[str, Any] = json.loads(self._ask("stack", "output", "--json", "--stack", self.name, *show))
        return answer

    def run(self, *arguments: str) -> PulumiResult:
        """Run a Pulumi command in the project."""
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self._project,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            umask=PRIVATE,
        )
        return PulumiResult(done.returncode == 0, done.stdout)

    def _refuse_state_of_other_plugins(self) -> None:
        """Refuse to use official plugins and stand-ins on the same state: docs/plugins.md."""
        now = plugins(self._env)
        if not self._written_by.exists():  # state of an earlier version of this project
            self._written_by.write_text(now if _is_as_official(self.export()) else _EARLIER)
        before = self._written_by.read_text()
        if before != now:
            raise SandboxError(
                f"stack {self.name} was deployed with {before}, but this machine now uses {now}, which could replace its resources "
                "or hang. Nothing was changed. Remove the sandbox with `make down` (without STACK), then run `make up`. To keep the stack, "
                "restore the former plugins: official ones need the internet, or their folder in ~/.pulumi/plugins"
            )

    def _operate(self, command: str, *arguments: str, live: Observer | bool | None = None) -> PulumiResult:
        self._refuse_state_of_other_plugins()
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder) / "events"
            words = [command, "--stack", self.name, "--config-file", str(self.config_file)]
            words += ["--event-log", str(events), "--suppress-permalink=true", *arguments]
            if callable(live):
                log = self._home / f"{command}-{self.name}.log"
                done = PulumiResult(run_observed(["pulumi", *words], self._project, self._env, log, live), "")
            elif live:
                process = subprocess.Popen(["pulumi", *words], cwd=self._project, env=self._env, umask=PRIVATE)
                done = PulumiResult(_exit_code(process) == 0, "")
            else:
                done = self.run(*words)
            return PulumiResult(done.ok, done.output, *_summary(events))

    def _ask(self, *arguments: str, text: str = "") -> str:
        return ask_pulumi(self._home, self._env, *arguments, text=text, umask=PRIVATE)


def stacks(home: Path, env: Mapping[str, str]) -> list[str]:
    """Names of the stacks with state in `home`."""
    if not (home / "Pulumi.yaml").exists():
        return []
    return [stack["name"] for stack in json.loads(ask_pulumi(home, env, "stack", "ls", "--json", umask=PRIVATE))]


def _exit_code(process: subprocess.Popen[bytes]) -> int:
    """Wait for Pulumi, also after an interrupt: Pulumi receives it too, and releases its lock before it exits."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _summary(events: Path) -> tuple[dict[str, int], dict[str, list[str]]]:
    changes: dict[str, int] = {}
    steps: dict[str, list[str]] = defaultdict(list)
    for event in map(json.loads, events.read_text().splitlines() if events.exists() else []):
        if "summaryEvent" in event:
            changes = event["summaryEvent"]["resourceChanges"] or {}
        elif "resourcePreEvent" in event:
            metadata = event["resourcePreEvent"]["metadata"]
            steps[metadata["op"]].append(metadata["urn"])
    steps.pop("same", None)
    return changes, dict(steps)


def _is_as_official(state: Mapping[str, Any]) -> bool:
    """Whether the state has no Kubernetes objects, or has them in the official plugin's form."""
    resources = state["deployment"].get("resources") or []
    objects = [each for each in resources if each["type"].startswith("kubernetes:") and each.get("outputs")]
    return all("__inputs" in each["outputs"] for each in objects)
