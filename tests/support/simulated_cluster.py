"""One simulated cluster for all engine tests of a run, and stacks on it with state of their own.

The workers of pytest-xdist share the cluster. A test keeps to namespaces and cluster-wide names that no other test uses.
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
    """Show the end of the cluster's logs with a test that failed."""
    report = yield
    if report.failed and LOGS in item.config.stash:
        for log in sorted(item.config.stash[LOGS].glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-5:]
            report.sections.append((log.name, "\n".join(line[:300] for line in lines)))
    return report


@pytest.fixture(scope="session")
def tools() -> dict[str, LocatedTool]:
    """The toolchain; made now if it is not cached."""
    plugin_contract.official()
    return toolchain.ensure([*pins.ENGINE, *SimulatedCluster.tools])


@pytest.fixture(scope="session")
def cluster(tools: dict[str, LocatedTool], pytestconfig: pytest.Config) -> SimulatedCluster:
    """The control plane of the run: the first worker starts it, and tests/conftest.py ends it."""
    shared = Path(os.environ["AIRFLOW_STACK_TESTS"])
    cluster = SimulatedCluster(shared / "cluster")
    pytestconfig.stash[LOGS] = cluster.folder / "logs"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster.start(tools)
    return cluster


@pytest.fixture(scope="session")
def client(cluster: SimulatedCluster) -> Client:
    """A client with all rights on the cluster."""
    config = KubeConfig.from_file(cluster.kubeconfig)
    return Client(config, field_manager="tests", timeout=Timeout(60), trust_env=False)  # a busy machine is no failure


@pytest.fixture(scope="session")
def roll_out(cluster: SimulatedCluster) -> Callable[..., list[str]]:
    """Do what the rollout Job does, whose program no simulated node runs: wait for a release's pods, or return what hinders them."""
    config = KubeConfig.from_file(cluster.kubeconfig).get()
    assert config
    api = client_adapter.Client(config, client_adapter.ConnectionParams(trust_env=False))

    def rolled_out(namespace: str, *, patience: float = 60.0) -> list[str]:
        def read(version: str, path: str) -> Any:
            answer = api.get(f"/{version}/namespaces/{namespace}/{path}")
            if "/log?" in path:  # a simulated node has none
                return []
            return answer.raise_for_status().json()["items"]

        with mock.patch("airflow_stack.parts.rollout_watch.PATIENCE", patience):
            return watch(read, "airflow", 120)

    return rolled_out


@pytest.fixture(scope="session")
def open_stack(cluster: SimulatedCluster, tmp_path_factory: pytest.TempPathFactory) -> OpenStack:
    """Open a stack of a project, by default of this one, with state and settings of its own."""

    def opened(name: str, project: Path = ROOT) -> SandboxStack:
        home = tmp_path_factory.mktemp("stacks")
        stack = SandboxStack(project, name, home, environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder()))
        stack.create()
        return stack

    return opened


@pytest.fixture(params=plugin_contract.KINDS)
def plugins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The kind of plugins that a test of their contract runs with."""
    plugin_contract.choose(request.param, monkeypatch)
    return str(request.param)


@pytest.fixture
def program(tmp_path: Path, open_stack: OpenStack, plugins: str) -> Program:
    """A program that declares what the test tells it to."""
    return plugin_contract.make_program(tmp_path / "program", open_stack)


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A namespace for one test."""
    name = f"test-{uuid4().hex[:8]}"
    client.create(Namespace(metadata=ObjectMeta(name=name)))
    yield name
    client.delete(Namespace, name)
