"""Shared by all tests: hypothesis profiles, one simulated cluster per run, and skips of tests that cannot run here."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pulumi.runtime.proto.source_pb2 import StackTrace

from tests.support.command import run_command  # noqa: F401
from tests.support.golden import golden, pytest_assertrepr_compare  # noqa: F401

# A stored example would make a run depend on the one before; a slow machine is no fault of an example.
_COMMON = hypothesis.settings(database=None, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("normal", _COMMON, max_examples=40, derandomize=True)
hypothesis.settings.register_profile("long", _COMMON, max_examples=10_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


_SHARED = "AIRFLOW_STACK_TESTS"  # the folder that all processes of one run share


_PREFIX = "airflow-stack-tests-"


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # the workers of xdist inherit the folder
        return
    for number in (signal.SIGTERM, signal.SIGHUP):  # a run that is ended removes its cluster too
        signal.signal(number, lambda *_: pytest.exit("terminated", returncode=143))
    for abandoned in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):  # by a run that was killed
        owner = abandoned.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists() and Path("/proc/self").exists():
            _removed(abandoned)
    os.environ[_SHARED] = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and (folder := os.environ.pop(_SHARED, "")):
        _removed(Path(folder))


def _removed(folder: Path) -> None:
    if (folder / "cluster").exists():
        from sandbox.simulated import SimulatedCluster  # slow to import, and only engine tests need it

        SimulatedCluster(folder / "cluster").stop()
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_finish() -> None:
    """Exempt the imported modules from garbage collection: it takes a tenth of the unit tests' time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.fixture(scope="session", autouse=True)
def _no_stack_traces() -> Iterator[None]:
    """The SDK sends the engine a stack trace with every resource: under pytest, the half of a recording's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulumi.runtime.resource._get_stack_trace", StackTrace)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("official_chart"):
        chart = os.environ.get("AIRFLOW_CHART")
        if not chart:
            pytest.skip("AIRFLOW_CHART does not name the official chart")
        if not Path(chart).exists():
            pytest.fail(f"AIRFLOW_CHART names {chart}, which is not there")
