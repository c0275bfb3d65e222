"""Git checks of `doctor`, from the name of the git host to the DAG files, with the stack's own key and known hosts.

Causes are told apart by the messages of git and ssh in the C locale.
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


class GitChecks:
    """The checks of one repository.

    Args:
        dags: DAG settings of the stack.
        probe: Runs git on the repository.
        credential: Gives the probe the key or token and returns its name, or raises `CheckError`.
        name: Name in `dags.moreRepositories`; empty for `dags.repository`.
    """

    def __init__(self, dags: Dags, probe: GitProbe, credential: Callable[[], str], name: str = "") -> None:
        self._dags, self._probe, self._credential = dags, probe, credential
        self._source: DagRepository = dags.more_repositories[name] if name else dags
        self._setting = f"airflow:dags.moreRepositories.{name}" if name else "airflow:dags"
        self._prefix = f"git {name}" if name else "git"
        self._url = GitUrl.parse(self._source.repository)
        self._port = self._url.port or {"ssh": 22, "https": 443, "http": 80}[self._url.scheme]

    def checks(self) -> list[Check]:
        """All checks, in order."""
        identity = "host key" if self._url.is_ssh else "certificate"
        checks: dict[str, tuple[Callable[[], str], list[str]]] = {
            "credential": (self._credential, []),
            "host": (self._host, []),
            "port": (self._port_answers, ["host"]),
            identity: (self._identity, ["port"]),
            "access": (self._access, ["credential", identity]),
            "repository": (self._repository, ["access"]),
            "ref": (self._ref, ["repository"]),
            "DAG files": (lambda: self._content.find_dags(), ["ref"]),
        }
        return [
            Check(f"{self._prefix} {name}", run, tuple(f"{self._prefix} {need}" for need in needs))
            for name, (run, needs) in checks.items()
        ]

    def _host(self) -> str:
        host = self._url.host
        if self._proxy:
            return f"{host} is reached through the proxy {self._proxy}"
        try:
            found = socket.getaddrinfo(host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            fix = f"correct the host in {self._setting}.repository, or this machine's name server"
            raise CheckError(f"{host} does not resolve: {error}", fix) from None
        return f"{host} is {', '.join(sorted({str(each[4][0]) for each in found}))}"

    def _port_answers(self) -> str:
        if self._proxy:
            return "depends on the proxy"
        address = f"{self._url.host} on port {self._port}"
        try:
            socket.create_connection((self._url.host, self._port), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            fix = f"correct the port in {self._setting}.repository, or open the firewall for it"
            raise CheckError(f"{address} does not answer: {error}", fix) from None
        return f"{address} answers"

    def _identity(self) -> str:
        if self._url.scheme == "http":
            fix = f"use https:// in {self._setting}.repository"
            raise CheckError("http:// is readable on the network, including a token", fix, Status.WARN)
        output = self._probe.refs(anonymous=True)
        if self._url.is_ssh:
            self._check_host_key(output)
            return f"the host key of {self._url.host_and_port} is known"
        if not output.ok and re.search(_UNTRUSTED, output.stderr):
            raise CheckError(
                f"the certificate of {self._url.host} is not trusted: {one_line(output.stderr)}",
                "use a certificate that the pods trust too; on this machine GIT_SSL_CAINFO names its authority",
            )
        return f"the certificate of {self._url.host} is trusted"

    def _check_host_key(self, output: GitOutput) -> None:
        where, scan = self._url.host_and_port, f"ssh-keyscan -p {self._port} {self._url.host}"
        if "IDENTIFICATION HAS CHANGED" in output.stderr:
            found = re.search(r"SHA256:[\w+/=]+", output.stderr)
            raise CheckError(
                f"{where} has another host key than the known one ({found[0] if found else 'fingerprint unknown'}): "
                "a new key, or a man in the middle",
                f"ask the operators of the host; if the key is theirs, put the output of `{scan}` into airflow:dags.knownHosts",
            )
        if "Host key verification failed" in output.stderr:
            raise CheckError(
                f"the host key of {where} is unknown",
                f"put the output of `{scan}` into airflow:dags.knownHosts, and verify the fingerprint: "
                f"`{scan} | ssh-keygen -lf -` must print one that the host publishes",
            )
        if not output.ok and not re.search(_DENIED, output.stderr):
            fix = f"correct host and port in {self._setting}.repository"
            raise CheckError(f"{where} is not a working SSH server: {one_line(output.stderr)}", fix)

    @cached_property
    def _refs(self) -> GitOutput:
        return self._probe.refs()

    @cached_property
    def _content(self) -> RepositoryContent:
        return RepositoryContent(self._source, self._setting, self._probe, self._refs.stdout)

    def _access(self) -> str:
        message = one_line(self._refs.stderr)
        if not self._refs.ok and re.search(_DENIED, message):
            raise CheckError(f"the git host denies access: {message}", self._access_fix())
        if not self._refs.ok and re.search(_BROKEN_OFF, message):
            raise CheckError(
                f"the connection broke off: {message}", "try again; then ask the operators of the git host"
            )
        return "the git host grants access"

    def _access_fix(self) -> str:
        match self._dags.authentication:
            case GitAuthentication.SSH_KEY | GitAuthentication.GENERATED_SSH_KEY:
                page = deploy_key_page(self._url, self._dags.git_host)
                return f"add this public key as a read-only deploy key, at {page}: {self._probe.public_key}"
            case GitAuthentication.TOKEN:
                username = f"some hosts require a certain airflow:dags.username, here {self._dags.username!r}"
                return f"renew the token, with read access to the repository only: `{GIT_TOKEN.command}`; {username}"
            case GitAuthentication.GITHUB_APP:
                return "grant the App read access to the repository's contents, on the page of its installation"
        return f"it is private, or its path is wrong: `{GIT_TOKEN.command}`, or use an SSH URL"

    def _repository(self) -> str:
        path = repr(self._url.path)
        if not self._refs.ok:
            raise CheckError(
                f"the git host does not find {path}: {one_line(self._refs.stderr)}",
                f"correct {self._setting}.repository; if it is right, give the key or token access to this repository",
            )
        if not self._content.commits:
            raise CheckError(f"{path} is empty", f"push a first commit to {self._source.ref!r}")
        return f"{path} exists"

    def _ref(self) -> str:
        return self._content.find_ref(tag_first=self._dags.delivery is DagDelivery.GIT_SYNC)

    @property
    def _proxy(self) -> str | None:
        """Address of git's proxy, for an HTTPS repository."""
        if self._url.is_ssh or urllib.request.proxy_bypass(self._url.host):
            return None
        address = urllib.request.getproxies().get(self._url.scheme)
        return address.rpartition("@")[2] if address else None
