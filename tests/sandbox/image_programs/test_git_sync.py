"""The stand-in for git-sync follows git-sync's rules, on local repositories."""

import base64
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.image_programs import git_sync

_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_DATE": "@0 +0000",
    "GIT_COMMITTER_DATE": "@0 +0000",
}
_SECONDS = 10


@dataclass
class Remote:
    """Repository that pods follow."""

    folder: Path

    def git(self, *arguments: str) -> str:
        """Run git in the repository."""
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        command = ["git", *identity, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **_GIT}, text=True, capture_output=True, check=True
        )
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        """Commit a file with this content. Returns the commit."""
        (self.folder / "dag.py").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")


@dataclass
class Pod:
    """Container of the stand-in with its volume."""

    remote: Remote
    root: Path

    @property
    def dag(self) -> str:
        """Content of the DAG file for Airflow."""
        return (self.root / "repo" / "dag.py").read_text()

    def command(self, **variables: str) -> tuple[list[str], dict[str, str]]:
        """Command and environment of the container."""
        own = {
            "PATH": os.environ["PATH"],
            "GITSYNC_REPO": f"file://{self.remote.folder}",
            "GITSYNC_ROOT": str(self.root),
            "GITSYNC_LINK": "repo",
            "GITSYNC_PERIOD": "20ms",
        }
        return [sys.executable, "-I", git_sync.__file__], {**_GIT, **own, **variables}

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one sync."""
        command, environment = self.command(GITSYNC_ONE_TIME="true", **variables)
        return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=_SECONDS, check=False)

    @contextmanager
    def running(self, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Run the container during the block."""
        command, environment = self.command(**variables)
        with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    folder = tmp_path / "remote"
    folder.mkdir()
    made = Remote(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    made.commit("on main")
    return made


@pytest.fixture
def pod(remote: Remote, tmp_path: Path) -> Pod:
    return Pod(remote, tmp_path / "git")


def test_the_branch_wins_over_the_ref(remote: Remote, pod: Pod) -> None:
    remote.git("switch", "--quiet", "--create", "release")
    remote.commit("on release")
    assert pod.run(GIT_SYNC_BRANCH="release", GIT_SYNC_REV="HEAD", GITSYNC_REF="main").returncode == 0
    assert pod.dag == "on release"


def test_a_branch_is_not_confused_with_one_of_the_same_suffix(remote: Remote, pod: Pod) -> None:
    remote.git("switch", "--quiet", "--create", "z/main")
    remote.commit("on z/main")
    assert pod.run(GITSYNC_REF="main").returncode == 0
    assert pod.run(GITSYNC_REF="main").stdout == "", "nothing has changed"
    assert pod.dag == "on main"


@pytest.mark.parametrize("kind", ["tag", "annotated tag", "commit"])
def test_a_tag_or_a_commit_is_followed_without_a_branch(remote: Remote, pod: Pod, kind: str) -> None:
    commit = remote.git("rev-parse", "HEAD")
    remote.git("tag", "v1", *(["--annotate", "--message=v1"] if kind == "annotated tag" else []))
    remote.commit("later")
    assert (
        pod.run(GIT_SYNC_BRANCH="", GIT_SYNC_REV="", GITSYNC_REF=commit if kind == "commit" else "v1").returncode == 0
    )
    assert pod.dag == "on main"


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GIT_SYNC_BRANCH": "main", "GIT_SYNC_REV": "v1"}, "both GIT_SYNC_BRANCH and GIT_SYNC_REV"),
        ({"GITSYNC_REPO": ""}, "GITSYNC_REPO"),
        ({"GITSYNC_PERIOD": "5 s"}, "GITSYNC_PERIOD must be a duration"),
        ({"GIT_SYNC_WAIT": "5s"}, "GIT_SYNC_WAIT must be seconds"),
        ({"GITSYNC_DEPTH": "all"}, "GITSYNC_DEPTH must be a whole number"),
    ],
)
def test_invalid_settings_are_fatal(pod: Pod, variables: dict[str, str], message: str) -> None:
    ended = pod.run(**variables)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["msg"].startswith("FATAL: ")
    assert message in ended.stdout


def test_a_missing_branch_is_named_and_stops_the_container_at_the_first_failure(pod: Pod) -> None:
    ended = pod.run(GIT_SYNC_BRANCH="nowhere", GITSYNC_MAX_FAILURES="0")
    assert ended.returncode == 1
    assert "couldn't find remote ref nowhere" in json.loads(ended.stdout)["error"]


def test_the_maximum_of_consecutive_failures_stops_the_container(pod: Pod) -> None:
    ended = pod.run(GIT_SYNC_BRANCH="nowhere", GITSYNC_MAX_FAILURES="3")
    assert [json.loads(line)["failCount"] for line in ended.stdout.splitlines()] == [1, 2, 3]


def test_without_a_limit_a_failure_is_retried_until_it_is_resolved(remote: Remote, pod: Pod) -> None:
    with pod.running(GIT_SYNC_BRANCH="soon", GITSYNC_ONE_TIME="true", GITSYNC_MAX_FAILURES="-1") as process:
        assert process.stdout is not None
        assert "will retry" in process.stdout.readline()
        remote.git("branch", "soon")
        assert process.wait(_SECONDS) == 0
    assert pod.dag == "on main"


def test_readers_always_see_a_complete_tree_and_old_trees_are_deleted(remote: Remote, pod: Pod) -> None:
    with pod.running(GIT_SYNC_BRANCH="main") as process:
        eventually((pod.root / "repo").exists)
        last = ""
        for number in range(3):
            last = remote.commit(f"push {number}")
            eventually(lambda number=number: pod.dag == f"push {number}")  # type: ignore[misc]  # the file always exists
        eventually(lambda: [tree.name for tree in (pod.root / ".worktrees").iterdir()] == [last])
        process.send_signal(signal.SIGTERM)
        assert process.wait(_SECONDS) == 0
    assert (pod.root / "repo").readlink() == Path(".worktrees", last)


def test_a_rewritten_branch_is_followed(remote: Remote, pod: Pod) -> None:
    remote.commit("regretted")
    assert pod.run(GIT_SYNC_BRANCH="main").returncode == 0
    remote.git("reset", "--quiet", "--hard", "HEAD~1")
    remote.commit("instead")
    assert pod.run(GIT_SYNC_BRANCH="main").returncode == 0
    assert pod.dag == "instead"


@pytest.mark.parametrize(("depth", "commits"), [("1", "1"), ("0", "2")])
def test_depth_limits_the_history_and_0_fetches_all_of_it(remote: Remote, pod: Pod, depth: str, commits: str) -> None:
    remote.commit("second")
    assert pod.run(GIT_SYNC_BRANCH="main", GITSYNC_DEPTH=depth).returncode == 0
    assert Remote(pod.root / "repo").git("rev-list", "--count", "HEAD") == commits


def test_an_incomplete_tree_of_a_killed_container_is_replaced(remote: Remote, pod: Pod) -> None:
    commit = remote.git("rev-parse", "HEAD")
    (pod.root / ".worktrees" / commit).mkdir(parents=True)
    assert pod.run(GIT_SYNC_BRANCH="main").returncode == 0
    assert pod.dag == "on main"


def test_the_container_is_live_after_its_first_sync(remote: Remote, pod: Pod) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def answer() -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    with pod.running(GIT_SYNC_BRANCH="soon", GITSYNC_MAX_FAILURES="-1", GITSYNC_HTTP_BIND=f":{port}"):
        eventually(lambda: answer() == 503)
        remote.git("branch", "soon")
        eventually(lambda: answer() == 200)


def test_ssh_uses_the_key_and_the_pinned_host_keys(pod: Pod, tmp_path: Path) -> None:
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text('#!/bin/sh\necho "$*" >&2; echo "Host key verification failed." >&2; exit 255\n')
    ssh.chmod(0o755)
    given = {
        "PATH": f"{ssh.parent}:{os.environ['PATH']}",
        "GITSYNC_REPO": "ssh://git@example.com/dags.git",
        "GITSYNC_SSH_KEY_FILE": "/etc/git-secret/ssh",
        "GITSYNC_SSH_KNOWN_HOSTS_FILE": "/etc/git-secret/known_hosts",
    }
    pinned = pod.run(**given, GITSYNC_SSH_KNOWN_HOSTS="true").stdout
    for part in (
        "-i /etc/git-secret/ssh",
        "StrictHostKeyChecking=yes",
        "UserKnownHostsFile=/etc/git-secret/known_hosts",
    ):
        assert part in pinned
    assert "Host key verification failed." in pinned
    assert "StrictHostKeyChecking=no" in pod.run(**given, GITSYNC_SSH_KNOWN_HOSTS="false").stdout


def test_a_password_reaches_the_server_but_not_the_log(pod: Pod) -> None:
    seen: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.send_response(403 if seen[-1] else 401)
            self.send_header("WWW-Authenticate", "Basic realm=git")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/dags.git"
        ended = pod.run(GITSYNC_REPO=address, GITSYNC_USERNAME="bot", GITSYNC_PASSWORD="hunter2 'and \"more")
        in_address = pod.run(GITSYNC_REPO=address.replace("//", "//bot:hunter2@"))
        server.shutdown()
    assert base64.b64decode(seen[1].removeprefix("Basic ")) == b"bot:hunter2 'and \"more"
    assert "403" in ended.stdout
    assert "hunter2" not in ended.stdout + in_address.stdout
