"""One simulated cluster for all engine tests of a run, and stacks with their own state.

The workers of pytest-xdist share the cluster. Each test uses its own namespaces and cluster-wide names.
"""

import fcntl
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from httpx2 import Timeout
from lightkube import Client, KubeConfig
from lightkube.config import client_adapter
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace

from airflow_stack.parts.rollout_watch import watch
from sandbox import pins, toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool
from tests.support import plugin_contract
from tests.support.plugin_contract import Program

ROOT = Path(__file__).parents[2]

OpenStack = Callable[..., SandboxStack]
LOGS = pytest.StashKey[Path]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last lines of the cluster's logs to the report of a failed test."""
    report = yield
    if report.failed and LOGS in item.config.stash:
        for log in sorted(item.config.stash[LOGS].glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-5:]
            report.sections.append((log.name, "\n".join(line[:300] for line in lines)))
    return report


@pytest.fixture(scope="session")
def tools() -> dict[str, LocatedTool]:
    """The toolchain, built if it is not cached."""
    plugin_contract.official()
    return toolchain.ensure([*pins.ENGINE, *SimulatedCluster.tools])


@pytest.fixture(scope="session")
def cluster(tools: dict[str, LocatedTool], pytestconfig: pytest.Config) -> SimulatedCluster:
    """Control plane of the run. The first worker starts it, tests/conftest.py stops it."""
    shared = Path(os.environ["AIRFLOW_STACK_TESTS"])
    cluster = SimulatedCluster(shared / "cluster")
    pytestconfig.stash[LOGS] = cluster.folder / "logs"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster.start(tools)
    return cluster


@pytest.fixture(scope="session")
def client(cluster: SimulatedCluster) -> Client:
    """Client with all permissions on the cluster."""
    config = KubeConfig.from_file(cluster.kubeconfig)
    return Client(config, field_manager="tests", timeout=Timeout(60), trust_env=False)  # tolerates a busy machine


@pytest.fixture(scope="session")
def roll_out(cluster: SimulatedCluster) -> Callable[..., list[str]]:
    """Run the program of the rollout Job, which simulated nodes do not run. It waits for the pods, or returns their problems."""
    config = KubeConfig.from_file(cluster.kubeconfig).get()
    assert config
    api = client_adapter.Client(config, client_adapter.ConnectionParams(trust_env=False))

    def rolled_out(namespace: str, *, patience: float = 60.0) -> list[str]:
        def read(version: str, path: str) -> Any:
            answer = api.get(f"/{version}/namespaces/{namespace}/{path}")
            if "/log?" in path:  # a simulated node has no logs
                return []
            return answer.raise_for_status().json()["items"]

        with mock.patch("airflow_stack.parts.rollout_watch.PATIENCE", patience):
            return watch(read, "airflow", 120)

    return rolled_out


@pytest.fixture(scope="session")
def open_stack(cluster: SimulatedCluster, tmp_path_factory: pytest.TempPathFactory) -> OpenStack:
    """Open a stack with its own state and settings, by default of this project."""

    def opened(name: str, project: Path = ROOT) -> SandboxStack:
        home = tmp_path_factory.mktemp("stacks")
        stack = SandboxStack(project, name, home, environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder()))
        stack.create()
        return stack

    return opened


@pytest.fixture(params=plugin_contract.KINDS)
def plugins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Kind of plugins: stand-ins or official."""
    plugin_contract.choose(request.param, monkeypatch)
    return str(request.param)


@pytest.fixture
def program(tmp_path: Path, open_stack: OpenStack, plugins: str) -> Program:
    """Program that declares the resources of the test."""
    return plugin_contract.make_program(tmp_path / "program", open_stack)


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """Namespace for one test."""
    name = f"test-{uuid4().hex[:8]}"
    client.create(Namespace(metadata=ObjectMeta(name=name)))
    yield name
    client.delete(Namespace, name)
