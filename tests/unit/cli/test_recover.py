"""`airflow-stack recover`: findings, refusals and the repaired state, with a fake cluster and engine."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.cli import main, process_table
from airflow_stack.cli.kubernetes_client import ClusterError, select_context
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import RELEASE, State, StateResource
from airflow_stack.cli.recover import inspection
from airflow_stack.cli.recover.cluster_objects import HelmRevision
from airflow_stack.cli.recover.lock import Lock, LockOwner, parse_locks
from airflow_stack.cli.recover.model import Leftover, of_locks, of_operation, of_revision
from airflow_stack.cli.recover.state_repair import PendingOperation, Presence, pending_operations, repaired
from airflow_stack.errors import UserError
from tests.support.golden import Golden

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


def resource(type_: str, name: str, **more: Any) -> StateResource:
    return {"urn": f"urn:pulumi:dev::airflow::{type_}::{name}", "custom": True, "type": type_, "inputs": {}, **more}


def a_secret(**more: Any) -> StateResource:
    metadata = {"name": "airflow-jwt-secret", "namespace": "airflow"}
    inputs = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"encrypted": "v1:abc"}}
    return resource("kubernetes:core/v1:Secret", "airflow-jwt-secret", **{"inputs": inputs, **more})


def a_release(**more: Any) -> StateResource:
    return resource(
        RELEASE, "airflow-release", inputs={"name": "airflow", "namespace": "airflow", "timeout": 60}, **more
    )


def a_state(*known: StateResource, **pending: StateResource) -> State:
    noted = [{"type": type_, "resource": each} for type_, each in pending.items()]
    return {"version": 3, "deployment": {"resources": list(known), "pending_operations": noted}}


def known_after(state: State, presence: Presence = Presence.PULUMI) -> list[StateResource]:
    after = repaired(state, lambda _: presence)
    assert not pending_operations(after)
    return list(after["deployment"]["resources"])


# --- the state ---------------------------------------------------------------------------------------------------------------------


def test_an_existing_object_with_a_pending_creation_is_adopted_as_unfinished() -> None:
    noted = a_secret(parent="urn:parent")
    state = a_state(a_release(id="airflow/airflow"), creating=noted)
    *before, adopted = known_after(state)
    assert before == [a_release(id="airflow/airflow")]
    assert (adopted["id"], adopted["parent"]) == ("airflow/airflow-jwt-secret", "urn:parent")
    assert adopted["initErrors"], "or the next `up` would not wait for it"
    assert adopted["outputs"]["__inputs"] == noted["inputs"], "still encrypted, and what the provider compares with"
    assert len(pending_operations(state)) == 1, "the state that was given is not touched"


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.FOREIGN])
def test_a_missing_or_foreign_object_is_not_adopted(presence: Presence) -> None:
    assert known_after(a_state(creating=a_secret()), presence) == []


def test_resources_without_an_object_and_releases_are_created_again() -> None:
    password = resource("random:index/randomPassword:RandomPassword", "airflow-admin-password-1")
    assert known_after(a_state(creating=password)) == []
    assert known_after(a_state(creating=a_release())) == []


def test_a_first_state_has_no_resources() -> None:
    assert known_after({"version": 3, "deployment": {"metadata": {}}}) == []


def test_an_interrupted_update_is_applied_again_even_if_the_setting_is_reverted() -> None:
    bytes_ = resource("random:index/randomPassword:RandomPassword", "airflow-fernet-1", id="none")
    after = known_after(a_state(a_secret(id="a"), bytes_, a_secret(id="old", delete=True), updating=a_secret()))
    assert [bool(each.get("initErrors")) for each in after] == [True, False, False]


def test_a_replacement_takes_the_place_of_the_deleted_object() -> None:
    old = a_secret(id="airflow/airflow-jwt-secret", pendingReplacement=True)
    first, last = known_after(a_state(old, a_release(id="r"), creating=a_secret()))
    assert first["initErrors"]
    assert "pendingReplacement" not in first
    assert last["type"] == RELEASE, "what depends on it stays behind it"


def test_a_replacement_with_another_name_leaves_the_old_object_for_deletion() -> None:
    first, last = known_after(a_state(a_secret(id="elsewhere/airflow-jwt-secret"), creating=a_secret()))
    assert (first["id"], last["id"], last["delete"]) == (
        "airflow/airflow-jwt-secret",
        "elsewhere/airflow-jwt-secret",
        True,
    )


def test_an_object_in_the_state_is_unchanged() -> None:
    known = a_secret(id="airflow/airflow-jwt-secret", outputs={"a": 1})
    assert known_after(a_state(known, creating=a_secret())) == [known]


# --- the lock ----------------------------------------------------------------------------------------------------------------------


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


def running_as_pulumi(folder: Path, script: str, **variables: str) -> "subprocess.Popen[bytes]":
    """A shell named pulumi that ends with its standard input."""
    shell = shutil.copy(shutil.which("sh") or "sh", folder / "pulumi")
    process = subprocess.Popen(
        [shell, "-c", f"echo up; {script}"],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    return process


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


# --- left-over processes -----------------------------------------------------------------------------------------------------------


@linux
def test_only_plugins_of_a_dead_pulumi_are_ended(tmp_path: Path) -> None:
    marks = {"PULUMI_PROJECT": f"p{os.getpid()}", "PULUMI_CONFIG": "{}", "PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    sleep = [sys.executable, "-c", "input()"]
    with (
        running_as_pulumi(tmp_path, "cat; true", **marks) as living,
        subprocess.Popen(sleep, env=os.environ | marks, stdin=subprocess.PIPE) as orphan,
        subprocess.Popen(
            sleep, env=os.environ | marks | {"PULUMI_BACKEND_URL": "s3://b"}, stdin=subprocess.PIPE
        ) as other,
    ):
        found = process_table.orphaned_plugins(marks["PULUMI_PROJECT"], marks)
        assert [each.pid for each in found] == [orphan.pid]
        process_table.end(found)
        assert orphan.wait(10) != 0
        assert (living.poll(), other.poll()) == (None, None)


@linux
def test_the_language_host_of_a_dead_pulumi_is_found_by_its_backend(tmp_path: Path) -> None:
    host = tmp_path / "pulumi-language-python"
    shutil.copyfile(shutil.which("sleep") or "sleep", host)
    host.chmod(0o755)
    marks = {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    with subprocess.Popen([host, "60"], env=os.environ | marks) as orphan:
        assert [each.pid for each in process_table.orphaned_plugins("p", marks)] == [orphan.pid]
        assert process_table.orphaned_plugins("p", {"PULUMI_BACKEND_URL": "s3://b"}) == []
        orphan.kill()


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


# --- everything together ------------------------------------------------------------------------------------------------------------------


class Played(PulumiStack):
    """A fake Pulumi that records the requested changes."""

    held = ""
    torn: tuple[str, ...] = ()
    exported: State = a_state()
    changes: list[str] = []

    def __init__(self, *_: object) -> None:
        self.name, self.project, self.env = "dev", "airflow", {}

    def remove_truncated_files(self) -> list[str]:
        return list(self.torn)

    def state(self, *, decrypted: bool = False) -> State:
        return self.exported

    def lock(self) -> str:
        return self.held

    def cancel(self) -> None:
        self.changes.append("cancel")

    def write(self, state: State) -> None:
        self.changes.append("import")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[Played]:
    class Mine(Played):
        changes: list[str] = []

    monkeypatch.setattr(inspection, "PulumiStack", Mine)
    monkeypatch.setattr(process_table, "orphaned_plugins", lambda *_: [])
    return Mine


def masked(text: str) -> str:
    """The text without host, process and time."""
    return re.sub(r"process \d+, since [\d-]+ [\d:+]+", "process <pid>, since <time>", text.replace(HERE, "<host>"))


def inspect() -> inspection.Recovery:
    return inspection.inspect("dev", Path(), {})


def dead() -> str:
    return LOCKED.format(user="ci", host=HERE, pid=2**22 + 1)


def test_a_healthy_stack_has_no_findings(played: type[Played]) -> None:
    found = inspect()
    assert (found.leftovers, found.refused) == ((), False)
    found.repair()
    assert played.changes == []


def test_truncated_files_are_reported_first(played: type[Played], golden: Golden) -> None:
    played.torn, played.held = ("dev.json.attrs",), dead()
    assert masked("\n".join(map(str, inspect().leftovers))) == golden


def test_the_lock_is_removed_before_the_state_is_written(played: type[Played]) -> None:
    played.held, played.exported = dead(), a_state(creating=resource("tls:index/privateKey:PrivateKey", "key"))
    found = inspect()
    assert len(found.leftovers) == 2
    found.repair()
    assert played.changes == ["cancel", "import"]


def test_nothing_changes_while_an_update_runs(played: type[Played], golden: Golden) -> None:
    now = datetime.now(UTC).isoformat()
    played.held = LOCKED.format(user="ci", host=HERE, pid=os.getpid()).replace("2026-11-23T12:00:00+01:00", now)
    found = inspect()
    (finding,) = found.leftovers
    assert masked(str(finding)) == golden(name="finding")
    with pytest.raises(UserError) as refused:
        found.repair()
    assert str(refused.value) == golden(name="error")
    assert played.changes == []


def test_nothing_changes_if_another_user_was_faster(played: type[Played], golden: Golden) -> None:
    played.held = dead()
    found = inspect()
    played.held = LOCKED.format(user="colleague", host="elsewhere", pid=1)
    with pytest.raises(UserError) as refused:
        found.repair()
    assert str(refused.value) == golden
    assert played.changes == []


def test_without_the_cluster_nothing_is_repaired(
    played: type[Played], monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    def unreachable(*_: object) -> None:
        raise ClusterError("connection refused")

    monkeypatch.setattr(inspection, "_cluster", unreachable)
    played.held = dead()
    found = inspect()
    assert str(found.leftovers[-1]) == golden
    assert found.refused


# --- the command -------------------------------------------------------------------------------------------------------------------

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123  no terminal

    def run_here(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["airflow-stack", "recover", "--stack", "dev", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        return int(stopped.value.code or 0), *capsys.readouterr()

    return run_here


@pytest.mark.parametrize("arguments", [(), ("--dry-run",), ("--dry-run", "--yes")])
def test_without_consent_it_only_reports_and_fails(
    run: Run, played: type[Played], arguments: tuple[str, ...], golden: Golden
) -> None:
    played.held = dead()
    status, out, err = run(*arguments)
    assert (status, played.changes) == (1, [])
    assert masked(out + err) == golden


def test_with_consent_it_repairs_and_names_the_next_step(run: Run, played: type[Played], golden: Golden) -> None:
    played.held = dead()
    status, out, _ = run("--yes")
    assert (status, played.changes) == (0, ["cancel"])
    assert masked(out) == golden(name="repaired")
    played.held = ""
    status, out, err = run()
    assert (status, err) == (0, "")
    assert out == golden(name="nothing to mend")


# --- Pulumi and the kubeconfig -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Callable[..., PulumiStack]]:
    """A stack with a fake `pulumi` that prints the test's answers and records its calls."""

    def answering(**answers: str) -> PulumiStack:
        (tmp_path / "bin").mkdir()
        (tmp_path / "Pulumi.yaml").write_text("name: airflow\n")
        cases = "\n".join(f"{key})  cat <<'END'\n{text}\nEND\n;;" for key, text in answers.items() if key != "init")
        script = f'#!/bin/sh\necho "$PWD $PULUMI_BACKEND_URL $*" >> {tmp_path}/calls\ncase "$1$2" in\n{cases}\n'
        script += f"stackinit) cat >&2 <<'END'\n{answers.get('init', '')}\nEND\nexit 1;;\nesac\n"
        (tmp_path / "bin" / "pulumi").write_text(script)
        (tmp_path / "bin" / "pulumi").chmod(0o755)
        path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return PulumiStack("dev", tmp_path, {"PATH": path})

    yield answering


def test_the_lock_is_read_outside_of_the_project_with_the_same_backend(
    pulumi: Callable[..., PulumiStack], tmp_path: Path
) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "file://state"}', "init": LOCKED})
    assert "created by" in stack.lock()
    folder, backend, *_ = (tmp_path / "calls").read_text().splitlines()[-1].split()
    assert Path(folder) != tmp_path
    assert backend == f"file://{tmp_path}/state"


def test_an_unlocked_stack_differs_from_an_unreachable_one(pulumi: Callable[..., PulumiStack], tmp_path: Path) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "s3://bucket"}', "init": "error: stack 'dev' already exists"})
    assert stack.lock() == ""
    script = tmp_path / "bin" / "pulumi"
    script.write_text(script.read_text().replace("already exists", "has no credentials"))
    with pytest.raises(UserError, match="has no credentials"):  # which Pulumi says
        stack.lock()


@pytest.mark.parametrize("busy", [True, False])
def test_pulumi_cloud_reports_an_update_in_progress(pulumi: Callable[..., PulumiStack], busy: bool) -> None:
    listed = '[{"name": "other", "updateInProgress": true}, {"name": "acme/dev", "updateInProgress": %s}]'
    answers = {"whoami--json": '{"url": "https://app.pulumi.com/acme"}', "stackls": listed % str(busy).lower()}
    assert bool(pulumi(**answers).lock()) is busy


def test_a_truncated_sidecar_file_is_removed_and_complete_ones_stay(
    pulumi: Callable[..., PulumiStack], tmp_path: Path
) -> None:
    stack = pulumi(**{"whoami--json": '{"url": "file://my state?metadata=skip"}'})
    stacks = tmp_path / "my state" / ".pulumi" / "stacks" / "airflow"
    locks = tmp_path / "my state" / ".pulumi" / "locks" / "organization" / "airflow" / "dev"
    for folder in (stacks, locks):
        folder.mkdir(parents=True)
    (locks / "1.json.attrs").write_text('{"user.content')
    for name, text in {
        "dev.json": "",
        "dev.json.attrs": "",
        "dev.json.bak.attrs": "{}",
        "other.json.attrs": "",
    }.items():
        (stacks / name).write_text(text)
    assert stack.remove_truncated_files() == ["dev.json.attrs", "1.json.attrs"]
    assert sorted(file.name for file in stacks.iterdir()) == ["dev.json", "dev.json.bak.attrs", "other.json.attrs"]
    assert stack.remove_truncated_files() == []


def test_only_a_state_in_a_folder_has_sidecar_files(pulumi: Callable[..., PulumiStack]) -> None:
    assert pulumi(**{"whoami--json": '{"url": "s3://bucket"}'}).remove_truncated_files() == []


def test_missing_pulumi_is_reported(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: airflow\n")
    with pytest.raises(UserError) as refused:
        PulumiStack("dev", tmp_path, {"PATH": ""}).state()
    assert str(refused.value) == golden


def write_kubeconfig(file: Path, context: str) -> Path:
    clusters = [{"name": "c", "cluster": {"server": f"https://{context}"}}]
    contexts = [{"name": context, "context": {"cluster": "c"}}]
    file.write_text(yaml.safe_dump({"current-context": context, "clusters": clusters, "contexts": contexts}))
    return file


def test_the_context_is_the_one_that_the_provider_uses(tmp_path: Path) -> None:
    files = [write_kubeconfig(tmp_path / name, name) for name in ("one", "two")]
    env = {"KUBECONFIG": os.pathsep.join(map(str, files)), "HOME": str(tmp_path)}

    def server(kubeconfig: str | None, context: str | None, env: dict[str, str]) -> str:
        return select_context(kubeconfig, context, env).cluster.server

    assert server(None, None, env) == "https://one", "the first file has the current context"
    assert server(None, "two", env) == "https://two"
    assert server(files[1].read_text(), None, env) == "https://two"
    assert server(str(files[1]), None, {}) == "https://two"
    (tmp_path / "choice").write_text("current-context: two")
    env["KUBECONFIG"] = f"{tmp_path / 'choice'}{os.pathsep}{env['KUBECONFIG']}"
    assert server(None, None, env) == "https://two", "a file may choose a context of another"
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", "own")
    assert server(None, None, {"HOME": str(tmp_path)}) == "https://own"


def test_without_a_usable_kubeconfig_the_message_has_the_fix(tmp_path: Path, golden: Golden) -> None:
    def refused(context: str | None = None, **env: str) -> str:
        with pytest.raises(ClusterError) as error:
            select_context(None, context, {"HOME": str(tmp_path), **env})
        return str(error.value)

    assert refused() == golden(name="none")
    assert refused(KUBECONFIG="/nowhere") == golden(name="no file")
    file = write_kubeconfig(tmp_path / "one", "one")
    assert refused("prod", KUBECONFIG=str(file)) == golden(name="no context")
    for text in (
        "",
        "- 1",
        "contexts: 5",
        "current-context: one",
        "{",
        "contexts: [{name: one, context: {cluster: x}}]",
    ):
        file.write_text(text)
        assert "kubeconfig" in refused("one", KUBECONFIG=str(file))


def test_a_finding_is_one_line() -> None:
    assert str(Leftover("found", "done")) == "found: done"
