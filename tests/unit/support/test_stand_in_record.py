"""`make test` leaves the tests of the stand-ins out only if they passed with exactly these files."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import stand_in_record
from tests.support.stand_in_record import ROOT, SOURCES, TESTS, record

Run = Callable[..., tuple[str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with an empty cache; return what it prints."""
    monkeypatch.setenv("AIRFLOW_STACK_CACHE", str(tmp_path))
    monkeypatch.delenv("STAND_INS", raising=False)

    def run(*words: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["stand_in_record", *words])
        stand_in_record.main()
        return capsys.readouterr()

    return run


def test_the_tests_run_until_they_passed_and_then_only_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run() == (f"{TESTS}\n", "")
    run("--passed")
    assert run() == ("", f"Not run: {TESTS}. It passed with these files; STAND_INS=all runs it.\n")
    monkeypatch.setenv("STAND_INS", "all")
    assert run() == (f"{TESTS}\n", "")


def test_a_commit_with_other_sources_records_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in_record, "_same_as", {"other": False, "same": True}.__getitem__)
    run("--same-as", "other")
    assert run()[0] == f"{TESTS}\n"
    run("--same-as", "same")
    assert run()[0] == ""


def test_a_changed_a_new_and_a_renamed_file_are_each_another_state(tmp_path: Path) -> None:
    sandbox, states = tmp_path / "sandbox", set()

    def state() -> None:
        states.add(record(Path(), tmp_path))

    sandbox.mkdir()
    (sandbox / "a.py").write_text("1")
    state()
    (sandbox / "a.py").write_text("2")
    state()
    (sandbox / "b.py").write_text("")
    state()
    (sandbox / "b.py").rename(sandbox / "c.py")
    state()
    assert len(states) == 4
    (sandbox / "__pycache__").mkdir()
    (sandbox / "__pycache__" / "a.pyc").write_text("")
    state()
    assert len(states) == 4


def test_every_source_exists() -> None:
    assert [source for source in SOURCES if not (ROOT / source).exists()] == []
