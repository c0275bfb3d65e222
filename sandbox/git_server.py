"""Serves the repository of `git_repository` over SSH, read-only, to clients with the deploy key. Runs as a process of its own."""

import argparse
import asyncio
import re
import shlex
import signal
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import asyncssh

from sandbox.git_repository import HOST_KEY, REPOSITORY, USER, environment, public_key

_COMMANDS = [["git-upload-pack", path] for path in (REPOSITORY, f"/{REPOSITORY}")]
_LOGIN_SECONDS = 20
_BUFFER = 65536
_Source = asyncio.StreamReader | asyncssh.SSHReader[bytes]
_Target = asyncio.StreamWriter | asyncssh.SSHWriter[bytes]
_KEEPALIVE_SECONDS = 15  # a client is disconnected after three unanswered keepalives, in a minute


class _DeployKeyOnly(asyncssh.SSHServer):
    """Accepts the deploy key and nothing else."""

    def __init__(self, key: str) -> None:
        self._key = asyncssh.import_public_key(key).public_data

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._peer = _address(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if admitted := username == USER and key.public_data == self._key:
            return admitted
        _log(self._peer, f"refused user {username!r} without the deploy key")
        return False


async def _serve(home: Path, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run git-upload-pack for one session. Refuses any other request."""
    peer, request = _address(process), process.command or process.subsystem or "a shell"
    if _words(process.command) not in _COMMANDS:
        _log(peer, f"refused {request[:80]!r}")
        process.stderr.write(f"this server is read-only: it serves only git-upload-pack of /{REPOSITORY}\n".encode())
        process.exit(1)
        return
    env, protocol = environment(home), process.env.get("GIT_PROTOCOL", "")
    if re.fullmatch(r"version=\d", protocol):
        env["GIT_PROTOCOL"] = protocol
    began, pipe = time.monotonic(), asyncio.subprocess.PIPE
    command = ["git", "upload-pack", "--strict", str(home.resolve() / REPOSITORY)]
    child = await asyncio.create_subprocess_exec(*command, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
    if not (child.stdin and child.stdout and child.stderr):
        raise RuntimeError("subprocess without pipes")
    incoming = asyncio.create_task(_feed(process.stdin, child.stdin))
    end = "client disconnected"
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
    """Copy all bytes at the pace of the reader."""
    while some := await source.read(_BUFFER):
        target.write(some)
        await target.drain()


async def _feed(source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncssh.Error):  # either end may close first
        await _copy(source, target)
    target.close()


def _words(command: str | None) -> list[str]:
    try:
        return shlex.split(command or "")
    except ValueError:  # an unclosed quote
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
        server_factory=partial(_DeployKeyOnly, public_key(home)),
        process_factory=partial(_serve, home),
        server_host_keys=[home / HOST_KEY],
        encoding=None,
        gss_host=None,
        allow_pty=False,
        agent_forwarding=False,
        compression_algs=None,
        login_timeout=_LOGIN_SECONDS,
        keepalive_interval=_KEEPALIVE_SECONDS,
    )
    _log(f"{address}:{listener.get_port()}", "listening")
    await ended.wait()
    listener.close()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder that `git_repository.prepare` has filled")
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    arguments = parser.parse_args()
    address, _, port = arguments.listen.rpartition(":")
    asyncio.run(_run(arguments.home, address, int(port)))


if __name__ == "__main__":
    main()
