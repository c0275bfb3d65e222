"""Git repository URLs: the three forms that git hosts show, and conversion between SSH and HTTPS."""

import re
from dataclasses import dataclass

_SCP = re.compile(r"^(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^/\s:][^\s]*)$")
_URL = re.compile(
    r"^(?P<scheme>ssh|https?)://(?:(?P<user>[\w.-]+)@)?(?P<host>[\w.-]+)(?::(?P<port>\d{1,5}))?/(?P<path>[^\s]+)$"
)


@dataclass(frozen=True)
class GitUrl:
    """One repository on one git host."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, url: str) -> "GitUrl":
        """Read a URL.

        Raises:
            ValueError: the URL has none of the three forms, or contains a password.
        """
        if match := _SCP.match(url):
            return cls("ssh", match["user"], match["host"].lower(), None, match["path"])
        if re.match(r"^\w+://[^/@]*:(?!\d{1,5}/).*@", url, re.DOTALL):
            raise ValueError("must not contain a password; set it with `pulumi config set --secret airflow:gitToken`")
        match = _URL.match(url)
        if not match or not 0 < int(match["port"] or 1) < 65536:
            raise ValueError(
                "must be git@host:org/repo.git, ssh://git@host:port/org/repo.git or https://host/org/repo.git"
            )
        if match["scheme"] != "ssh" and match["user"]:
            raise ValueError("must not contain a user, which may be a token; leave it out, or set dags.username")
        if match["scheme"] == "ssh" and not match["user"]:
            raise ValueError(f"has no user; write it as ssh://git@{url.removeprefix('ssh://')}")
        port = int(match["port"]) if match["port"] else None
        return cls(match["scheme"], match["user"], match["host"].lower(), port, match["path"])

    @property
    def is_ssh(self) -> bool:
        """Whether the URL uses SSH."""
        return self.scheme == "ssh"

    @property
    def host_and_port(self) -> str:
        """The host in the form of known_hosts."""
        return self.host if self.port in (None, 22) else f"[{self.host}]:{self.port}"

    def as_ssh(self) -> str:
        """The repository as an SSH URL."""
        return f"git@{self.host}:{self.path}"

    def as_https(self) -> str:
        """The repository as an HTTPS URL."""
        return f"https://{self.host}/{self.path}"
