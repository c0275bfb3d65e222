"""No plugins work on a state that others wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxError
from sandbox.pulumi_environment import OFFICIAL, STAND_INS, _pulumi_home
from sandbox.sandbox_stack import SandboxStack

OLD = {"type": "kubernetes:core/v1:Secret", "outputs": {"kind": "Secret"}}
NEW = {"type": "kubernetes:core/v1:Secret", "outputs": {"kind": "Secret", "__inputs": {}}}


class Pulumi:
    """The command line, with the stacks and the state that a test says."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.stacks, self.resources = home, list[str](), list[dict[str, Any]]()
        self.operations: list[str] = []
        monkeypatch.setattr("sandbox.sandbox_stack._pulumi", self._asked)
        monkeypatch.setattr("subprocess.run", self._run)

    def _asked(self, home: Path, env: dict[str, str], *arguments: str, text: str = "") -> str:
        if arguments[:2] == ("stack", "init"):
            self.stacks.append(arguments[2])
        if arguments[:2] == ("stack", "ls"):
            return json.dumps([{"name": name} for name in self.stacks])
        return json.dumps({"deployment": {"resources": self.resources}})

    def _run(self, command: list[str], **options: object) -> "Pulumi":
        self.operations.append(command[1])
        return self

    returncode, stdout = 0, ""

    def open(self, plugins: str) -> SandboxStack:
        official = self.home / "official"
        home = _pulumi_home(self.home, self.home, official if plugins == OFFICIAL else None)
        return SandboxStack(self.home, "dev", self.home, {"PULUMI_HOME": str(home)})


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    (tmp_path / "Pulumi.yaml").write_text("name: test")
    return Pulumi(tmp_path, monkeypatch)


@pytest.mark.parametrize(("made", "chosen"), [(STAND_INS, OFFICIAL), (OFFICIAL, STAND_INS)])
def test_a_stack_of_other_plugins_is_refused_with_the_way_out(made: str, chosen: str, pulumi: Pulumi) -> None:
    pulumi.open(made).create()
    other = pulumi.open(chosen)
    for operation in (other.create, other.up, other.preview, other.refresh, other.destroy):
        with pytest.raises(SandboxError, match=f"deployed with {made}, and now there are {chosen}.*make down"):
            operation()
    assert pulumi.operations == []
    assert pulumi.open(made).up().ok


def test_a_stack_that_is_removed_may_be_made_anew_with_other_plugins(pulumi: Pulumi) -> None:
    pulumi.open(STAND_INS).create()
    pulumi.open(STAND_INS).remove()
    pulumi.stacks.clear()
    other = pulumi.open(OFFICIAL)
    other.create()
    assert other.up().ok


def test_a_state_from_before_is_known_by_what_it_holds(pulumi: Pulumi) -> None:
    pulumi.stacks, pulumi.resources = ["dev"], [NEW]
    pulumi.open(OFFICIAL).create()
    (pulumi.home / "dev.plugins").unlink()
    pulumi.resources = [OLD]
    for plugins in (OFFICIAL, STAND_INS):
        with pytest.raises(SandboxError, match="deployed with stand-ins of an earlier version"):
            pulumi.open(plugins).create()
