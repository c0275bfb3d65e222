"""The DAG repository of a stack that names none: this project's own `dags/`, served by SSH to the cluster.

Pods read it with a deploy key and a pinned host key, as they would read the repository of a team. The user pushes by path, `git push
.state/git/dags.git HEAD:main`, so nothing here ever takes a push; and nothing here writes to the user's checkout.
"""

import argparse
import asyncio
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncssh

from components.git_url import GitUrl
from sandbox import SandboxError

_USER = "git"
_REPOSITORY, _HOST_KEY, _DEPLOY_KEY = "dags.git", "host_key", "deploy_key"
_COMMANDS = [["git-upload-pack", path] for path in (_REPOSITORY, f"/{_REPOSITORY}")]
# Every git here runs with this as its only configuration: root may read the checkout of another, and a client may ask for
# a commit that a push has just replaced.
_CONFIGURATION = """\
[safe]
	directory = *
[user]
	name = airflow-stack
	email = airflow-stack@localhost
[uploadpack]
	allowAnySHA1InWant = true
"""
_LOGIN_SECONDS = 20
_BUFFER = 65536
_Source = asyncio.StreamReader | asyncssh.SSHReader[bytes]
_Target = asyncio.StreamWriter | asyncssh.SSHWriter[bytes]
_SILENT_SECONDS = 15  # three unanswered questions later, after a minute, a client counts as gone


def prepare(home: Path, project: Path) -> None:
    """Make the keys and the repository in `home`, unless they are there: the user may have pushed since.

    Its branches `main` and `release`, which the stacks follow, begin at the HEAD of the project's checkout: what is not committed is
    not served. A project that is no checkout, but a downloaded archive, gets a first commit of its `dags/`; to change those,
    clone the repository by its path.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(_CONFIGURATION)
    for name in (_HOST_KEY, _DEPLOY_KEY):
        if not (home / name).exists():
            _make_key(home / name)
    if not (home / _REPOSITORY).exists():
        new = home / "new.git"
        shutil.rmtree(new, ignore_errors=True)  # left by a `prepare` that was killed
        _make_repository(home, new, project.resolve())
        new.rename(home / _REPOSITORY)


def url(host: str, port: int) -> str:
    """The repository as the pods name it."""
    return f"ssh://{_USER}@{host}:{port}/{_REPOSITORY}"


def known_hosts(home: Path, host: str, port: int) -> str:
    """The server's host key as a known_hosts text."""
    return f"{GitUrl.parse(url(host, port)).host_and_port} {_public(home / _HOST_KEY)}\n"


def deploy_key(home: Path) -> str:
    """The private key with which the pods read."""
    return (home / _DEPLOY_KEY).read_text()


def public_key(home: Path) -> str:
    """The public half of the deploy key."""
    return _public(home / _DEPLOY_KEY)


def extract(home: Path, ref: str, target: Path) -> None:
    """Write the files of a branch into a folder."""
    words = ["git", f"--git-dir={home / _REPOSITORY}", "archive", ref]
    archive = subprocess.run(words, env=_environment(home), capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(target, filter="data")


def _public(file: Path) -> str:
    return asyncssh.read_private_key(file).export_public_key().decode().strip()


def _make_key(file: Path) -> None:
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    new.rename(file)


def _make_repository(home: Path, new: Path, project: Path) -> None:
    git = partial(_git, home, project)
    git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(new))
    inside = partial(git, f"--git-dir={new}")
    inside("config", "receive.shallowUpdate", "true")  # a shallow clone can push too
    if git("-C", str(project), "rev-parse", "--quiet", "--verify", "HEAD^{commit}", check=False):
        inside("fetch", "--quiet", "--no-tags", "--update-shallow", str(project), "HEAD:refs/heads/main")
    else:
        inside(f"--work-tree={project}", "add", "--", "dags")
        inside(f"--work-tree={project}", "commit", "--quiet", "--message", "The DAGs of this project")
    inside("branch", "release", "main")
    if os.geteuid() == 0:  # the one who pushes is the one whose checkout it is
        owner = project.stat()
        for path in (new, *new.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def _git(home: Path, project: Path, *arguments: str, check: bool = True) -> bool:
    """Run git; whether it went well."""
    env = _environment(home) | {
        "GIT_CEILING_DIRECTORIES": str(project.parent)
    }  # a checkout around the project is not ours
    try:
        done = subprocess.run(["git", *arguments], env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SandboxError(
            "git is needed to serve this project's dags/; install it (Debian: apt install git)"
        ) from None
    if check and done.returncode:
        raise SandboxError(f"git could not make the repository of the DAGs: {done.stderr.strip()}")
    return done.returncode == 0


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home.resolve()), "GIT_CONFIG_NOSYSTEM": "1"}


class _Door(asyncssh.SSHServer):
    """Lets the deploy key in, and nobody else."""

    def __init__(self, key: str) -> None:
        self._key = asyncssh.import_public_key(key).public_data

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._peer = _address(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if admitted := username == _USER and key.public_data == self._key:
            return admitted
        _log(self._peer, f"refused user {username!r}: it has not shown the deploy key")
        return False


async def _serve(home: Path, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run git-upload-pack for one session; any other request is refused."""
    peer, asked = _address(process), process.command or process.subsystem or "a shell"
    if _words(process.command) not in _COMMANDS:
        _log(peer, f"refused {asked[:80]!r}")
        process.stderr.write(f"git-upload-pack of /{_REPOSITORY} is all that is served here: read only\n".encode())
        process.exit(1)
        return
    env, protocol = _environment(home), process.env.get("GIT_PROTOCOL", "")
    if re.fullmatch(r"version=\d", protocol):
        env["GIT_PROTOCOL"] = protocol
    began, pipe = time.monotonic(), asyncio.subprocess.PIPE
    command = ["git", "upload-pack", "--strict", str(home.resolve() / _REPOSITORY)]
    child = await asyncio.create_subprocess_exec(*command, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
    if not (child.stdin and child.stdout and child.stderr):
        raise RuntimeError("the pipes that were asked for are missing")
    incoming = asyncio.create_task(_feed(process.stdin, child.stdin))
    end = "the client went"
    try:
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        process.exit(await child.wait())
        end = f"exit status {child.returncode}"
    except (OSError, asyncssh.Error):
        child.kill()
    finally:
        incoming.cancel()
        _log(peer, f"git-upload-pack: {end} after {time.monotonic() - began:.2f} s")


async def _copy(source: _Source, target: _Target) -> None:
    """Copy all bytes, no faster than they are taken."""
    while some := await source.read(_BUFFER):
        target.write(some)
        await target.drain()


async def _feed(source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncssh.Error):  # either end may be gone before the other
        await _copy(source, target)
    target.close()


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError:  # a quotation without its end
        return []


def _address(of: asyncssh.SSHServerConnection | asyncssh.SSHServerProcess[bytes]) -> str:
    return str(of.get_extra_info("peername", ["?"])[0])


def _log(peer: str, what: str) -> None:
    print(datetime.now(UTC).isoformat(timespec="seconds"), peer, what, flush=True)


async def _run(home: Path, address: str, port: int) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    listener = await asyncssh.listen(
        address,
        port,
        server_factory=partial(_Door, public_key(home)),
        process_factory=partial(_serve, home),
        server_host_keys=[home / _HOST_KEY],
        encoding=None,
        gss_host=None,
        allow_pty=False,
        agent_forwarding=False,
        compression_algs=None,
        login_timeout=_LOGIN_SECONDS,
        keepalive_interval=_SILENT_SECONDS,
    )
    _log(f"{address}:{listener.get_port()}", "listening")
    await ended.wait()
    listener.close()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the folder that `prepare` has filled")
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    given = parser.parse_args()
    address, _, port = given.listen.rpartition(":")
    asyncio.run(_run(given.home, address, int(port)))


if __name__ == "__main__":
    main()
