"""Clusters: the user's only by name, otherwise the best one that the sandbox can create here."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox import SandboxError, clusters
from sandbox.cluster import Cluster
from sandbox.clusters import KindCluster, NamedCluster
from sandbox.node import NodeCluster, machine
from sandbox.simulated import SimulatedCluster
from tests.support.golden import Golden


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config"
    contexts = [{"name": "arn:aws:eks:eu/prod"}, {"name": "staging"}]
    file.write_text(yaml.safe_dump({"current-context": "staging", "contexts": contexts}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the capabilities of this machine."""

    def offered(*, docker: bool = False, kind: bool = False, no_node: str | None = None, missing: str = "") -> None:
        monkeypatch.setattr(clusters, "_docker_answers", lambda: docker)
        monkeypatch.setattr(clusters, "_kind_available", lambda: kind)
        monkeypatch.setattr(machine, "unsupported_reason", lambda folder: no_node)
        monkeypatch.setattr(machine, "missing_packages", missing.split)
        monkeypatch.setattr(machine, "install", lambda names: None)

    return offered


def choose(state: Path, name: str | None = None, *, permitted: bool = False) -> Cluster:
    return clusters.choose(state, name, lambda packages: permitted)


def test_the_named_context_is_selected_without_a_change_of_the_users_kubeconfig(
    tmp_path: Path, kubeconfig: Path
) -> None:
    before = kubeconfig.read_text()
    chosen = choose(tmp_path / "state", "arn:aws:eks:eu/prod")
    assert isinstance(chosen, NamedCluster)
    chosen.start({})
    ours, theirs = chosen.kubeconfig.split(":", 1)
    assert yaml.safe_load(Path(ours).read_text())["current-context"] == "arn:aws:eks:eu/prod"
    assert (theirs, kubeconfig.read_text()) == (str(kubeconfig), before)
    assert not chosen.throwaway
    assert chosen.stop() == []


def test_an_unknown_context_is_refused_with_the_existing_ones(tmp_path: Path, kubeconfig: Path, golden: Golden) -> None:
    with pytest.raises(SandboxError) as refused:
        choose(tmp_path, "prod")
    assert str(refused.value) == golden


def test_no_dags_are_served_to_a_cluster_of_the_user(tmp_path: Path, kubeconfig: Path, golden: Golden) -> None:
    with pytest.raises(SandboxError) as refused:
        choose(tmp_path, "staging").git_server_address()
    assert str(refused.value) == golden


@pytest.mark.parametrize(
    ("machine_offers", "permitted", "expected"),
    [
        ({"docker": True, "kind": True}, False, KindCluster),
        ({"docker": True}, False, NodeCluster),
        ({}, False, NodeCluster),
        ({"missing": "debootstrap"}, True, NodeCluster),
        ({"missing": "debootstrap"}, False, SimulatedCluster),
        ({"no_node": "a node needs root"}, True, SimulatedCluster),
    ],
)
def test_without_a_name_the_best_possible_cluster_is_created(
    tmp_path: Path,
    kubeconfig: Path,
    offers: Callable[..., None],
    machine_offers: dict[str, object],
    permitted: bool,
    expected: type,
) -> None:
    offers(**machine_offers)
    chosen = choose(tmp_path / "state", permitted=permitted)
    assert isinstance(chosen, expected)
    assert chosen.throwaway
    assert str(kubeconfig) not in chosen.kubeconfig


def test_simulated_nodes_come_with_the_reason_and_the_alternatives(
    tmp_path: Path, offers: Callable[..., None], capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    offers(missing="debootstrap slirp4netns")
    choose(tmp_path)
    assert capsys.readouterr().out == golden


def test_a_named_node_that_cannot_run_is_an_error_with_the_alternatives(
    tmp_path: Path, offers: Callable[..., None], golden: Golden
) -> None:
    offers(no_node="a node needs root")
    with pytest.raises(SandboxError) as refused:
        choose(tmp_path / "state", "node")
    assert str(refused.value) == golden
    assert clusters.present(tmp_path / "state", None) is None


def test_an_existing_cluster_remains_the_choice(tmp_path: Path, offers: Callable[..., None]) -> None:
    offers(no_node="a node needs root")
    choose(tmp_path)
    offers(docker=True, kind=True)
    assert isinstance(choose(tmp_path), SimulatedCluster)
    assert isinstance(clusters.present(tmp_path, "simulated"), SimulatedCluster)


def test_a_second_type_of_cluster_is_refused(tmp_path: Path, offers: Callable[..., None], golden: Golden) -> None:
    choose(tmp_path, "simulated")
    with pytest.raises(SandboxError) as refused:
        choose(tmp_path, "node")
    assert str(refused.value) == golden
