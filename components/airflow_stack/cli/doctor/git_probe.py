"""Runs git and ssh like the pods: with one key or token, known host keys only, and without the user's configuration.

The key is in a file that only its owner can read, as ssh requires. The token is only in git's environment.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_stack.cli.kubernetes_client import CONNECT_SECONDS
from airflow_stack.cli.progress import waiting
from airflow_stack.errors import UserError

_SECONDS = 60
_KEPT_VARIABLES = ("PATH", "TMPDIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_UNINFORMATIVE = (
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
)
_ASKPASS = '#!/bin/sh\ncase "$1" in Username*) echo "$DOCTOR_USERNAME" ;; *) echo "$DOCTOR_TOKEN" ;; esac\n'


@dataclass(frozen=True)
class GitOutput:
    """Result of a command of git or ssh."""

    ok: bool
    stdout: str
    stderr: str
    """Without lines that name no cause, and without the token."""


@dataclass
class GitProbe:
    """Runs git on one repository."""

    url: str
    folder: Path
    """Empty folder for the key, the known hosts and a copy of the repository."""
    env: Mapping[str, str]
    known_hosts: str = ""
    public_key: str = field(default="", init=False)
    """Public half of the key in use."""
    _key: Path | None = field(default=None, init=False)
    _token: tuple[str, str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Write the known hosts."""
        (self.folder / "known_hosts").write_text(self.known_hosts)

    def use_key(self, key: str) -> None:
        """Use this key from now on.

        Raises:
            ValueError: ssh refuses the key; the message is ssh's own.
        """
        self._key = _private_file(key, self.folder / "key")
        output = self._run(["ssh-keygen", "-y", "-P", "", "-f", str(self._key)], {})
        if not output.ok:
            raise ValueError(output.stderr.replace(str(self._key), "it"))
        self.public_key = output.stdout.strip()

    def use_token(self, username: str, token: str) -> None:
        """Use this token from now on."""
        askpass = self.folder / "askpass"
        askpass.write_text(_ASKPASS)
        askpass.chmod(0o700)
        self._token = username, token

    def refs(self, *, anonymous: bool = False) -> GitOutput:
        """List all refs; `anonymous`: without the key or token."""
        return self._git("ls-remote", self.url, anonymous=anonymous)

    def fetch(self, ref: str) -> GitOutput:
        """Fetch one commit without the contents of its files."""
        self._git("init", "--quiet", "--bare", "--template=", "repository")
        self._git("-C", "repository", "config", "remote.origin.url", self.url)
        return self._git(
            "-C", "repository", "fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none", "origin", ref
        )

    def files(self) -> list[str]:
        """Paths of the files in the fetched commit."""
        output = self._git("-C", "repository", "ls-tree", "-r", "-z", "--name-only", "FETCH_HEAD")
        return output.stdout.split("\0")[:-1]

    def _git(self, *arguments: str, anonymous: bool = False) -> GitOutput:
        env = {"GIT_SSH_COMMAND": self._ssh(anonymous=anonymous), "GIT_SSH_VARIANT": "ssh", "GIT_TERMINAL_PROMPT": "0"}
        env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_ALLOW_PROTOCOL": "ssh:https:http"}
        env |= {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "20"}
        if self._token and not anonymous:
            username, token = self._token
            env |= {"GIT_ASKPASS": str(self.folder / "askpass"), "DOCTOR_USERNAME": username, "DOCTOR_TOKEN": token}
        return self._run(["git", "-c", "credential.helper=", *arguments], env)

    def _ssh(self, *, anonymous: bool) -> str:
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f'UserKnownHostsFile="{self.folder / "known_hosts"}"']
        options += ["GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none"]
        options += [f"ConnectTimeout={CONNECT_SECONDS}", "ServerAliveInterval=10", "ServerAliveCountMax=2"]
        use_key = self._key and not anonymous
        options += [f'IdentityFile="{self._key}"' if use_key else "PubkeyAuthentication=no"]
        return shlex.join(["ssh", "-F", "/dev/null", *(word for option in options for word in ("-o", option))])

    def _run(self, command: list[str], env: Mapping[str, str]) -> GitOutput:
        names = (*_KEPT_VARIABLES, *_PROXIES, *map(str.upper, _PROXIES))
        kept = {name: self.env[name] for name in names if name in self.env}
        try:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**kept, "LC_ALL": "C", "HOME": str(self.folder), **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # so that a timeout ends ssh too
            )
        except FileNotFoundError:
            raise UserError(f"{command[0]} was not found on PATH; install git and the OpenSSH client") from None
        try:
            with waiting("waiting for the git host"):
                stdout, stderr = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return GitOutput(False, "", f"no answer within {_SECONDS} seconds")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if self._token:
            stderr = stderr.replace(self._token[1], "[secret]")
        informative = "\n".join(line for line in stderr.splitlines() if line not in _UNINFORMATIVE)
        return GitOutput(process.returncode == 0, stdout, informative)


def _private_file(text: str, file: Path) -> Path:
    """A file that only this user can read. On Linux in memory only, so that no crash leaves it behind."""
    if not hasattr(os, "memfd_create"):
        file.touch(mode=0o600)
        file.write_text(text)
        return file
    number = os.memfd_create(file.name)
    os.fchmod(number, 0o600)  # ssh refuses a key that others can read
    os.write(number, text.encode())
    return Path(f"/proc/{os.getpid()}/fd/{number}")
