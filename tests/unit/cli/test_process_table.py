"""Plugins that a dead Pulumi left running."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_stack.cli import process_table
from tests.support.pulumi_process import running_as_pulumi

linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


@linux
def test_only_plugins_of_a_dead_pulumi_are_ended(tmp_path: Path) -> None:
    marks = {"PULUMI_PROJECT": f"p{os.getpid()}", "PULUMI_CONFIG": "{}", "PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    sleep = [sys.executable, "-c", "input()"]
    with (
        running_as_pulumi(tmp_path, "cat; true", **marks) as living,
        subprocess.Popen(sleep, env=os.environ | marks, stdin=subprocess.PIPE) as orphan,
        subprocess.Popen(
            sleep, env=os.environ | marks | {"PULUMI_BACKEND_URL": "s3://b"}, stdin=subprocess.PIPE
        ) as other,
    ):
        found = process_table.orphaned_plugins(marks["PULUMI_PROJECT"], marks)
        assert [each.pid for each in found] == [orphan.pid]
        process_table.end(found)
        assert orphan.wait(10) != 0
        assert (living.poll(), other.poll()) == (None, None)


@linux
def test_the_language_host_of_a_dead_pulumi_is_found_by_its_backend(tmp_path: Path) -> None:
    host = tmp_path / "pulumi-language-python"
    shutil.copyfile(shutil.which("sleep") or "sleep", host)
    host.chmod(0o755)
    marks = {"PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    with subprocess.Popen([host, "60"], env=os.environ | marks) as orphan:
        assert [each.pid for each in process_table.orphaned_plugins("p", marks)] == [orphan.pid]
        assert process_table.orphaned_plugins("p", {"PULUMI_BACKEND_URL": "s3://b"}) == []
        orphan.kill()
