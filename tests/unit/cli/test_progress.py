"""Progress of slow steps: on a terminal only, and gone at the end."""

import io
import sys
import threading

import pytest

from airflow_stack.cli import progress


class Screen(io.StringIO):
    """A terminal, or not."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal, self.written = is_terminal, threading.Event()

    def isatty(self) -> bool:
        return self._is_terminal

    def flush(self) -> None:
        self.written.set()


def test_a_terminal_shows_what_a_slow_step_waits_for_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen(is_terminal=True)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0)
    with progress.waiting("waiting for `pulumi stack export`" + "x" * 200):
        assert screen.written.wait(60)
    shown = screen.getvalue().split("\r")
    assert shown[1].startswith("waiting for `pulumi stack export`")
    assert shown[1].rstrip().endswith(" s")
    assert max(map(len, shown)) < 80
    assert (shown[-2].strip(), shown[-1]) == ("", "")


def test_a_quick_step_and_a_file_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for screen, seconds in ((Screen(is_terminal=True), 1000), (Screen(is_terminal=False), 0)):
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(progress, "SILENT_SECONDS", seconds)
        with progress.waiting("x"):
            pass
        assert screen.getvalue() == ""
