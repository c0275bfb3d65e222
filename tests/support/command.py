"""Runs the command `airflow-stack` in this process."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from airflow_stack.cli import main


class Done(NamedTuple):
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `airflow-stack` with these arguments, and with the chart of the stack file."""
    monkeypatch.delenv("AIRFLOW_CHART", raising=False)
    monkeypatch.setenv("AIRFLOW_STACK_TRACEBACK", "1")  # a defect fails the test with its traceback

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["airflow-stack", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main.main()
        return Done(int(stopped.value.code or 0), *capsys.readouterr())

    return run
