"""A problem shows no secret: not in its value, and not in a reason that a library wrote."""

import pytest

from airflow_stack.inputs.wording import in_stack_file
from airflow_stack.settings.problem import HIDDEN, Problem

CANARY = "hunter2"


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{CANARY}@git.example.com/dags.git is not found",
        f"https://{CANARY}@git.example.com/dags.git is not found",
        f"cannot be read: -----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\n",
    ],
    ids=["password", "token", "private key"],
)
def test_a_reason_or_a_value_with_a_secret_is_redacted(text: str) -> None:
    for problem in (Problem("dags.repository", text), Problem("dags.repository", "is wrong", value=text)):
        assert CANARY not in in_stack_file(problem) + repr(problem)
        assert HIDDEN in in_stack_file(problem)


def test_a_long_value_is_shown_by_its_beginning() -> None:
    assert Problem("dags.path", "is wrong", value="x" * 80).value == repr("x" * 80)
    assert Problem("dags.path", "is wrong", value="x" * 81).value == repr("x" * 77 + "…")


@pytest.mark.parametrize(
    "value",
    [
        f"https://git.example.com/dags.git?private_token={CANARY}",
        f"git.example.com/dags.git?private_token={CANARY}",
        f"https://git.example.com/dags.git#{CANARY}",
        f"https://bot:2024/{CANARY}@github.com/acme/dags.git",
        f"bot:2024/{CANARY}@github.com/acme/dags.git",
        f"oci://bot:{CANARY}@registry.example.com/charts",
        f"git:{CANARY}@github.com:acme/dags.git",
    ],
)
def test_a_credential_in_any_part_of_an_address_is_hidden(value: str) -> None:
    for shown in (Problem("dags.repository", "is wrong", value=value), Problem("values.a", "is wrong", value=[value])):
        assert CANARY not in str(shown.value)


@pytest.mark.parametrize(
    "value",
    [
        "git@github.com:acme/dags.git",
        "ssh://git@h:22/a",
        "acme/it@sha256:0123",
        "registry:5000/it@sha256:0",
        "me@example.com",
    ],
)
def test_other_addresses_are_shown(value: str) -> None:
    assert Problem("dags.repository", "is wrong", value=value).value == repr(value)
