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
