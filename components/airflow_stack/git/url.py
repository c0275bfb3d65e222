"""Git repository URLs: the three forms that git hosts show, and conversion between SSH and HTTPS."""

import re
from dataclasses import dataclass, replace

from .page import page_of

_USER = r"(?P<user>[A-Za-z0-9_][\w.-]*)"
_HOST = r"(?P<host>[A-Za-z0-9_]([\w-]{0,61}\w)?(\.\w([\w-]{0,61}\w)?)*\.?)"
_SCP = re.compile(rf"{_USER}@{_HOST}:(?P<path>[^\s:][^\s]*)", re.ASCII)
_URL = re.compile(rf"(?P<scheme>ssh|https?)://(?:{_USER}@)?{_HOST}(?::(?P<port>\d{{1,5}}))?/(?P<path>[^\s]+)", re.ASCII)
# Two forms in one: the colon of the short form in a URL, the slash of a URL in the short form, and a form without a scheme.
_MIXED = re.compile(
    r"(?P<scheme>(git|(git\+)?(ssh|https?))://)?(?P<user>git@)?(?P<host>[A-Za-z0-9][\w-]*(\.[\w-]+)+)[:/](?P<path>[A-Za-z~][\w~./+-]*)",
    re.ASCII,
)
_PORT_FIRST = re.compile(r"(?P<port>\d{1,5})[/:](?P<rest>.+)", re.ASCII)
_FORMS = "must be git@host:org/repo.git, ssh://git@host:port/org/repo.git or https://host/org/repo.git"
_PASSWORD = "must not contain a password; set it with `pulumi config set --secret airflow:gitToken`"  # noqa: S105
# Their repositories have an owner of any name, also of digits: git@github.com:1234/repo.git has no port.
_OWNERS_OF_DIGITS = ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org")


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
            ValueError: the URL has none of the three forms, contains a credential, or is the address of a page.
        """
        _refuse_extras(url)
        if match := _SCP.fullmatch(url):
            found = cls("ssh", match["user"], _lower(match["host"]), None, match["path"])
            _refuse_port_in_path(found)
        else:
            found = cls._of_url(url)
        if path := page_of(found.host, found.path):
            raise ValueError(
                f"is not a URL that git can clone; write the repository's: {replace(found, path=path)._text}"
            )
        return found

    @classmethod
    def _of_url(cls, url: str) -> "GitUrl":
        match = _URL.fullmatch(url)
        if not match or not 0 < int(match["port"] or 1) < 65536:
            raise ValueError(
                f"is not a URL that git reads; write it as {mixed}" if (mixed := _unmixed(url)) else _FORMS
            )
        if match["scheme"] != "ssh" and match["user"]:
            raise ValueError("must not contain a user, which may be a token; leave it out, or set dags.username")
        if match["scheme"] == "ssh" and not match["user"]:
            raise ValueError(f"has no user; write it as ssh://git@{url.removeprefix('ssh://')}")
        port = int(match["port"]) if match["port"] else None
        return cls(match["scheme"], match["user"], _lower(match["host"]), port, match["path"])

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

    @property
    def _text(self) -> str:
        """The URL, in the short form where it has one."""
        if self.is_ssh and not self.port:
            return f"{self.user}@{self.host}:{self.path}"
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{f'{self.user}@' if self.user else ''}{self.host}{port}/{self.path}"


def _lower(host: str) -> str:
    return host.lower().rstrip(".")


def _refuse_extras(url: str) -> None:
    """Refuse credentials in the URL, and parts that git would send to the host as a path.

    No message repeats any part of the URL: it may be a token.
    """
    scheme, _, rest = url.partition("://") if re.match(r"[\w+.-]+://", url) else ("", "", url)
    user, *others = rest.split("@")
    if others and (re.search(r"[:/?#]", user) or (scheme and len(others) > 1)):
        if user.endswith(".git") and len(others) == 1:
            raise ValueError("must not contain a ref (`@`); leave it out, and set the branch in dags.branch")
        raise ValueError(_PASSWORD)
    if "?" in rest:
        raise ValueError(
            "must not contain a query (`?`); leave it out, and set a token with `pulumi config set --secret airflow:gitToken`"
        )
    if "#" in rest:
        raise ValueError("must not contain a fragment (`#`); leave it out, and set the branch in dags.branch")


def _refuse_port_in_path(url: GitUrl) -> None:
    """Refuse `git@host:7999/org/repo.git`: git takes 7999 for a folder (git-clone(1), GIT URLS)."""
    found = _PORT_FIRST.fullmatch(url.path)
    if not found or not 0 < int(found["port"]) < 65536:
        return
    if url.host in _OWNERS_OF_DIGITS and url.path.count("/") == 1:
        return
    at, rest = f"{url.user}@{url.host}", found["rest"].lstrip("/")
    if url.host == "ssh.dev.azure.com":
        raise ValueError(f"has a port, which the short form does not have; write it as {at}:{rest}")
    raise ValueError(
        f"the short form has no port; write it as ssh://{at}:{found['port']}/{rest}, "
        f"or as ssh://{at}/{url.path.replace(':', '/')} if {found['port']} is a folder"
    )


def _unmixed(url: str) -> str | None:
    found = _MIXED.fullmatch(url)
    if not found:
        return None
    host, path = _lower(found["host"]), found["path"]
    if found["user"] or (found["scheme"] or "").endswith("ssh://"):
        return f"git@{host}:{path}"
    return f"https://{host}/{path}"
