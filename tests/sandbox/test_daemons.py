"""Background processes are found and stopped by their mark. Other processes are not touched."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox import daemons

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


def wait_for(text: str, log: Path) -> None:
    end = time.monotonic() + 10
    while text not in log.read_text():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_process_that_ignores_sigterm_is_found_and_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "_TERMINATE_SECONDS", 0.1)
    daemons.start(tmp_path, "stubborn", [sys.executable, "-c", STUBBORN])
    wait_for("up", daemons.log_file(tmp_path, "stubborn"))
    assert list(daemons.running(tmp_path)) == ["stubborn"]
    assert daemons.stop(tmp_path) == ["stubborn"]
    assert not daemons.running(tmp_path)
    assert daemons.stop(tmp_path) == []


def test_processes_of_another_folder_are_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
        env={**os.environ, "AIRFLOW_SANDBOX_HOME": str(other), "AIRFLOW_SANDBOX_PROCESS": "theirs"},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert daemons.running(tmp_path) == {}
        assert daemons.stop(tmp_path) == []
        assert daemons.running(other) == {"theirs": process.pid}
        assert process.poll() is None
        process.kill()


def test_a_process_that_restarts_its_child_is_stopped_with_it(tmp_path: Path) -> None:
    loop = "while :; do echo up; sleep 60; done"
    daemons.start(tmp_path, "loop", ["sh", "-c", loop])
    wait_for("up", daemons.log_file(tmp_path, "loop"))
    began = time.monotonic()
    assert daemons.stop(tmp_path) == ["loop"]
    assert time.monotonic() - began < 2
    assert daemons.pids(tmp_path, "loop") == []
