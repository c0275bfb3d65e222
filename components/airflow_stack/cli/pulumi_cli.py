"""The Pulumi command: reads and writes a stack. Does not interpret the state."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_stack.cli import given_yaml
from airflow_stack.cli.progress import waiting
from airflow_stack.cli.pulumi_state import State
from airflow_stack.cli.stack_names import short_name
from airflow_stack.errors import UserError


class PulumiStack:
    """One stack. Every method raises `UserError` if Pulumi is missing or its command fails.

    Args:
        name: Name of the stack.
        project: Folder with Pulumi.yaml.
        env: Environment of Pulumi.
    """

    def __init__(self, name: str, project: Path, env: Mapping[str, str]) -> None:
        short_name(name)
        self.name, self.env = name, env
        self._folder = project.resolve()
        self.project = _project_name(self._folder / "Pulumi.yaml")

    def state(self, *, decrypted: bool = False) -> State:
        """Export the state; works on a locked stack too."""
        show = ["--show-secrets"] if decrypted else []
        state: State = json.loads(self._ask("stack", "export", "--stack", self.name, *show))
        return state

    def write(self, state: State) -> None:
        """Import a state. Pulumi takes the lock, checks the state and removes all pending operations."""
        self._ask("stack", "import", "--stack", self.name, text=json.dumps(state))

    def cancel(self) -> None:
        """Remove every lock of the stack."""
        self._ask("cancel", "--yes", "--stack", self.name)

    def remove_truncated_files(self) -> list[str]:
        """Delete the sidecar files that a kill has truncated; return their names.

        In a folder backend (`file://`) each file has a sidecar `.attrs` with its content type and checksum, which is not written
        atomically. Pulumi cannot read a state with a truncated one ("failed to load checkpoint: EOF"), and needs none.
        """
        if not self._backend.startswith("file://"):
            return []
        folder = Path(self._absolute(self._backend).removeprefix("file://").partition("?")[0]).expanduser() / ".pulumi"
        name = self.name.rsplit("/", 1)[-1]
        patterns = (f"stacks/{self.project}/{name}.json*.attrs", f"locks/organization/{self.project}/{name}/*.attrs")
        truncated = [file for pattern in patterns for file in folder.glob(pattern) if not _is_json(file)]
        for file in truncated:
            file.unlink(missing_ok=True)
        return [file.name for file in truncated]

    def setting(self, key: str) -> str:
        """Read one setting, decrypted."""
        return self._ask("config", "get", key, "--stack", self.name).strip()

    def lock(self) -> str:
        """Pulumi's message about the lock; empty if the stack is not locked.

        Pulumi has no command that shows the lock. `stack init` of an existing stack takes it first and then changes nothing, with every
        folder and bucket. Pulumi Cloud shows no lock, but whether an update is in progress.
        """
        url = self._backend
        if url.startswith(("https://", "http://")):
            stacks: list[dict[str, Any]] = json.loads(self._ask("stack", "ls", "--json"))
            name = self.name.rsplit("/", 1)[-1]
            busy = any(s["name"].rsplit("/", 1)[-1] == name and s.get("updateInProgress") for s in stacks)
            return "an update is in progress" if busy else ""
        with tempfile.TemporaryDirectory() as folder:  # `init` may write a stack file beside Pulumi.yaml
            (Path(folder) / "Pulumi.yaml").write_text(f"name: {self.project}\nruntime: python\n")
            env = {**self.env, "PULUMI_BACKEND_URL": self._absolute(url), "PULUMI_CONFIG_PASSPHRASE": "not used"}
            answer = _run(Path(folder), env, "stack", "init", self.name, "--no-select")
        if "locked" in answer.stderr:
            return answer.stderr
        if "already exists" in answer.stderr:
            return ""
        raise UserError(f"the lock of stack {self.name!r} is not readable: {_message(answer)}")

    @cached_property
    def _backend(self) -> str:
        """URL of the backend."""
        return str(json.loads(self._ask("whoami", "--json"))["url"])

    def _absolute(self, url: str) -> str:
        place = url.removeprefix("file://")
        return url if place == url or place[:1] in "/~" else f"file://{self._folder / place}"

    def _ask(self, *arguments: str, text: str = "") -> str:
        return ask_pulumi(self._folder, self.env, *arguments, text=text)


def ask_pulumi(folder: Path, env: Mapping[str, str], *arguments: str, text: str = "", umask: int = -1) -> str:
    """Output of a Pulumi command.

    Args:
        folder: Folder with a Pulumi.yaml.
        env: Environment of the command.
        arguments: Command and options.
        text: Standard input.
        umask: For the files that Pulumi writes; -1 keeps the process's own.

    Raises:
        UserError: Pulumi was not found, or the command failed.
    """
    done = _run(folder, env, *arguments, text=text, umask=umask)
    if done.returncode != 0:
        raise UserError(f"`pulumi {' '.join(arguments[:2])}` failed: {_message(done)}")
    return done.stdout


def _run(
    folder: Path, env: Mapping[str, str], *arguments: str, text: str = "", umask: int = -1
) -> subprocess.CompletedProcess[str]:
    pulumi = shutil.which("pulumi", path=env.get("PATH"))
    if pulumi is None:
        raise UserError("Pulumi was not found on PATH; install it: https://www.pulumi.com/docs/iac/download-install/")
    command = [pulumi, *arguments, "--non-interactive", "--color", "never"]
    with waiting(f"waiting for `pulumi {' '.join(arguments[:2])}`"):
        return subprocess.run(
            command, cwd=folder, env=env, input=text, capture_output=True, text=True, check=False, umask=umask
        )


def _project_name(file: Path) -> str:
    if not file.exists():
        raise UserError(f"{file.parent} has no Pulumi.yaml\n    fix: run this command in the folder of the stack files")
    project = given_yaml.document(file)
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        raise UserError(f"{file} has no name\n    fix: give the project a name, such as `name: airflow`")
    return str(project["name"])


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    return True


def _message(answer: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"^error: ", "", (answer.stderr.strip() or answer.stdout.strip()))
