"""What all tests share: the profiles of hypothesis, and what stands in the way of a test that cannot run here."""

import os
from pathlib import Path

import hypothesis
import pytest

# A stored example would make a run depend on the one before; a slow machine is no fault of an example.
_COMMON = hypothesis.settings(database=None, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("normal", _COMMON, max_examples=300, derandomize=True)
hypothesis.settings.register_profile("long", _COMMON, max_examples=10_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("official_chart"):
        chart = os.environ.get("AIRFLOW_CHART")
        if not chart:
            pytest.skip("AIRFLOW_CHART does not name the official chart")
        if not Path(chart).exists():
            pytest.fail(f"AIRFLOW_CHART names {chart}, which is not there")
