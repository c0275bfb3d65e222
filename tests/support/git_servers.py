"""Real git servers on loopback: OpenSSH's sshd, and git's HTTP backend behind a small HTTPS server with token authentication.

Both serve the repositories of one folder: `dags.git` with a commit, and the empty `empty.git`.
"""

import base64
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import pki

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
needs_sshd = pytest.mark.skipif(not (SSHD and shutil.which("ssh")), reason="needs openssh-server")
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
FILES = {"dags/etl.py": "1", "dags/report.py": "2", "README.md": "3", "lib/.keep": "4"}
_SECONDS = 20


def git(folder: Path, *arguments: str) -> str:
    """Run git without a user configuration."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=env, stdout=-1, text=True, check=True
    ).stdout.strip()


def make_repositories(root: Path) -> str:
    """Create `dags.git` with branches main and release and tag v1.0, and `empty.git`. Returns the commit."""
    work = root / "work"
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    git(work, "init", "--quiet")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "--message", "DAGs")
    git(work, "branch", "release")
    git(work, "tag", "-a", "v1.0", "-m", "first")
    git(root, "clone", "--quiet", "--bare", "work", "dags.git")
    git(root, "init", "--quiet", "--bare", "empty.git")
    return git(work, "rev-parse", "HEAD")


def make_key(path: Path) -> Path:
    """Create an SSH key without a passphrase."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def public(key: Path) -> str:
    """Public key of a private key, without a comment."""
    return " ".join(key.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    """A port without a server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A running server."""

    root: Path
    base: str
    commit: str
    log: Path

    def url(self, repository: str = "dags.git") -> str:
        """URL of a repository for stacks."""
        return f"{self.base}/{repository}"


@dataclass(frozen=True)
class SshServer(Server):
    """sshd with the user of the tests, which accepts `key`."""

    port: int
    key: Path
    host_key: Path

    def known_hosts(self, host_key: Path | None = None) -> str:
        """Line of known_hosts with this host key, or with another."""
        return f"[127.0.0.1]:{self.port} {public(host_key or self.host_key)}\n"


@contextmanager
def serve_ssh(folder: Path) -> Iterator[SshServer]:
    """Run sshd on loopback."""
    commit = make_repositories(folder)
    key, host_key = make_key(folder / "deploy_key"), make_key(folder / "host_key")
    settings = {
        "ListenAddress": "127.0.0.1", "Port": str(port := free_port()), "HostKey": str(host_key), "PidFile": "none",
        "AuthorizedKeysFile": f"{key}.pub", "StrictModes": "no", "UsePAM": "no", "PermitRootLogin": "yes",
        "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no",
    }  # fmt: skip
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's directory for privilege separation
    user = subprocess.run(["id", "-un"], stdout=-1, text=True, check=True).stdout.strip()
    log = folder / "sshd.log"
    with subprocess.Popen([str(SSHD), "-D", "-f", folder / "sshd_config", "-E", log]) as process:
        try:
            wait_for(lambda: _answers(port))
            yield SshServer(folder, f"ssh://{user}@127.0.0.1:{port}{folder}", commit, log, port, key, host_key)
        finally:
            process.terminate()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition is met."""
    end = time.monotonic() + _SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class HttpsServer(Server):
    """`git http-backend` over HTTPS, for clients with user and token."""

    authority: Path
    username: str
    token: str


@contextmanager
def serve_https(folder: Path) -> Iterator[HttpsServer]:
    """Run an HTTPS server on loopback, with its own certificate authority."""
    commit = make_repositories(folder)
    pki.issue(folder / "pki", "127.0.0.1")
    username, token, log = "reader", "glpat-the-real-token", folder / "https.log"

    class Handler(_Backend):
        root, expected, requests = folder, f"{username}:{token}", log

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "pki" / "server.crt", folder / "pki" / "server.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        base = f"https://127.0.0.1:{server.server_address[1]}"
        yield HttpsServer(folder, base, commit, log, folder / "pki" / "ca.crt", username, token)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Backend(http.server.BaseHTTPRequestHandler):
    """Passes requests of git clients to `git http-backend` by CGI (git-http-backend(1))."""

    root: Path
    expected: str
    requests: Path

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the library names the argument
        with self.requests.open("a") as log:
            log.write(f"{format % arguments}\n")

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        shown = self.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(shown).decode() != self.expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "reader",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "REMOTE_ADDR": "127.0.0.1",
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines()]
        self.send_response(next((int(value.split()[0]) for name, value in fields if name == "Status"), 200))
        for name, value in [*fields, ["Content-Length", str(len(content))]]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
