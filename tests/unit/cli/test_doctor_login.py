"""`doctor` checks the identity provider: metadata, certificate and clock."""

import json
import ssl
import urllib.error
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from typing import Any

import pytest

from airflow_stack.cli.doctor.login_checks import Answer, LoginChecks
from airflow_stack.cli.doctor.model import run_checks
from airflow_stack.inputs.validation import load
from tests.support.golden import Golden
from tests.support.login import login

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ISSUER = "https://acme.okta.com"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
}


def answers(content: object = METADATA, date: datetime | None = NOW) -> Callable[[str], Answer]:
    headers = {"Date": format_datetime(date, usegmt=True)} if date else {}
    return lambda _: Answer(json.dumps(content).encode(), headers)


def raises(error: Exception) -> Callable[[str], Answer]:
    def read(_: str) -> Answer:
        raise error

    return read


def found(read: Callable[[str], Answer], provider: str = "okta", **more: Any) -> str:
    stack = load("test", {**login(provider, **more), "loginClientSecret": "s"}, {"loginClientSecret"})
    assert stack.access.login
    checks = LoginChecks(stack, stack.access.login, read, lambda: NOW).checks()
    return "\n".join(f"{result.status}  {result}" for result in run_checks(checks))


def untrusted() -> Exception:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "unable to get local issuer certificate"
    return urllib.error.URLError(error)


PROVIDERS = {
    "in order": answers(),
    "another issuer": answers({**METADATA, "issuer": f"{ISSUER}/oauth2/default"}),
    "no metadata": answers(["a page"]),
    "plain HTTP": answers({**METADATA, "token_endpoint": "http://acme.okta.com/token"}),
    "a wrong address": raises(urllib.error.HTTPError(ISSUER, 404, "not found", Message(), None)),
    "no answer": raises(urllib.error.URLError("Name or service not known")),
    "an untrusted certificate": raises(untrusted()),
    "another time": answers(date=NOW.replace(hour=11)),
    "no time": answers(date=None),
}


@pytest.mark.parametrize("case", PROVIDERS)
def test_the_provider_is_checked_with_the_way_out(case: str, golden: Golden) -> None:
    assert found(PROVIDERS[case]) == golden


def test_github_has_no_metadata(golden: Golden) -> None:
    assert found(answers("a page"), "github", host="github.example.com") == golden


def test_a_domain_of_entra_id_stands_for_its_tenant() -> None:
    named = "https://login.microsoftonline.com/99999999-8888-7777-6666-555555555555/v2.0"
    assert "FAIL" not in found(answers({**METADATA, "issuer": named}), "azure", tenant="acme.onmicrosoft.com").upper()
