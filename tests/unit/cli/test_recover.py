"""`airflow-stack recover`: findings, refusals and the repaired state, with a fake cluster and engine."""

import io
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from airflow_stack.cli import process_table
from airflow_stack.cli.kubernetes_client import ClusterError
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import State
from airflow_stack.cli.recover import inspection
from airflow_stack.cli.recover.cluster_objects import HelmRevision
from airflow_stack.cli.recover.lock import Lock, LockOwner, parse_locks
from airflow_stack.cli.recover.model import Leftover, of_locks, of_operation, of_revision
from airflow_stack.cli.recover.state_repair import PendingOperation, Presence
from airflow_stack.errors import UserError
from tests.support.command import Command
from tests.support.golden import Golden
from tests.support.pulumi_process import running_as_pulumi
from tests.support.pulumi_states import a_release, a_secret, a_state, resource

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
NOW = datetime.now(UTC)
HERE = socket.gethostname()
LOCKED = (
    "error: could not create stack: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end or delete "
    "the lock file with `pulumi cancel`.\n  s3://bucket/.pulumi/locks/organization/airflow/dev/0d.json: "
    "created by {user}@{host} (pid {pid}) at 2026-11-23T12:00:00+01:00\n"
)


def a_lock(host: str = HERE, pid: int = 0, since: datetime = NOW) -> Lock:
    return Lock("ci", host, pid or os.getpid(), since)


def test_a_lock_is_read_from_pulumis_message() -> None:
    (lock,) = parse_locks(LOCKED.format(user="ci", host="runner-7", pid=77))
    assert (lock.holder, lock.pid) == ("ci@runner-7", 77)
    assert lock.since == datetime(2026, 11, 23, 11, 0, tzinfo=UTC)


def test_running_and_dead_owners_are_recognized() -> None:
    assert a_lock(since=datetime.now(UTC)).owner() is LockOwner.RUNNING
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert a_lock(pid=ended.pid).owner() is LockOwner.DEAD


@linux
def test_a_reused_pid_holds_a_lock_only_if_it_is_pulumi(tmp_path: Path) -> None:
    long_ago = NOW - timedelta(days=3650)
    assert a_lock(since=long_ago).owner() is LockOwner.DEAD
    with running_as_pulumi(tmp_path, "read answer") as process:
        assert a_lock(pid=process.pid, since=long_ago).owner() is LockOwner.RUNNING


def test_the_lock_of_another_machine_is_broken_only_with_its_holders_name(golden: Golden) -> None:
    held = LOCKED.format(user="ci", host="runner-7", pid=77)
    for gone in ("", "ci@runner-8", "yes"):
        (refused,) = of_locks(held, "dev", gone)
        assert not refused.repairable
        assert str(refused) == golden(name="whatever else is named")
    (confirmed,) = of_locks(held, "dev", "ci@runner-7")
    assert confirmed.repairable


def test_an_unreadable_lock_is_left_unchanged(golden: Golden) -> None:
    (refused,) = of_locks("an update is in progress", "dev", "")
    assert not refused.repairable
    assert str(refused) == golden


def a_revision(age: float) -> HelmRevision:
    return HelmRevision(
        "airflow", "sh.helm.release.v1.airflow.v3", 3, "pending-upgrade", datetime.now(UTC) - timedelta(seconds=age)
    )


def test_a_pending_revision_alone_is_left_until_helms_timeout() -> None:
    state = a_state(a_release(id="r"))
    assert not of_revision(a_revision(30), state, interrupted=False).repairable
    assert of_revision(a_revision(90), state, interrupted=False).repairable
    assert of_revision(a_revision(30), state, interrupted=True).repairable


@pytest.mark.parametrize("type_", ["creating", "updating", "deleting", "reading"])
@pytest.mark.parametrize("presence", Presence)
def test_every_operation_is_reported_in_one_line_with_the_next_step(
    type_: str, presence: Presence, golden: Golden
) -> None:
    line = str(of_operation(PendingOperation(type_, a_secret()), presence))
    assert line == golden
    assert "\n" not in line
    assert "v1:abc" not in line


class FakePulumi(PulumiStack):
    """A fake Pulumi that records the requested changes."""

    held = ""
    truncated: tuple[str, ...] = ()
    exported: State = a_state()
    changes: list[str] = []

    def __init__(self, *_: object) -> None:
        self.name, self.project, self.env = "dev", "airflow", {}

    def remove_truncated_files(self) -> list[str]:
        return list(self.truncated)

    def state(self, *, decrypted: bool = False) -> State:
        return self.exported

    def lock(self) -> str:
        return self.held

    def cancel(self) -> None:
        self.changes.append("cancel")

    def write(self, state: State) -> None:
        self.changes.append("import")


@pytest.fixture
def pulumi(monkeypatch: pytest.MonkeyPatch) -> type[FakePulumi]:
    class Fresh(FakePulumi):
        changes: list[str] = []

    monkeypatch.setattr(inspection, "PulumiStack", Fresh)
    monkeypatch.setattr(process_table, "orphaned_plugins", lambda *_: [])
    return Fresh


def masked(text: str) -> str:
    """The text without host, process and time."""
    return re.sub(r"process \d+, since [\d-]+ [\d:+]+", "process <pid>, since <time>", text.replace(HERE, "<host>"))


def inspect() -> inspection.Recovery:
    return inspection.inspect("dev", Path(), {})


def dead() -> str:
    return LOCKED.format(user="ci", host=HERE, pid=2**22 + 1)


def test_a_healthy_stack_has_no_findings(pulumi: type[FakePulumi]) -> None:
    found = inspect()
    assert (found.leftovers, found.refused) == ((), False)
    found.repair()
    assert pulumi.changes == []


def test_truncated_files_are_reported_first(pulumi: type[FakePulumi], golden: Golden) -> None:
    pulumi.truncated, pulumi.held = ("dev.json.attrs",), dead()
    assert masked("\n".join(map(str, inspect().leftovers))) == golden


def test_the_lock_is_removed_before_the_state_is_written(pulumi: type[FakePulumi]) -> None:
    pulumi.held, pulumi.exported = dead(), a_state(creating=resource("tls:index/privateKey:PrivateKey", "key"))
    found = inspect()
    assert len(found.leftovers) == 2
    found.repair()
    assert pulumi.changes == ["cancel", "import"]


def test_nothing_changes_while_an_update_runs(pulumi: type[FakePulumi], golden: Golden) -> None:
    now = datetime.now(UTC).isoformat()
    pulumi.held = LOCKED.format(user="ci", host=HERE, pid=os.getpid()).replace("2026-11-23T12:00:00+01:00", now)
    found = inspect()
    (finding,) = found.leftovers
    assert masked(str(finding)) == golden(name="finding")
    with pytest.raises(UserError) as refused:
        found.repair()
    assert str(refused.value) == golden(name="error")
    assert pulumi.changes == []


def test_nothing_changes_if_another_user_was_faster(pulumi: type[FakePulumi], golden: Golden) -> None:
    pulumi.held = dead()
    found = inspect()
    pulumi.held = LOCKED.format(user="colleague", host="elsewhere", pid=1)
    with pytest.raises(UserError) as refused:
        found.repair()
    assert str(refused.value) == golden
    assert pulumi.changes == []


def test_without_the_cluster_nothing_is_repaired(
    pulumi: type[FakePulumi], monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    def unreachable(*_: object) -> None:
        raise ClusterError("connection refused")

    monkeypatch.setattr(inspection, "_cluster", unreachable)
    pulumi.held = dead()
    found = inspect()
    assert str(found.leftovers[-1]) == golden
    assert found.refused


@pytest.fixture
def recover(run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack recover` without a terminal."""
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return partial(run_command, "recover", "--stack", "dev")


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--dry-run", "--yes")])
def test_without_consent_it_only_reports_and_fails(
    recover: Command, pulumi: type[FakePulumi], arguments: tuple[str, ...], golden: Golden
) -> None:
    pulumi.held = dead()
    status, out, err = recover(*arguments)
    assert (status, pulumi.changes) == (1, [])
    assert masked(out + err) == golden


def test_with_consent_it_repairs_and_names_the_next_step(
    recover: Command, pulumi: type[FakePulumi], golden: Golden
) -> None:
    pulumi.held = dead()
    status, out, _ = recover("--yes")
    assert (status, pulumi.changes) == (0, ["cancel"])
    assert masked(out) == golden(name="repaired")
    pulumi.held = ""
    status, out, err = recover()
    assert (status, err) == (0, "")
    assert out == golden(name="nothing to repair")


def test_a_finding_is_one_line() -> None:
    assert str(Leftover("found", "done")) == "found: done"
