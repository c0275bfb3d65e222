"""Official plugins and stand-ins never work on the same state."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import SandboxError
from sandbox.pulumi_environment import OFFICIAL, STAND_INS, _pulumi_home
from sandbox.sandbox_stack import SandboxStack
from tests.support.golden import Golden

OLD = {"type": "kubernetes:core/v1:Secret", "outputs": {"kind": "Secret"}}
NEW = {"type": "kubernetes:core/v1:Secret", "outputs": {"kind": "Secret", "__inputs": {}}}


class Pulumi:
    """The `pulumi` command with stacks and state of the test."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.stacks, self.resources = home, list[str](), list[dict[str, Any]]()
        self.operations: list[str] = []
        monkeypatch.setattr("sandbox.sandbox_stack.ask_pulumi", self._asked)
        monkeypatch.setattr("subprocess.run", self._run)

    def _asked(self, home: Path, env: dict[str, str], *arguments: str, text: str = "", umask: int = -1) -> str:
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
def test_a_stack_of_other_plugins_is_refused_with_the_fix(
    made: str, chosen: str, pulumi: Pulumi, golden: Golden
) -> None:
    pulumi.open(made).create()
    other = pulumi.open(chosen)
    for operation in (other.create, other.up, other.preview, other.refresh, other.destroy):
        with pytest.raises(SandboxError) as refused:
            operation()
        assert str(refused.value) == golden(name="message")
    assert pulumi.operations == []
    assert pulumi.open(made).up().ok


def test_a_removed_stack_can_be_created_with_other_plugins(pulumi: Pulumi) -> None:
    pulumi.open(STAND_INS).create()
    pulumi.open(STAND_INS).remove()
    pulumi.stacks.clear()
    other = pulumi.open(OFFICIAL)
    other.create()
    assert other.up().ok


def test_the_plugins_of_an_older_state_are_recognized_by_its_content(pulumi: Pulumi) -> None:
    pulumi.stacks, pulumi.resources = ["dev"], [NEW]
    pulumi.open(OFFICIAL).create()
    (pulumi.home / "dev.plugins").unlink()
    pulumi.resources = [OLD]
    for plugins in (OFFICIAL, STAND_INS):
        with pytest.raises(SandboxError, match="deployed with stand-ins of an earlier version"):
            pulumi.open(plugins).create()
