"""Fixtures of the simulated cluster, which other tests do not import."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.support.simulated_cluster")
