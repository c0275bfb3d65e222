"""The few Pulumi commands by which `recover` reads and mends a stack. Knows nothing of what is in the state."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.errors import UserError

State = dict[str, Any]
"""What `pulumi stack export` prints; secrets in it are encrypted."""


class PulumiStack:
    """A stack of the project in `project`, by the `pulumi` command."""

    def __init__(self, name: str, project: Path, env: Mapping[str, str]) -> None:
        self.name, self.env = name, env
        self._folder = project.resolve()
        self.project: str = yaml.safe_load((self._folder / "Pulumi.yaml").read_text())["name"]

    def state(self, *, decrypted: bool = False) -> State:
        """Read the state; a locked stack's too."""
        show = ["--show-secrets"] if decrypted else []
        state: State = json.loads(self._ask("stack", "export", "--stack", self.name, *show))
        return state

    def write(self, state: State) -> None:
        """Write the state back. Pulumi takes the lock for it, checks the state and drops all pending operations."""
        self._ask("stack", "import", "--stack", self.name, text=json.dumps(state))

    def cancel(self) -> None:
        """Remove every lock of the stack."""
        self._ask("cancel", "--yes", "--stack", self.name)

    def drop_torn(self) -> list[str]:
        """Delete the sidecar files that a kill cut short, and name them.

        Where the state is in a folder (`file://`), each file has an `.attrs` beside it with its content type and checksum. That one is
        not written at once, and while it is torn Pulumi reads nothing ("failed to load checkpoint: EOF"); without it all is well.
        """
        if not self._backend.startswith("file://"):
            return []
        place = Path(self._absolute(self._backend).removeprefix("file://").partition("?")[0]).expanduser() / ".pulumi"
        name = self.name.rsplit("/", 1)[-1]
        own = (f"stacks/{self.project}/{name}.json*.attrs", f"locks/organization/{self.project}/{name}/*.attrs")
        torn = [file for pattern in own for file in place.glob(pattern) if not _is_json(file)]
        for file in torn:
            file.unlink(missing_ok=True)
        return [file.name for file in torn]

    def setting(self, key: str) -> str:
        """Read one setting, decrypted."""
        return self._ask("config", "get", key, "--stack", self.name).strip()

    def lock(self) -> str:
        """Pulumi's own words on who holds the stack; empty when nobody does.

        No command only asks. Of those that need the lock, `stack init` of a stack that exists takes it first and then changes nothing, in
        whatever bucket the state is. Pulumi Cloud has no lock to show, but says that an update is in progress.
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
        raise UserError(f"who holds stack {self.name!r} could not be found out: {_last_words(answer)}")

    @cached_property
    def _backend(self) -> str:
        """Where the state is; it does not change while a command runs."""
        return str(json.loads(self._ask("whoami", "--json"))["url"])

    def _absolute(self, url: str) -> str:
        place = url.removeprefix("file://")
        return url if place == url or place[:1] in "/~" else f"file://{self._folder / place}"

    def _ask(self, *arguments: str, text: str = "") -> str:
        return ask_pulumi(self._folder, self.env, *arguments, text=text)


def ask_pulumi(folder: Path, env: Mapping[str, str], *arguments: str, text: str = "", umask: int = -1) -> str:
    """What a Pulumi command prints.

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
        raise UserError(f"`pulumi {' '.join(arguments[:2])}` failed: {_last_words(done)}")
    return done.stdout


def _run(
    folder: Path, env: Mapping[str, str], *arguments: str, text: str = "", umask: int = -1
) -> subprocess.CompletedProcess[str]:
    pulumi = shutil.which("pulumi", path=env.get("PATH"))
    if pulumi is None:
        raise UserError("Pulumi is needed and was not found on PATH")
    command = [pulumi, *arguments, "--non-interactive", "--color", "never"]
    return subprocess.run(
        command, cwd=folder, env=env, input=text, capture_output=True, text=True, check=False, umask=umask
    )


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text())
    except ValueError:
        return False
    return True


def _last_words(answer: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"^error: ", "", (answer.stderr.strip() or answer.stdout.strip()))
