"""One simulated cluster for all engine tests, and stacks on it with state of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lightkube import Client, KubeConfig

from sandbox import pins, toolchain
from sandbox.simulated import Simulated
from sandbox.stack import Stack, environment
from sandbox.toolchain import Found

ROOT = Path(__file__).parents[2]

OpenStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def tools() -> dict[str, Found]:
    """The toolchain; made now if it is not cached."""
    return toolchain.ensure([*pins.ENGINE, *Simulated.tools])


@pytest.fixture(scope="session")
def cluster(tools: dict[str, Found], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    """A control plane for the session."""
    cluster = Simulated(tmp_path_factory.mktemp("sandbox") / "cluster")
    try:
        cluster.start(tools)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def client(cluster: Simulated) -> Client:
    """A client with all rights on the cluster."""
    return Client(KubeConfig.from_file(cluster.kubeconfig), field_manager="tests")


@pytest.fixture(scope="session")
def open_stack(cluster: Simulated, tmp_path_factory: pytest.TempPathFactory) -> OpenStack:
    """Open a stack of a project, by default of this one, with state and settings of its own."""

    def opened(name: str, project: Path = ROOT) -> Stack:
        home = tmp_path_factory.mktemp("stacks")
        stack = Stack(project, name, home, environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder()))
        stack.create()
        return stack

    return opened
