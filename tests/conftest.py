"""What all tests share: the profiles of hypothesis, and what stands in the way of a test that cannot run here."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pulumi.runtime.proto.source_pb2 import StackTrace

from tests.support.golden import golden, pytest_assertrepr_compare  # noqa: F401
from tests.support.simulated_cluster import (  # noqa: F401  the fixtures of tests/engine and tests/sandbox/engine
    client,
    cluster,
    namespace,
    open_stack,
    plugins,
    program,
    pytest_runtest_makereport,
    roll_out,
    tools,
)

# A stored example would make a run depend on the one before; a slow machine is no fault of an example.
_COMMON = hypothesis.settings(database=None, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("normal", _COMMON, max_examples=100, derandomize=True)
hypothesis.settings.register_profile("long", _COMMON, max_examples=10_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


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
