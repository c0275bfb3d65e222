"""The fixtures of the simulated cluster. Other tests do without them, and without their imports."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.support.simulated_cluster")
