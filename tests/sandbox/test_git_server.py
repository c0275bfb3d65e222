"""The SSH server of the project's `dags/`, tested with git and OpenSSH: one readable repository, and nothing else."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import git_repository
from tests.support.cases import ROOT

pytestmark = pytest.mark.skipif(
    not (shutil.which("git") and shutil.which("ssh")), reason="needs git and the OpenSSH client"
)
Files = dict[Path, bytes]


def git(folder: Path, *arguments: str, ssh: str = "false", check: bool = True) -> str:
    """Run git without a user configuration. Returns its output."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_SSH_COMMAND": ssh, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=env, stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert not (check and done.returncode), done.stdout
    return done.stdout.strip()


def write_project(folder: Path) -> Path:
    """A checkout with an uncommitted file."""
    (folder / "dags").mkdir(parents=True)
    (folder / "dags" / "smoke.py").write_text("first\n")
    git(folder, "init", "--quiet", "--initial-branch=work")
    commit(folder)
    (folder / "dags" / "smoke.py").write_text("second\n")
    commit(folder)
    (folder / "dags" / "draft.py").write_text("not committed\n")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "change")


def files(folder: Path) -> Files:
    return {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state" / "git"


def test_commits_are_served_on_all_branches_that_stacks_follow(project: Path, home: Path) -> None:
    before = files(project)
    git_repository.prepare(home, project)
    assert files(project) == before, "the user's checkout is unchanged"
    head = git(project, "rev-parse", "HEAD")
    assert [git(home / "dags.git", "rev-parse", branch) for branch in ("main", "release", "HEAD")] == [head] * 3
    assert git(home / "dags.git", "ls-tree", "-r", "--name-only", "main") == "dags/smoke.py"


def test_pushed_commits_and_keys_are_kept(project: Path, home: Path) -> None:
    git_repository.prepare(home, project)
    commit(project)
    git(project, "push", str(home / "dags.git"), "HEAD:main")
    before = files(home)
    git_repository.prepare(home, project)
    assert files(home) == before
    assert "dags/draft.py" in git(home / "dags.git", "ls-tree", "-r", "--name-only", "main")
    assert "dags/draft.py" not in git(home / "dags.git", "ls-tree", "-r", "--name-only", "release")


def test_a_shallow_clone_is_served_and_accepts_pushes(project: Path, home: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{project}", str(shallow))
    git_repository.prepare(home, shallow)
    (shallow / "dags" / "new.py").touch()
    commit(shallow)
    git(shallow, "push", str(home / "dags.git"), "HEAD:main")
    assert git(home / "dags.git", "rev-parse", "main") == git(shallow, "rev-parse", "HEAD")


def test_an_archive_is_served_even_inside_another_checkout(project: Path, home: Path) -> None:
    archive = project / "archive"
    shutil.copytree(project / "dags", archive / "dags")
    git_repository.prepare(home, archive)
    assert git(home / "dags.git", "ls-tree", "-r", "--name-only", "main").split() == ["dags/draft.py", "dags/smoke.py"]
    assert not (archive / ".git").exists()


def test_configuration_hooks_and_variables_of_the_user_have_no_effect(
    project: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hook := tmp_path / "template" / "hooks" / "reference-transaction").parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[init]\n\ttemplateDir = {hook.parents[1]}\n[core]\n\thooksPath = {hook.parent}\n[commit]\n\tgpgSign = true\n"
    )
    for name, value in {
        "HOME": tmp_path,
        "GIT_DIR": "none",
        "GIT_INDEX_FILE": "none",
        "GIT_OBJECT_DIRECTORY": "none",
    }.items():
        monkeypatch.setenv(name, str(value))
    git_repository.prepare(home, project)
    assert not (home / "dags.git" / "hooks").exists()


def test_a_killed_prepare_is_completed_by_the_next(project: Path, home: Path) -> None:
    git_repository.prepare(home, project)
    (home / "dags.git").rename(home / "new.git")
    git_repository.prepare(home, project)
    assert git(home / "dags.git", "rev-parse", "main") == git(project, "rev-parse", "HEAD")
    assert not (home / "new.git").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of files")
def test_root_serves_the_checkout_of_another_user_who_can_push(project: Path, home: Path) -> None:
    for path in (project, *project.rglob("*")):
        os.chown(path, 12345, 12345)
    git_repository.prepare(home, project)
    assert {path.stat().st_uid for path in (home / "dags.git").rglob("*")} == {12345}
    assert home.stat().st_mode & 0o777 == 0o711
    assert [(home / key).stat().st_mode & 0o777 for key in ("host_key", "deploy_key")] == [0o600] * 2


@dataclass(frozen=True)
class Server:
    """A running server, and the OpenSSH command that logs in."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return git_repository.url("127.0.0.1", self.port)

    def ssh(self, key: Path | None = None, known: str | None = None) -> list[str]:
        hosts = self.home.parent / "known_hosts"
        hosts.write_text(git_repository.known_hosts(self.home, "127.0.0.1", self.port) if known is None else known)
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", "IdentitiesOnly=yes"]
        words = ["ssh", "-F", "none", "-p", str(self.port), "-i", str(key or self.home / "deploy_key")]
        return words + [word for option in options for word in ("-o", option)]

    def git(self, *arguments: str, key: Path | None = None, known: str | None = None, check: bool = True) -> str:
        return git(self.home.parent, *arguments, ssh=" ".join(self.ssh(key, known)), check=check)

    def run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self.ssh(), *words], stdin=-3, capture_output=True, check=False, timeout=20)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    log = home.parent / "log"
    with log.open("w") as output:
        command = [sys.executable, "-m", "sandbox.git_server", "--home", str(home), "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_for(lambda: " listening\n" in log.read_text())
        yield Server(home, int(log.read_text().split()[1].rpartition(":")[2]), process, log)
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0, log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    git_repository.prepare(folder / "git", write_project(folder / "project"))
    with serving(folder / "git") as server:
        yield server


def test_the_repository_can_be_cloned_and_a_push_fetched(server: Server, tmp_path: Path) -> None:
    server.git("clone", "--quiet", server.url, str(tmp_path / "whole"))
    server.git("clone", "--quiet", "--depth=1", "--branch=main", server.url, str(tmp_path / "shallow"))
    assert git(tmp_path / "whole", "rev-list", "--count", "HEAD") == "2"
    assert git(tmp_path / "shallow", "rev-list", "--count", "HEAD") == "1"
    user = server.home.parent / "project"
    (user / "dags" / "large.bin").write_bytes(os.urandom(4_000_000))  # larger than all buffers and windows
    commit(user)
    git(user, "push", str(server.home / "dags.git"), "HEAD:main")
    server.git("-C", str(tmp_path / "shallow"), "fetch", "--quiet", "--depth=1")
    assert git(tmp_path / "shallow", "rev-parse", "FETCH_HEAD") == git(user, "rev-parse", "HEAD")
    git(tmp_path / "shallow", "fsck", "--strict")


def test_another_key_or_user_is_refused_and_logged(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    assert "Permission denied" in server.git("ls-remote", server.url, key=other, check=False)
    assert "Permission denied" in server.git("ls-remote", server.url.replace("git@", "root@"), check=False)
    refusals = [line.split(" ", 1)[1] for line in server.log.read_text().splitlines() if "deploy key" in line]
    assert refusals == [f"127.0.0.1 refused user {user!r} without the deploy key" for user in ("git", "root")]


def test_a_client_with_another_pinned_host_key_refuses_the_server(server: Server) -> None:
    known = f"[127.0.0.1]:{server.port} {git_repository.public_key(server.home)}\n"
    assert "Host key verification failed" in server.git("ls-remote", server.url, known=known, check=False)


def test_a_push_is_refused(server: Server) -> None:
    output = server.git(
        "-C", str(server.home.parent / "project"), "push", server.url, "HEAD:refs/heads/other", check=False
    )
    assert "read-only" in output
    assert "other" not in git(server.home / "dags.git", "branch")


@pytest.mark.parametrize(
    "words",
    [
        "", "id", "git-receive-pack '/dags.git'", "git-upload-archive '/dags.git'", "git-upload-pack '/'",
        "git-upload-pack '/dags.git/../deploy_key'", "git-upload-pack '/dags.git'; id", "git-upload-pack '/dags.git",
        "git-upload-pack --timeout=1 '/dags.git'", "x" * 100_000,
    ],
    ids=lambda words: words[:45],
)  # fmt: skip
def test_nothing_else_is_served(server: Server, words: str) -> None:
    done = server.run("git@127.0.0.1", *([words] if words else []))
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"read-only" in done.stderr
    assert max(map(len, server.log.read_text().splitlines())) < 200


@pytest.mark.parametrize("words", ["-s git@127.0.0.1 sftp", "-s git@127.0.0.1 other", "-W 127.0.0.1:1 git@127.0.0.1"])
def test_subsystems_and_forwarding_are_refused(server: Server, words: str) -> None:
    done = server.run(*words.split())
    assert done.returncode in (1, 255)
    assert done.stdout == b""


def test_many_clients_are_served_at_once(server: Server) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(server.home.parent), "GIT_SSH_COMMAND": " ".join(server.ssh())}
    clients = [subprocess.Popen(["git", "ls-remote", server.url], env=env, stdout=-1) for _ in range(20)]
    answers = {client.communicate(timeout=20)[0] for client in clients}
    assert len(answers) == 1
    assert b"refs/heads/main" in answers.pop()


def test_a_killed_client_leaves_no_process_behind(server: Server) -> None:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    before = server.log.read_text().count("git-upload-pack: ")
    command = [*server.ssh(), "git@127.0.0.1", "git-upload-pack '/dags.git'"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as client:
        assert client.stdout
        client.stdout.read(4)
        client.kill()
    wait_for(lambda: server.log.read_text().count("git-upload-pack: ") == before + 1)
    wait_for(lambda: not children.exists() or not children.read_text())


def test_sigterm_stops_the_server_during_a_session(project: Path, home: Path) -> None:
    git_repository.prepare(home, project)
    with serving(home) as server:
        command = [*server.ssh(), "git@127.0.0.1", "git-upload-pack '/dags.git'"]
        with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1) as client:
            assert client.stdout
            client.stdout.read(4)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=20) == 0
        assert "Traceback" not in server.log.read_text()


def test_the_keys_have_the_openssh_format_and_are_never_logged(server: Server) -> None:
    private, public = git_repository.deploy_key(server.home), git_repository.public_key(server.home)
    assert private.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert private.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    assert public.startswith("ssh-ed25519 AAAA")
    host = git_repository.known_hosts(server.home, "127.0.0.1", server.port)
    assert host.startswith(f"[127.0.0.1]:{server.port} ssh-ed25519 AAAA")
    assert git_repository.known_hosts(server.home, "git.local", 22).startswith("git.local ssh-ed25519 ")
    log = server.log.read_text()
    for text in (*private.splitlines()[1:-1], public.split()[1], host.split()[2]):
        assert text not in log
