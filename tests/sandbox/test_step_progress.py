"""Progress and remaining time of a first `make up`."""

import time

import pytest

from sandbox.step_progress import StepProgress


def test_the_estimate_follows_the_speed_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = StepProgress({"pulumi": 100, "helm": 50})
    progress.start("pulumi")
    now += 30
    assert progress.left() == 120
    now += 170
    progress.finish("built")
    progress.start("helm")
    assert progress.left() == 100, "twice as slow as estimated so far"
    now += 500
    assert progress.left() == 0
