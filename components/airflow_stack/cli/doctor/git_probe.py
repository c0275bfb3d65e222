"""git and ssh as the pods run them, asked from here: one key or token, known host keys only, nothing of the user's own configuration.

A key is in a file of `folder` that only its owner can read, for ssh takes no other; a token is in the environment of git alone.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airflow_stack.errors import UserError

CONNECT_SECONDS = 10
_SECONDS = 60
_PASSED_ON = ("PATH", "TMPDIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_ADDS_NOTHING = (
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
)
_ASKPASS = '#!/bin/sh\ncase "$1" in Username*) echo "$DOCTOR_USERNAME" ;; *) echo "$DOCTOR_TOKEN" ;; esac\n'


@dataclass(frozen=True)
class GitOutput:
    """What git said."""

    ok: bool
    stdout: str
    stderr: str


@dataclass
class GitProbe:
    """Asks one repository."""

    url: str
    folder: Path
    env: Mapping[str, str]
    known_hosts: str = ""
    public_key: str = field(default="", init=False)
    """Public half of the key in use."""
    _key: Path | None = field(default=None, init=False)
    _token: tuple[str, str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:  # noqa: D105
        (self.folder / "known_hosts").write_text(self.known_hosts)

    def use_key(self, key: str) -> None:
        """Show this key from now on.

        Raises:
            ValueError: ssh cannot use it; the message is ssh's own.
        """
        self._key = self.folder / "key"
        self._key.touch(mode=0o600)
        self._key.write_text(key)
        answer = self._run(["ssh-keygen", "-y", "-P", "", "-f", str(self._key)], {})
        if not answer.ok:
            raise ValueError(answer.stderr.replace(str(self._key), "it"))
        self.public_key = answer.stdout.strip()

    def use_token(self, username: str, token: str) -> None:
        """Show this token from now on."""
        askpass = self.folder / "askpass"
        askpass.write_text(_ASKPASS)
        askpass.chmod(0o700)
        self._token = username, token

    def refs(self, *, anonymous: bool = False) -> GitOutput:
        """Ask for all refs, `anonymous` without the key or token."""
        return self._git("ls-remote", self.url, anonymous=anonymous)

    def fetch(self, ref: str) -> GitOutput:
        """Fetch one commit without the content of its files."""
        self._git("init", "--quiet", "--bare", "--template=", "repository")
        self._git("-C", "repository", "config", "remote.origin.url", self.url)
        return self._git(
            "-C", "repository", "fetch", "--quiet", "--depth=1", "--no-tags", "--filter=blob:none", "origin", ref
        )

    def files(self) -> list[str]:
        """The paths in the commit that was fetched."""
        answer = self._git("-C", "repository", "ls-tree", "-r", "-z", "--name-only", "FETCH_HEAD")
        return answer.stdout.split("\0")[:-1]

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
        shown = self._key and not anonymous
        options += [f'IdentityFile="{self._key}"' if shown else "PubkeyAuthentication=no"]
        return shlex.join(["ssh", "-F", "/dev/null", *(word for option in options for word in ("-o", option))])

    def _run(self, command: list[str], env: Mapping[str, str]) -> GitOutput:
        own = {key: self.env[key] for key in (*_PASSED_ON, *_PROXIES, *map(str.upper, _PROXIES)) if key in self.env}
        own |= {"LC_ALL": "C", "HOME": str(self.folder), **env}
        try:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,  # ssh, too, ends with it
            )
        except FileNotFoundError:
            raise UserError(
                f"{command[0]} is needed and was not found on PATH; install git and the OpenSSH client"
            ) from None
        try:
            out, said = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            said = f"no answer within {_SECONDS} seconds"
            return GitOutput(False, "", said)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if self._token:
            said = said.replace(self._token[1], "[secret]")
        return GitOutput(
            process.returncode == 0, out, "\n".join(line for line in said.splitlines() if line not in _ADDS_NOTHING)
        )
