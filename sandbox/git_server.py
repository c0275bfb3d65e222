"""Serves the repository of `git_repository` by SSH: read only, to who shows the deploy key. A process of its own."""

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
_SILENT_SECONDS = 15  # three unanswered questions later, after a minute, a client counts as gone


class _Door(asyncssh.SSHServer):
    """Lets the deploy key in, and nobody else."""

    def __init__(self, key: str) -> None:
        self._key = asyncssh.import_public_key(key).public_data

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._peer = _address(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if admitted := username == USER and key.public_data == self._key:
            return admitted
        _log(self._peer, f"refused user {username!r}: it has not shown the deploy key")
        return False


async def _serve(home: Path, process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run git-upload-pack for one session; any other request is refused."""
    peer, asked = _address(process), process.command or process.subsystem or "a shell"
    if _words(process.command) not in _COMMANDS:
        _log(peer, f"refused {asked[:80]!r}")
        process.stderr.write(f"git-upload-pack of /{REPOSITORY} is all that is served here: read only\n".encode())
        process.exit(1)
        return
    env, protocol = environment(home), process.env.get("GIT_PROTOCOL", "")
    if re.fullmatch(r"version=\d", protocol):
        env["GIT_PROTOCOL"] = protocol
    began, pipe = time.monotonic(), asyncio.subprocess.PIPE
    command = ["git", "upload-pack", "--strict", str(home.resolve() / REPOSITORY)]
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
        server_host_keys=[home / HOST_KEY],
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
