"""The git part of `doctor`: from the name of the git host to the DAG files, with the stack's own key and known hosts.

What git and ssh say is told apart here, by their words in the C locale; `git_probe.py` runs them, `doctor_refs.py` looks inside.
"""

import re
import socket
import urllib.request
from collections.abc import Callable
from functools import cached_property

from airflow_stack.choices import DagDelivery, GitAuthentication
from airflow_stack.cli.kubernetes_client import CONNECT_SECONDS
from airflow_stack.credentials import GIT_TOKEN
from airflow_stack.git.hosts import deploy_key_page
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.dags import DagRepository, Dags

from .git_probe import GitOutput, GitProbe
from .model import Check, CheckError, Status, one_line
from .repository_content import RepositoryContent

_DENIED = (
    r"Permission denied \(|Too many authentication failures|Authentication failed|could not read (Username|Password)"
    r"|returned error: 40[13]|HTTP Basic: Access denied"
)
_BROKEN_OFF = (
    r"Connection (timed out|refused|closed|reset)|kex_exchange|Could not resolve|Failed to connect|Couldn't connect"
    r"|no answer within|Unable to negotiate|returned error: 5\d\d"
)
_UNTRUSTED = r"certificate|SSL|TLS|gnutls"
_RENEW = f"renew it with the right to read the repository and no more, `{GIT_TOKEN.command}`"


class GitChecks:
    """The checks of one repository.

    Args:
        dags: The stack's settings of its DAGs.
        probe: What asks the repository.
        credential: Gives the probe the key or token and says which, or raises `CheckError`.
        name: Name among `dags.moreRepositories`; empty for `dags.repository`.
    """

    def __init__(self, dags: Dags, probe: GitProbe, credential: Callable[[], str], name: str = "") -> None:
        self._dags, self._probe, self._credential = dags, probe, credential
        self._source: DagRepository = dags.more_repositories[name] if name else dags
        self._setting = f"airflow:dags.moreRepositories.{name}" if name else "airflow:dags"
        self._prefix = f"git {name}" if name else "git"
        self._url = GitUrl.parse(self._source.repository)
        self._port = self._url.port or {"ssh": 22, "https": 443, "http": 80}[self._url.scheme]

    def checks(self) -> list[Check]:
        """All checks, in their order."""
        identity = "host key" if self._url.is_ssh else "certificate"
        checks: dict[str, tuple[Callable[[], str], list[str]]] = {
            "credential": (self._credential, []),
            "host": (self._resolves, []),
            "port": (self._answers, ["host"]),
            identity: (self._is_known, ["port"]),
            "access": (self._accepted, ["credential", identity]),
            "repository": (self._exists, ["access"]),
            "ref": (self._has_ref, ["repository"]),
            "DAG files": (lambda: self._content.find_dags(), ["ref"]),
        }
        return [
            Check(f"{self._prefix} {name}", look, tuple(f"{self._prefix} {need}" for need in needs))
            for name, (look, needs) in checks.items()
        ]

    def _resolves(self) -> str:
        host = self._url.host
        if self._proxy:
            return f"{host} is reached through the proxy {self._proxy}"
        try:
            found = socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            way_out = f"correct the host in {self._setting}.repository, or the name server of this machine"
            raise CheckError(f"{host} does not resolve: {error}", way_out) from None
        return f"{host} is {', '.join(sorted({str(each[4][0]) for each in found}))}"

    def _answers(self) -> str:
        if self._proxy:
            return "is left to the proxy"
        where = f"{self._url.host} on port {self._port}"
        try:
            socket.create_connection((self._url.host, self._port), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            way_out = f"correct the port in {self._setting}.repository, or open the firewall towards it"
            raise CheckError(f"nothing answers at {where}: {error}", way_out) from None
        return f"something answers at {where}"

    def _is_known(self) -> str:
        if self._url.scheme == "http":
            way_out = f"write {self._setting}.repository with https://"
            raise CheckError("http:// shows everything on the way, a token too", way_out, Status.WARN)
        answer = self._probe.refs(anonymous=True)
        if self._url.is_ssh:
            self._judge_host_key(answer)
            return f"the host key of {self._url.host_and_port} is a known one"
        if not answer.ok and re.search(_UNTRUSTED, answer.stderr):
            raise CheckError(
                f"the certificate of {self._url.host} is not trusted: {one_line(answer.stderr)}",
                "let the host have one that the pods trust too; on this machine GIT_SSL_CAINFO names its authority",
            )
        return f"the certificate of {self._url.host} is trusted"

    def _judge_host_key(self, answer: GitOutput) -> None:
        where, scan = self._url.host_and_port, f"ssh-keyscan -p {self._port} {self._url.host}"
        if "IDENTIFICATION HAS CHANGED" in answer.stderr:
            shown = re.search(r"SHA256:[\w+/=]+", answer.stderr)
            raise CheckError(
                f"{where} shows another host key than the known one ({shown[0] if shown else 'fingerprint unknown'}): "
                "it has a new one, or somebody stands in between",
                f"ask who runs the host; only if that is theirs, put what `{scan}` prints into airflow:dags.knownHosts",
            )
        if "Host key verification failed" in answer.stderr:
            raise CheckError(
                f"the host key of {where} is unknown",
                f"put what `{scan}` prints into airflow:dags.knownHosts, and verify the fingerprint: "
                f"`{scan} | ssh-keygen -lf -` must print one that the host publishes",
            )
        if not answer.ok and not re.search(_DENIED, answer.stderr):
            way_out = f"correct host and port in {self._setting}.repository"
            raise CheckError(f"no SSH server of use answers at {where}: {one_line(answer.stderr)}", way_out)

    @cached_property
    def _answer(self) -> GitOutput:
        return self._probe.refs()

    @cached_property
    def _content(self) -> RepositoryContent:
        return RepositoryContent(self._source, self._setting, self._probe, self._answer.stdout)

    def _accepted(self) -> str:
        said = one_line(self._answer.stderr)
        if not self._answer.ok and re.search(_DENIED, said):
            raise CheckError(f"the git host refuses it: {said}", self._way_in())
        if not self._answer.ok and re.search(_BROKEN_OFF, said):
            raise CheckError(f"the git host broke off: {said}", "try again; if it stays so, ask who runs the host")
        return "the git host lets the stack in"

    def _way_in(self) -> str:
        match self._dags.authentication:
            case GitAuthentication.SSH_KEY | GitAuthentication.GENERATED_SSH_KEY:
                page = deploy_key_page(self._url, self._dags.git_host)
                return f"add this public key as a read-only deploy key, at {page}: {self._probe.public_key}"
            case GitAuthentication.TOKEN:
                return f"{_RENEW}; some hosts ask for a certain airflow:dags.username, here {self._dags.username!r}"
            case GitAuthentication.GITHUB_APP:
                return "let the App read the repository's contents, on the page of its installation"
        return f"it is private, or its path is wrong: `{GIT_TOKEN.command}`, or use an SSH URL"

    def _exists(self) -> str:
        path = repr(self._url.path)
        if not self._answer.ok:
            raise CheckError(
                f"the git host shows no {path}: {one_line(self._answer.stderr)}",
                f"correct {self._setting}.repository; where it is right, the key or token must be let into this very one",
            )
        if not self._content.commits:
            raise CheckError(f"{path} is empty", f"push a first commit to {self._source.ref!r}")
        return f"{path} is there"

    def _has_ref(self) -> str:
        return self._content.find_ref(tag_first=self._dags.delivery is DagDelivery.GIT_SYNC)

    @property
    def _proxy(self) -> str | None:
        """Where git goes instead, for an HTTPS repository."""
        if self._url.is_ssh or urllib.request.proxy_bypass(self._url.host):
            return None
        address = urllib.request.getproxies().get(self._url.scheme)
        return address.rpartition("@")[2] if address else None
