"""Runs of Pulumi with an observer."""

import sys
from pathlib import Path

import pytest

from airflow_stack.cli.status.model import PodProblem
from sandbox import observed_run
from sandbox.pod_watch import PodObservation

PULUMI = """
import os, signal, sys, time
def end(*_):
    os.write(1, b"cancelled, state saved\\n")  # `print` may be running
    sys.exit(1)
signal.signal(signal.SIGINT, end)
print("updating", flush=True)
time.sleep(60)
"""


def test_a_permanent_problem_is_printed_and_stops_pulumi_cleanly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setattr(observed_run, "_LOOK_SECONDS", 0.0)

    def look() -> PodObservation:
        if "updating" not in log.read_text():
            return PodObservation(changes=["scheduler: starting"])
        return PodObservation(problems=[PodProblem("no key", "reason", "fix")])

    assert not observed_run.run_observed([sys.executable, "-c", PULUMI], tmp_path, {}, log, look)
    printed = capfd.readouterr().out
    assert printed.index("scheduler: starting") < printed.index("error: no key") < printed.index("Stopped.")
    assert "cancelled, state saved" in log.read_text()


def test_an_interrupt_of_the_user_stops_pulumi_cleanly_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    monkeypatch.setattr(observed_run, "_LOOK_SECONDS", 0.0)

    def look() -> PodObservation:
        if "updating" in log.read_text():
            raise KeyboardInterrupt
        return PodObservation()

    assert not observed_run.run_observed([sys.executable, "-c", PULUMI], tmp_path, {}, log, look)
    assert log.read_text().count("cancelled, state saved") == 1


def test_the_output_of_pulumi_is_printed_and_its_success_returned(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", "print('first\\nlast')"]
    assert observed_run.run_observed(command, tmp_path, {}, tmp_path / "log", PodObservation)
    assert "first\nlast\n" in capfd.readouterr().out
