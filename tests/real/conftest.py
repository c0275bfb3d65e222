"""One checkout with its own sandbox for the whole suite, on a node of this machine or in kind. Skips the tests if neither is possible."""

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx2
import lightkube
import pytest
from lightkube.core.exceptions import ConfigError

from sandbox.node import machine
from tests.support.project import Project


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "real" not in item.config.option.markexpr:
        pytest.skip("takes a quarter of an hour on real pods: make test-real")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the pods and the warnings of the cluster to the report of a failed test."""
    report = yield
    project = getattr(item, "funcargs", {}).get("project")
    if report.failed and project:
        with suppress(httpx2.TransportError, lightkube.ApiError, ConfigError, OSError):  # the cluster may be gone
            report.sections.append(("pods and warnings", project.observations()))
    return report


@pytest.fixture(scope="session")
def cluster_type(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A node of this machine if possible, otherwise kind."""
    why = machine.unsupported_reason(tmp_path_factory.getbasetemp() / "cluster")
    if not why and not os.environ.get("CI") and (missing := machine.missing_packages()):
        why = f"a node needs {' and '.join(missing)}, which `CI=1 make test-real` installs"
    if not why:
        return "node"
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return "kind"
    pytest.skip(f"{why}; and Docker does not answer")


@pytest.fixture(scope="session")
def project(cluster_type: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A fresh checkout, whose sandbox is removed after the tests."""
    folder = tmp_path_factory.mktemp("real") / "checkout"
    with pytest.MonkeyPatch.context() as patch:
        if chart := os.environ.get("AIRFLOW_CHART"):
            patch.setenv("AIRFLOW_CHART", str(Path(chart).resolve()))
        project = Project.copy(folder, cluster_type)
        try:
            yield project
        finally:
            print(project.run("-m", "sandbox", "down").stdout)


@pytest.fixture(scope="session")
def installed(project: Project) -> str:
    """Output of the first `up`."""
    return project.up()
