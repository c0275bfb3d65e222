"""`airflow-stack promote` and `rollback` on real bare repositories: output, refusals, and atomic moves of refs."""

import http.server
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.cli import main
from tests.support import git_servers
from tests.support.cases import ROOT
from tests.support.command import Done
from tests.support.git_servers import SshServer, git, needs_git, needs_sshd
from tests.support.golden import Golden

pytestmark = needs_git
URL = "git@github.com:acme/dags.git"
DAG = 'from airflow.sdk import dag\n\n@dag(schedule="{}")\ndef {}(): ...\n'
_SECONDS = 60
_PROMOTE = ("promote", "--from", "staging", "--to", "prod")
_HOOK = "#!/bin/sh\n{}\n"


@dataclass
class World:
    """A DAG repository, a project with stacks that follow it, and a cluster with staging's running commit."""

    bare: Path
    project: Path
    env: dict[str, str]
    run: Callable[..., Done]
    runs: list[str] = field(default_factory=list)
    """Commits of staging's pods."""

    @property
    def work(self) -> Path:
        return self.bare.parent / "clone"

    def stack(self, name: str, committed: bool = True, /, **dags: str) -> None:
        """Write a stack file."""
        given = {key: value for key, value in {"repository": URL, **dags}.items() if value}
        content = {"airflow:dags": given, "airflow:namespace": f"airflow-{name}"}
        (self.project / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": content}))
        if committed:
            git(self.project, "add", ".")
            git(self.project, "commit", "--quiet", "--allow-empty", "--message", "stacks")

    def commit(self, message: str, files: dict[str, str | None], branch: str = "main") -> str:
        """Push a commit with these files."""
        git(self.work, "checkout", "--quiet", branch)
        git(self.work, "pull", "--quiet", "origin", branch)
        for name, text in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text) if text is not None else path.unlink()
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", message)
        git(self.work, "push", "--quiet", "origin", branch)
        return git(self.work, "rev-parse", "HEAD")

    def at(self, ref: str) -> str:
        """Commit of a ref."""
        return git(self.bare, "rev-parse", "--verify", f"{ref}^{{commit}}")

    def refs(self) -> str:
        """All refs with their commits."""
        return git(self.bare, "for-each-ref")

    def hook(self, script: str, when: str = "pre-receive") -> None:
        """Install a hook that runs before or after a push."""
        path = self.bare / "hooks" / when
        path.parent.mkdir(exist_ok=True)
        path.write_text(_HOOK.format(script))
        path.chmod(0o755)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Run `airflow-stack` in its own process group."""
        command = [str(Path(sys.executable).with_name("airflow-stack")), *arguments]
        out = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.project, env=self.env, stdout=out, stderr=out, text=True, start_new_session=True
        )


class _Cluster(http.server.BaseHTTPRequestHandler):
    """Kubernetes API with the logs of git-sync."""

    runs: list[str]

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        if "/log" in self.path:
            commit = self.runs[int(self.path.split("/log")[0][-1])]
            lines = [
                {"msg": "updated successfully", "ref": "main", "remote": each} for each in ("0" * 40, commit) if commit
            ]
            body = "".join(json.dumps(line) + "\n" for line in lines)
        else:
            body = json.dumps({"items": [_pod(number) for number in range(len(self.runs))]})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())


def _pod(number: int) -> dict[str, Any]:
    return {
        "metadata": {"name": f"airflow-dag-processor-{number}"},
        "spec": {"containers": [{"name": "git-sync", "image": "git-sync"}]},
        "status": {"containerStatuses": [{"name": "git-sync", "state": {"running": {}}}]},
    }


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[str]]:
    """Commits of staging's pods, served to the kubeconfig in `tmp_path`."""
    runs: list[str] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Cluster", (_Cluster,), {"runs": runs}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here", "users": [{"name": "me", "user": {}}],
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    yield runs
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def world(tmp_path: Path, cluster: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Any) -> World:
    """main is one commit ahead of release. staging follows and runs main, prod follows release."""
    bare, project, home = tmp_path / "dags.git", tmp_path / "project", tmp_path / "home"
    for folder in (project, home):
        folder.mkdir()
    git(tmp_path, "init", "--quiet", "--bare", "dags.git")
    git(bare, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "dags.git", "clone")
    git(project, "init", "--quiet")
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "SSH_"))}
    own = {
        "HOME": str(home), "KUBECONFIG": str(tmp_path / "kubeconfig"), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{bare}.insteadOf", "GIT_CONFIG_VALUE_0": URL,
    }  # fmt: skip

    def run(*arguments: str) -> Done:
        with monkeypatch.context() as patch:
            patch.chdir(project)
            patch.setattr(sys, "argv", ["airflow-stack", *arguments])
            patch.setattr(os, "environ", made.env)
            with pytest.raises(SystemExit) as stopped:
                main.main()
        printed = capsys.readouterr()
        assert not list(home.glob(".ssh")), "no known_hosts file is written"
        return Done(int(stopped.value.code or 0), printed.out, printed.err)

    world = made = World(bare, project, {**mine, **own}, run, cluster)
    (world.work / "dags").mkdir()
    (world.work / "dags" / "etl.py").write_text(DAG.format("@daily", "etl"))
    (world.work / "dags" / "old.py").write_text(DAG.format("@daily", "old"))
    git(world.work, "add", ".")
    git(world.work, "commit", "--quiet", "--message", "first")
    git(world.work, "push", "--quiet", "origin", "HEAD:main", "HEAD:release")
    git(world.work, "fetch", "--quiet")
    world.stack("staging", branch="main")
    world.stack("prod", branch="release")
    changed = {
        "dags/etl.py": DAG.format("@hourly", "etl"),
        "dags/old.py": None,
        "dags/new.py": DAG.format("@once", "new"),
    }
    world.runs[:] = [world.commit("Report in euros", {**changed, "README.md": "read me"})]
    return world


def masked(text: str) -> str:
    """The text without the hashes of this run's commits."""
    return re.sub(r"\b([0-9a-f]{40}|[0-9a-f]{12})\b", "<commit>", text)


def test_a_dry_run_shows_the_move_and_its_command(world: World, golden: Golden) -> None:
    before = world.refs()
    done = world.run(*_PROMOTE)
    assert (done.status, done.err) == (2, "")
    new, old = world.at("main"), world.at("release")
    assert f"branch release: {old[:12]} -> {new[:12]}, 1 commit\n" in done.out
    assert f"--expect {old[:12]}..{new[:12]} --yes" in done.out
    assert masked(done.out) == golden
    assert world.refs() == before
    assert "\x1b" not in done.out, "no colour without a terminal"


def test_yes_moves_the_branch_and_records_it_and_then_there_is_nothing_to_move(world: World, golden: Golden) -> None:
    old, new = world.at("release"), world.at("main")
    assert world.run(*_PROMOTE, "--expect", f"{old[:12]}..{new[:12]}", "--yes").status == 0
    assert world.at("release") == new
    tag = git(world.bare, "for-each-ref", "--format=%(objecttype) %(contents)", "refs/tags/promoted/prod/")
    assert f"Before: {old}\nAfter: {new}\nFrom: staging\n" in tag
    assert masked(tag) == golden(name="record")
    again = world.run(*_PROMOTE, "--yes")
    assert (again.status, again.err) == (0, "")
    assert masked(again.out) == golden(name="nothing to move")


def test_json_contains_the_same_plan(world: World) -> None:
    done = world.run(*_PROMOTE, "--json")
    plan = json.loads(done.out)["result"]
    assert done.status == 2
    assert (plan["before"], plan["after"], plan["moved"]) == (world.at("release"), world.at("main"), False)
    assert [dag["change"] for dag in plan["dags"]] == ["rescheduled", "added", "removed"]
    assert world.run(*_PROMOTE, "--yes", "--json").status == 0


def test_each_rollback_reverts_one_promotion_and_a_promotion_moves_forward_again(world: World, golden: Golden) -> None:
    first, second = world.at("release"), world.at("main")
    world.run(*_PROMOTE, "--yes")
    third = world.commit("third", {"dags/etl.py": DAG.format("@weekly", "etl")})
    world.runs[:] = [third]
    world.run(*_PROMOTE, "--yes")
    shown = world.run("rollback", "--stack", "prod")
    assert shown.status == 2
    assert masked(shown.out) == golden(name="plan")
    assert world.at("release") == third
    for expected in (second, first):
        assert world.run("rollback", "--stack", "prod", "--yes").status == 0
        assert world.at("release") == expected
    done = world.run("rollback", "--stack", "prod", "--yes")
    assert done.status == 1
    assert masked(done.err) == golden(name="the first")
    assert world.run(*_PROMOTE, "--yes").status == 0
    assert world.at("release") == third
    assert world.run("rollback", "--stack", "prod", "--to", first[:8], "--yes").status == 0
    assert world.at("release") == first
    done = world.run("rollback", "--stack", "prod", "--to", third, "--yes")
    assert masked(done.err) == golden(name="not in the history")


def test_a_missing_branch_is_created(world: World, golden: Golden) -> None:
    world.stack("prod", branch="stable")
    done = world.run(*_PROMOTE, "--yes")
    assert (done.status, done.err) == (0, "")
    assert masked(done.out) == golden(name="promotion")
    assert world.at("stable") == world.at("main")
    assert masked(world.run("rollback", "--stack", "prod", "--yes").err) == golden(name="rollback")


def test_a_stack_with_a_tag_gets_a_new_tag_and_the_setting_to_change(world: World, golden: Golden) -> None:
    git(world.bare, "tag", "v1", "release")
    world.stack("prod", tag="v1")
    assert world.run(*_PROMOTE).err == golden(name="no name")
    assert world.run(*_PROMOTE, "--tag", "v1", "--yes").err == golden(name="an old name")
    assert world.run(*_PROMOTE, "--tag", "v..2", "--yes").err == golden(name="a wrong name")
    done = world.run(*_PROMOTE, "--tag", "v2", "--yes")
    assert (done.status, done.err) == (0, "")
    assert masked(done.out) == golden(name="promotion")
    assert world.at("v2") == world.at("main")
    assert world.run("rollback", "--stack", "prod").err == golden(name="rollback")


def _diverge(world: World) -> None:
    world.commit("hotfix", {"dags/etl.py": "fixed = 1\n"}, branch="release")


def _other_repository(world: World) -> None:
    world.stack("prod", repository="git@github.com:acme/other.git", branch="release")


def _in_the_image(world: World) -> None:
    image = {"airflow": {"repository": "registry.example.com/dags", "tag": "3.2.2-7"}}
    config = {"airflow:dags": {"delivery": "image"}, "airflow:images": image}
    (world.project / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": config}))


Arrangement = tuple[Callable[[World], None], tuple[str, ...]]
REFUSED: dict[str, Arrangement] = {
    "no fast-forward": (_diverge, ()),
    "another repository": (_other_repository, ()),
    "a target that follows a commit": (lambda w: w.stack("prod", commit="a" * 40), ()),
    "a source that follows a commit": (lambda w: w.stack("staging", commit="a" * 40), ()),
    "one branch for both": (lambda w: w.stack("prod", branch="main"), ()),
    "DAGs in the image": (_in_the_image, ()),
    "no such branch": (lambda w: w.stack("staging", branch="none"), ()),
    "a stack file that is not committed": (lambda w: w.stack("prod", False, branch="other"), ()),
    "no pod": (lambda w: w.runs.clear(), ()),
    "a pod at another commit": (lambda w: w.runs.append("b" * 40), ()),
    "a pod that logs nothing": (lambda w: w.runs.append(""), ()),
    "no cluster": (lambda w: w.env.update(KUBECONFIG="/none"), ()),
    "another --expect": (lambda w: None, ("--expect", "aaaaaaaaaaaa..bbbbbbbbbbbb")),
    "another --unverified": (lambda w: None, ("--unverified", "abcdef1")),
    "a branch for a commit": (lambda w: None, ("--unverified", "main")),
    "a tag for a branch": (lambda w: None, ("--tag", "v2")),
    "a protected branch": (lambda w: w.hook("echo protected branch >&2; exit 1"), ()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_invalid_request_is_refused_and_nothing_moves(world: World, name: str, golden: Golden) -> None:
    arrange, arguments = REFUSED[name]
    arrange(world)
    before = world.refs()
    done = world.run(*_PROMOTE, *arguments, "--yes")
    assert done.status == 1
    ours, _, _ = masked(done.err).partition(": !\t")  # behind it git's own words
    assert ours == golden
    assert world.refs() == before


def test_a_named_commit_is_promoted_unverified_and_recorded_as_such(world: World) -> None:
    world.runs.clear()
    new = world.at("main")
    assert world.run(*_PROMOTE, "--unverified", new[:10], "--yes").status == 0
    assert world.at("release") == new
    assert "Check: unverified" in git(world.bare, "for-each-ref", "--format=%(contents)", "refs/tags")


def test_a_host_without_atomic_pushes_is_supported(world: World) -> None:
    git(world.bare, "config", "receive.advertiseAtomic", "false")
    assert world.run(*_PROMOTE, "--yes").status == 0
    assert world.at("release") == world.at("main")


def test_terminal_escapes_in_commits_are_removed(world: World) -> None:
    world.runs[:] = [world.commit("harmless \x1b[2J\x1b]0;title\x07", {"dags/a\x1b[1m.py": ""})]
    assert "\x1b" not in world.run(*_PROMOTE).out


def test_of_two_concurrent_promotions_one_fails_with_the_reason(world: World) -> None:
    """Both have the same plan: the repository delays each push until the other has arrived."""
    old = world.at("release")
    world.hook(
        'echo >> arrived; n=0; while [ "$(wc -l < arrived)" -lt 2 ] && [ $n -lt 500 ]; do sleep 0.02; n=$((n+1)); done'
    )
    both = [world.start(*_PROMOTE, "--yes") for _ in range(2)]
    ends = sorted(
        (process.returncode, out, err) for process in both for out, err in [process.communicate(timeout=_SECONDS)]
    )
    assert [status for status, _, _ in ends] == [0, 1]
    assert f"refs/heads/release moved from {old[:12]} to {world.at('main')[:12]} while this command ran" in ends[1][2]
    assert world.at("release") == world.at("main")
    assert len(git(world.bare, "for-each-ref", "refs/tags/promoted/prod/").splitlines()) == 1


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with git_servers.serve_ssh(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def remote(world: World, ssh: SshServer) -> World:
    """The same world with its repository behind sshd."""
    url = ssh.url("dags.git").replace(str(ssh.root / "dags.git"), str(world.bare))
    for stack, branch in (("staging", "main"), ("prod", "release")):
        world.stack(stack, repository=url, branch=branch, knownHosts=ssh.known_hosts())
    world.env["GIT_SSH_COMMAND"] = f"ssh -F /dev/null -i {ssh.key} -o IdentitiesOnly=yes"
    return world


@needs_sshd
def test_ssh_uses_the_users_key_and_the_stacks_known_hosts(remote: World, ssh: SshServer) -> None:
    assert remote.run(*_PROMOTE, "--yes").status == 0
    assert remote.at("release") == remote.at("main")
    assert remote.run("rollback", "--stack", "prod", "--yes").status == 0
    assert remote.at("release") != remote.at("main")
    wrong = ssh.known_hosts(git_servers.make_key(remote.project / "other"))
    url = yaml.safe_load((remote.project / "Pulumi.prod.yaml").read_text())["config"]["airflow:dags"]["repository"]
    remote.stack("prod", repository=url, branch="release", knownHosts=wrong)
    done = remote.run(*_PROMOTE, "--yes")
    assert done.status == 1
    assert "Host key verification failed" in done.err


def test_https_uses_the_users_credential_helper(world: World, tmp_path: Path) -> None:
    (tmp_path / "https").mkdir()
    with git_servers.serve_https(tmp_path / "https") as server:
        (server.root / "world.git").symlink_to(world.bare)
        for stack, branch in (("staging", "main"), ("prod", "release")):
            world.stack(stack, repository=server.url("world.git"), branch=branch)
        world.env["GIT_SSL_CAINFO"] = str(server.authority)
        world.env["GIT_TERMINAL_PROMPT"] = "0"
        refused = world.run(*_PROMOTE, "--yes")
        helper = f"!echo username={server.username}; echo password={server.token}; :"
        world.env |= {"GIT_CONFIG_KEY_0": "credential.helper", "GIT_CONFIG_VALUE_0": helper}
        done = world.run(*_PROMOTE, "--yes")
    assert (refused.status, done.status) == (1, 0)
    assert "could not read Username" in refused.err
    assert world.at("release") == world.at("main")
    assert server.token not in done.out + done.err


@needs_sshd
def test_a_push_killed_at_any_moment_leaves_the_old_or_the_new_commit(remote: World) -> None:
    marker, moments = remote.bare / "pushing", random.Random(6)  # noqa: S311  (no secret)
    for number, when in enumerate(("pre-receive", "pre-receive", "pre-receive", "post-receive")):
        new = remote.commit(f"number {number}", {"dags/etl.py": DAG.format(f"{number} 0 * * *", "etl")})
        remote.runs[:], old = [new], remote.at("release")
        remote.hook("echo > pushing; sleep 0.05", when)
        process = remote.start(*_PROMOTE, "--yes")
        _wait(partial(_pushes, process, marker))
        time.sleep(moments.uniform(0, 0.1))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        _wait(partial(_served, remote.bare))
        assert remote.at("release") in (old, new)
        assert git(remote.bare, "fsck", "--no-dangling") == ""
        (remote.bare / "hooks" / when).unlink()
        marker.unlink()
        assert remote.run(*_PROMOTE, "--yes").status == 0
        assert remote.at("release") == new


def _pushes(process: "subprocess.Popen[str]", marker: Path) -> bool:
    return marker.exists() or process.poll() is not None


def _served(bare: Path) -> bool:
    """Whether the server has completed the push."""
    return subprocess.run(["pgrep", "-f", f"receive-pack.*{bare}"], stdout=-1, check=False).returncode != 0


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not until():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_the_guide_names_every_option_of_both_commands() -> None:
    guide = (ROOT / "docs" / "guides" / "promotion.md").read_text()
    for command in main.app.registered_commands:
        if command.callback and command.callback.__name__ in ("promote", "rollback"):
            for option in command.callback.__annotations__.values():
                names = [word for each in getattr(option, "__metadata__", ()) for word in each.param_decls or ()]
                assert all(name.split("/")[0] in guide for name in names if name.startswith("--"))
