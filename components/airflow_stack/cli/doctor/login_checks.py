"""Checks of the login: the provider's metadata, its certificate and this machine's clock. The pods need the same access as this machine."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from airflow_stack.chart.login import github_host, issuer, metadata_address, redirect_address
from airflow_stack.chart.values import chart_values
from airflow_stack.choices import LoginProvider
from airflow_stack.cli.kubernetes_client import CONNECT_SECONDS
from airflow_stack.settings.access import Login
from airflow_stack.settings.models import Settings

from .model import Check, CheckError, Status

_CLOCK_SECONDS = 60
"""Half of the leeway of authlib 1.6, which refuses tokens beyond it (integrations/base_client, `leeway=120`)."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    body: bytes
    headers: Mapping[str, str]


def fetch(url: str) -> Answer:
    """Read a page; `OSError` without an answer, or without one of status 2xx."""
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:  # noqa: S310  the settings take https only
        return Answer(answer.read(1_000_000), answer.headers)


class LoginChecks:
    """The checks of one stack's login.

    Args:
        settings: Settings of the stack.
        login: Its login.
        read: Reads a page.
        now: The time of this machine.
    """

    def __init__(
        self,
        settings: Settings,
        login: Login,
        read: Callable[[str], Answer] = fetch,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings, self._login, self._read, self._now = settings, login, read, now
        is_github = login.provider is LoginProvider.GITHUB
        self._url = f"https://{github_host(login)}/" if is_github else metadata_address(login)

    def checks(self) -> list[Check]:
        """All checks, in order."""
        return [
            Check("login redirect", self._redirect),
            Check("login provider", self._provider),
            Check("login clock", self._clock, ("login provider",)),
        ]

    def _redirect(self) -> str:
        found = redirect_address(self._settings, chart_values(self._settings))
        return f"{found} must be a redirect address of the client {self._login.client_id}"

    @cached_property
    def _answer(self) -> Answer:
        try:
            return self._read(self._url)
        except urllib.error.HTTPError as error:
            fix = "correct airflow:access.login" if error.code == 404 else "ask the operators of the identity provider"
            raise CheckError(f"{self._url} answers {error.code}", fix) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                fix = "use a certificate that the pods trust too; on this machine SSL_CERT_FILE names its authority"
                raise CheckError(
                    f"the certificate of {self._url} is not trusted: {reason.verify_message}", fix
                ) from None
            raise CheckError(
                f"{self._url} does not answer: {reason}", "open the network to it, for the pods too"
            ) from None

    def _provider(self) -> str:
        if self._login.provider is LoginProvider.GITHUB:
            return f"{self._url} answers, with a trusted certificate" if self._answer else ""
        try:
            found: Any = json.loads(self._answer.body)
            named = str(found["issuer"])
            ends = [str(found[f"{each}_endpoint"]) for each in ("authorization", "token")]
        except (ValueError, KeyError, TypeError):
            fix = "correct the issuer in airflow:access.login"
            raise CheckError(f"{self._url} is no metadata of OpenID Connect", fix) from None
        # A domain of Entra ID's tenant stands for its ID.
        if self._login.issuer and named != issuer(self._login):
            raise CheckError(f"{self._url} is the metadata of {named}", f"set airflow:access.login.issuer to {named}")
        if plain := [each for each in ends if not each.startswith("https://")]:
            raise CheckError(f"the provider sends codes and secrets to {plain[0]}", "switch TLS on at the provider")
        return f"{named} publishes its metadata, with a trusted certificate"

    def _clock(self) -> str:
        try:
            there = parsedate_to_datetime(self._answer.headers["Date"])
        except (KeyError, TypeError, ValueError):
            raise CheckError("the provider sends no time", status=Status.SKIPPED) from None
        seconds = round(abs((self._now() - there).total_seconds()))
        if seconds > _CLOCK_SECONDS:
            fix = "synchronize the clocks, also those of the nodes: tokens are valid for minutes"
            raise CheckError(f"this machine's clock differs by {seconds} s from the provider's", fix, Status.WARN)
        return f"this machine's clock differs by {seconds} s from the provider's"
