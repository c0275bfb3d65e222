"""`airflow-stack doctor` with real git servers: it names the cause and reveals no secret."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import yaml

from airflow_stack.cli.doctor.examination import Examination
from airflow_stack.cli.doctor.model import CheckGroup, CheckResult, Status
from airflow_stack.cli.helm import cache_folder
from airflow_stack.cli.pulumi_cli import PulumiStack
from airflow_stack.cli.pulumi_state import State
from airflow_stack.errors import UserError
from tests.support import git_servers
from tests.support.cases import HOST_KEY, ROOT
from tests.support.git_servers import HttpsServer, SshServer, needs_git, needs_sshd
from tests.support.golden import Golden

pytestmark = needs_git
Examine = Callable[..., dict[str, CheckResult]]
PULUMI = shutil.which("pulumi") or shutil.which("pulumi", path=cache_folder() / "bin")
_SECURE = {"secure": "AAABAI2=="}
_SECRET_MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with git_servers.serve_ssh(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpsServer]:
    with git_servers.serve_https(tmp_path_factory.mktemp("https")) as server:
        yield server


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Run the git checks of a stack with these settings, and with secrets from a fake Pulumi."""
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    project.mkdir()
    temporary.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", project)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def examined(
        dags: dict[str, Any], key: Path | None = None, token: str = "", state: State | None = None, **settings: Any
    ) -> dict[str, CheckResult]:
        secrets = {"gitSshKey": key.read_text() if key else "", "gitToken": token}
        given = {"dags": dags, **settings, **{name: _SECURE for name, value in secrets.items() if value}}
        config = {f"airflow:{name}": value for name, value in given.items()}
        (project / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": config}))
        commands: list[str] = []
        popen = subprocess.Popen

        def recorded(command: list[str], **more: Any) -> "subprocess.Popen[str]":
            commands.extend(command)
            modes = [file.stat().st_mode & 0o777 for file in temporary.rglob("key")]
            assert all(mode == 0o600 for mode in modes)
            return popen(command, **more)

        monkeypatch.setattr("airflow_stack.cli.doctor.git_probe.subprocess.Popen", recorded)
        monkeypatch.setattr(PulumiStack, "setting", lambda _, name: secrets[name.removeprefix("airflow:")].strip())
        monkeypatch.setattr(PulumiStack, "state", lambda _, *, decrypted: state or no_stack())
        checks = list(Examination("mine", project, os.environ).run(CheckGroup.GIT))
        assert not list(temporary.iterdir()), "files were left behind"
        for secret in filter(None, [*secrets["gitSshKey"].splitlines()[1:-1], token]):
            assert secret not in repr((checks, commands))
        return {check.check.removeprefix("git "): check for check in checks}

    return examined


@needs_sshd
@pytest.mark.skipif(not PULUMI, reason="needs pulumi, installed or by `make tools`")
def test_the_command_reads_the_keys_from_pulumi(ssh: SshServer, tmp_path: Path) -> None:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": {"airflow:dags": dags(ssh)}}))
    env = {**os.environ, "PULUMI_BACKEND_URL": f"file://{tmp_path}", "PULUMI_CONFIG_PASSPHRASE": "none"}
    env |= {"PATH": f"{Path(str(PULUMI)).parent}:{os.environ['PATH']}", "PULUMI_SKIP_UPDATE_CHECK": "1"}

    def run(*command: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=tmp_path, env=env, input=text, capture_output=True, text=True, check=False)

    def doctor() -> tuple[int, dict[str, str]]:
        done = run(
            str(Path(sys.executable).with_name("airflow-stack")), *"doctor --stack mine --only git --json".split()
        )
        assert not set(ssh.key.read_text().splitlines()[1:-1]) & set((done.stdout + done.stderr).split())
        return done.returncode, {
            check["check"]: check["status"] for check in json.loads(done.stdout)["result"]["checks"]
        }

    status, checks = doctor()
    assert (status, checks["git credential"], checks["git host key"]) == (0, "skipped", "ok")
    assert run("pulumi", "stack", "init", "mine").returncode == 0
    state = json.loads(run("pulumi", "stack", "export", "--stack", "mine").stdout)
    state["deployment"]["resources"] = a_state(ssh_key_1=ssh.key)["deployment"]["resources"]
    assert run("pulumi", "stack", "import", "--stack", "mine", text=json.dumps(state)).returncode == 0
    assert doctor() == (0, dict.fromkeys(checks, "ok"))
    assert not run(
        "pulumi", "config", "set", "--secret", "airflow:gitSshKey", "-s", "mine", text=ssh.key.read_text()
    ).returncode
    assert doctor() == (0, dict.fromkeys(checks, "ok"))


@needs_sshd
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGKILL])
def test_a_doctor_that_is_ended_leaves_no_key_and_no_child_behind(
    ssh: SshServer, tmp_path: Path, number: signal.Signals
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    (pulumi := tmp_path / "bin" / "pulumi").parent.mkdir()
    pulumi.write_text(f"#!/bin/sh\ncat {ssh.key}\n")
    pulumi.chmod(0o755)
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stack = {"repository": f"ssh://git@127.0.0.1:{port}/dags.git", "knownHosts": f"[127.0.0.1]:{port} {HOST_KEY}"}
        config = {"airflow:dags": stack, "airflow:gitSshKey": _SECURE}
        (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": config}))
        command = [str(Path(sys.executable).with_name("airflow-stack")), *"doctor --stack mine --only git".split()]
        env = {**os.environ, "TMPDIR": str(temporary), "PATH": f"{pulumi.parent}:{os.environ['PATH']}"}
        with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=-3, stderr=-3) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()  # of ssh, with the key at hand
            process.send_signal(number)
            process.wait(timeout=20)
        with connection:
            connection.settimeout(60)
            while connection.recv(1024):
                """ssh's greeting, then the end of ssh."""
    key = ssh.key.read_text()
    assert not [
        file for file in temporary.rglob("*") if file.is_file() and key.strip() in file.read_text(errors="replace")
    ]
    if number != signal.SIGKILL:
        assert not list(temporary.iterdir())


def no_stack() -> NoReturn:
    raise UserError("`pulumi stack export` failed: no stack named 'mine' found")


def a_state(**keys: Path) -> State:
    """State with generated keys by suffix of their resource names, as printed by `pulumi stack export --show-secrets`."""
    made = [
        {
            "urn": f"urn:pulumi:mine::airflow::tls:index/privateKey:PrivateKey::airflow-git-{name.replace('_', '-')}",
            "type": "tls:index/privateKey:PrivateKey",
            "custom": True,
            "id": name,
            "outputs": {"privateKeyOpenssh": {**_SECRET_MARK, "plaintext": json.dumps(key.read_text())}},
        }
        for name, key in keys.items()
    ]
    return {"version": 3, "deployment": {"resources": made}}


def the_failure(checks: dict[str, CheckResult]) -> tuple[str, CheckResult]:
    """The failed check. The checks before it succeeded, and the later ones did not run."""
    ((name, failed),) = [(name, check) for name, check in checks.items() if check.status is Status.FAIL]
    position = list(checks).index(name)
    assert {check.status for check in list(checks.values())[:position]} <= {Status.OK, Status.WARN, Status.SKIPPED}
    assert {check.status for check in list(checks.values())[position + 1 :]} <= {Status.SKIPPED}
    assert failed.fix
    return name, failed


def dags(server: SshServer, repository: str = "dags.git", **more: Any) -> dict[str, Any]:
    return {"repository": server.url(repository), "knownHosts": server.known_hosts(), **more}


@needs_sshd
def test_all_checks_pass_with_the_right_key(ssh: SshServer, examine: Examine) -> None:
    checks = examine(dags(ssh), ssh.key)
    assert [check.status for check in checks.values()] == [Status.OK] * 10, checks
    assert ssh.commit[:12] in checks["ref"].message
    assert "dags/etl.py" in checks["DAG files"].message


@needs_sshd
def test_a_branch_a_tag_and_a_commit_are_found(ssh: SshServer, examine: Examine) -> None:
    for ref in ({"branch": "release"}, {"tag": "v1.0"}, {"commit": ssh.commit}):
        checks = examine(dags(ssh, **ref), ssh.key)
        assert {check.status for check in checks.values()} == {Status.OK}, checks


@needs_sshd
def test_an_unregistered_key_is_reported_with_its_public_key(ssh: SshServer, examine: Examine, tmp_path: Path) -> None:
    other = git_servers.make_key(tmp_path / "other")
    name, failed = the_failure(examine(dags(ssh), other))
    assert name == "access"
    assert "Permission denied" in failed.message
    assert git_servers.public(other) in failed.fix


@needs_sshd
def test_the_host_is_checked_even_with_an_unusable_key(ssh: SshServer, examine: Examine) -> None:
    checks = examine(dags(ssh), ssh.key.with_suffix(".pub"))
    assert checks["credential"].status is Status.FAIL
    assert checks["host key"].status is Status.OK
    assert checks["access"].status is Status.SKIPPED


@needs_sshd
def test_the_generated_key_is_read_from_the_state(ssh: SshServer, examine: Examine, tmp_path: Path) -> None:
    generated, other = dags(ssh, authentication="generatedSshKey"), git_servers.make_key(tmp_path / "other")
    state = a_state(ssh_key_1=ssh.key, ssh_key_2=other)
    checks = examine(generated, state=state, rotation={"gitSshKey": 2})
    assert {check.status for check in checks.values()} == {Status.OK}, checks
    name, failed = the_failure(examine(generated, state=state, rotation={"gitSshKey": 2, "gitSshKeyDropped": 1}))
    assert name == "access"
    assert git_servers.public(other) in failed.fix


@needs_sshd
@pytest.mark.parametrize("state", [None, a_state()], ids=["no stack yet", "no `up` yet"])
def test_before_the_first_up_all_checks_without_a_key_run(
    ssh: SshServer, examine: Examine, state: State | None
) -> None:
    checks = examine(dags(ssh), state=state)
    assert "`pulumi up`" in checks["credential"].message
    made = [name for name, check in checks.items() if check.status is Status.OK]
    assert made == ["settings", "secrets", "host", "port", "host key"]
    assert Status.FAIL not in {check.status for check in checks.values()}


@needs_sshd
def test_each_repository_is_checked_with_its_own_key(ssh: SshServer, examine: Examine) -> None:
    more = {"features": {"repository": ssh.url("empty.git")}, "models": {"repository": ssh.url(), "branch": "release"}}
    stack = dags(ssh, authentication="generatedSshKey", delivery="gitBundle", moreRepositories=more)
    checks = examine(stack, state=a_state(ssh_key_1=ssh.key, bundle_features_ssh_key_1=ssh.key))
    assert checks["DAG files"].status is Status.OK
    assert checks["features repository"].status is Status.FAIL
    assert checks["models credential"].status is Status.SKIPPED


def test_dags_in_the_image_need_no_git_host(examine: Examine) -> None:
    image = {"airflow": {"repository": "registry.example.com/airflow-with-dags"}}
    assert [check.status for check in examine({"delivery": "image"}, images=image).values()] == [Status.OK] * 3


@needs_sshd
def test_a_changed_host_key_is_reported_with_its_fingerprint(ssh: SshServer, examine: Examine, tmp_path: Path) -> None:
    other = ssh.known_hosts(git_servers.make_key(tmp_path / "other"))
    name, changed = the_failure(examine(dags(ssh, knownHosts=other), ssh.key))
    assert name == "host key"
    assert "SHA256:" in changed.message


@needs_sshd
def test_a_missing_ref_is_reported_with_similar_names(ssh: SshServer, examine: Examine) -> None:
    name, failed = the_failure(examine(dags(ssh, branch="relaese"), ssh.key))
    assert (name, "'relaese'" in failed.message) == ("ref", True)
    assert "'release'" in failed.fix
    assert "'main', 'release'" in the_failure(examine(dags(ssh, branch="qqq"), ssh.key))[1].fix
    assert "airflow:dags.tag" in the_failure(examine(dags(ssh, branch="v1.0"), ssh.key))[1].fix
    assert the_failure(examine(dags(ssh, commit="1" * 40), ssh.key))[0] == "ref"


@needs_sshd
def test_an_empty_repository_is_distinguished_from_a_missing_one(ssh: SshServer, examine: Examine) -> None:
    name, empty = the_failure(examine(dags(ssh, "empty.git"), ssh.key))
    assert name == "repository"
    name, missing = the_failure(examine(dags(ssh, "other.git"), ssh.key))
    assert name == "repository"
    assert "does not appear to be a git repository" in missing.message, "as git says"
    assert empty.fix != missing.fix


@needs_sshd
def test_a_path_without_dags_is_reported_with_the_folders_that_contain_some(ssh: SshServer, examine: Examine) -> None:
    for path in ("lib", "nowhere", "dag"):
        name, failed = the_failure(examine(dags(ssh, path=path), ssh.key))
        assert (name, f"'{path}'" in failed.message) == ("DAG files", True)
        assert "'dags'" in failed.fix


@needs_sshd
def test_an_unresolved_host_and_an_unreachable_port_are_reported(ssh: SshServer, examine: Examine) -> None:
    unknown = {"repository": "git@git.invalid:acme/dags.git", "knownHosts": f"git.invalid {HOST_KEY}"}
    assert the_failure(examine(unknown, ssh.key))[0] == "host"
    port = git_servers.free_port()
    silent = {"repository": f"ssh://git@127.0.0.1:{port}/dags.git", "knownHosts": f"[127.0.0.1]:{port} {HOST_KEY}"}
    name, failed = the_failure(examine(silent, ssh.key))
    assert name == "port"
    assert str(port) in failed.message


@needs_sshd
def test_a_server_without_ssh_is_reported(https: HttpsServer, ssh: SshServer, examine: Examine) -> None:
    port = https.base.rpartition(":")[2]
    stack = {"repository": f"ssh://git@127.0.0.1:{port}/dags.git", "knownHosts": f"[127.0.0.1]:{port} {HOST_KEY}"}
    name, failed = the_failure(examine(stack, ssh.key))
    assert (name, port in failed.message) == ("host key", True)


@pytest.fixture
def trusted(https: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> HttpsServer:
    """HTTPS server with an authority that git trusts."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(https.authority))
    return https


def over_https(server: HttpsServer, repository: str = "dags.git") -> dict[str, Any]:
    return {"repository": server.url(repository), "username": server.username}


def test_all_checks_pass_with_the_right_token(trusted: HttpsServer, examine: Examine) -> None:
    checks = examine(over_https(trusted), token=trusted.token)
    assert [check.status for check in checks.values()] == [Status.OK] * 10, checks
    assert trusted.token not in trusted.log.read_text()


def test_a_wrong_token_is_reported(trusted: HttpsServer, examine: Examine) -> None:
    name, failed = the_failure(examine(over_https(trusted), token="$(another)'token"))
    assert name == "access"
    assert "airflow:gitToken" in failed.fix
    checks = examine(over_https(trusted), token="two words")
    assert (checks["credential"].status, checks["access"].status) == (Status.FAIL, Status.SKIPPED)


def test_a_private_repository_without_credentials_is_reported(
    trusted: HttpsServer, examine: Examine, golden: Golden
) -> None:
    name, failed = the_failure(examine(over_https(trusted)))
    assert name == "access"
    assert failed.fix == golden


def test_a_missing_repository_with_a_valid_token_is_reported(
    trusted: HttpsServer, examine: Examine, golden: Golden
) -> None:
    name, failed = the_failure(examine(over_https(trusted, "other.git"), token=trusted.token))
    assert name == "repository"
    assert failed.fix == golden


def test_an_untrusted_certificate_is_reported(https: HttpsServer, examine: Examine, golden: Golden) -> None:
    name, failed = the_failure(examine(over_https(https), token=https.token))
    assert name == "certificate"
    assert failed.fix == golden
