"""A cluster of the user's is used only when it is named; of ours, the best that this machine can have is taken."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox import SandboxError, clusters
from sandbox.clusters import Cluster, KindCluster, NamedCluster
from sandbox.node import NodeCluster, machine
from sandbox.simulated import SimulatedCluster


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config"
    contexts = [{"name": "arn:aws:eks:eu/prod"}, {"name": "staging"}]
    file.write_text(yaml.safe_dump({"current-context": "staging", "contexts": contexts}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


@pytest.fixture
def offers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What this machine offers."""

    def offered(*, docker: bool = False, kind: bool = False, refusal: str | None = None, missing: str = "") -> None:
        monkeypatch.setattr(clusters, "_docker_answers", lambda: docker)
        monkeypatch.setattr(clusters, "_kind_can_be_had", lambda: kind)
        monkeypatch.setattr(machine, "unsupported_reason", lambda folder: refusal)
        monkeypatch.setattr(machine, "missing_packages", missing.split)
        monkeypatch.setattr(machine, "install", lambda names: None)

    return offered


def choose(state: Path, name: str | None = None, *, agreed: bool = False) -> Cluster:
    return clusters.choose(state, name, lambda packages: agreed)


def test_the_named_context_is_selected_in_a_file_of_ours(tmp_path: Path, kubeconfig: Path) -> None:
    before = kubeconfig.read_text()
    chosen = choose(tmp_path / "state", "arn:aws:eks:eu/prod")
    assert isinstance(chosen, NamedCluster)
    chosen.start({})
    ours, theirs = chosen.kubeconfig.split(":", 1)
    assert yaml.safe_load(Path(ours).read_text())["current-context"] == "arn:aws:eks:eu/prod"
    assert (theirs, kubeconfig.read_text()) == (str(kubeconfig), before)
    assert not chosen.throwaway
    assert chosen.stop() == []


def test_an_unknown_context_is_refused_with_those_that_exist(tmp_path: Path, kubeconfig: Path) -> None:
    allowed = r"CLUSTER=prod is neither kind, node, simulated nor a context of .*; it has: arn:aws:eks:eu/prod, staging"
    with pytest.raises(SandboxError, match=allowed):
        choose(tmp_path, "prod")


def test_a_cluster_of_the_users_gets_no_repository_of_this_machine(tmp_path: Path, kubeconfig: Path) -> None:
    with pytest.raises(SandboxError, match="needs a repository that it can reach"):
        choose(tmp_path, "staging").git_server_address()


@pytest.mark.parametrize(
    ("machine_offers", "agreed", "expected"),
    [
        ({"docker": True, "kind": True}, False, KindCluster),
        ({"docker": True}, False, NodeCluster),
        ({}, False, NodeCluster),
        ({"missing": "debootstrap"}, True, NodeCluster),
        ({"missing": "debootstrap"}, False, SimulatedCluster),
        ({"refusal": "a node needs root"}, True, SimulatedCluster),
    ],
)
def test_without_a_name_the_best_cluster_of_ours_is_taken(
    tmp_path: Path,
    kubeconfig: Path,
    offers: Callable[..., None],
    machine_offers: dict[str, object],
    agreed: bool,
    expected: type,
) -> None:
    offers(**machine_offers)
    chosen = choose(tmp_path / "state", agreed=agreed)
    assert isinstance(chosen, expected)
    assert chosen.throwaway
    assert str(kubeconfig) not in chosen.kubeconfig


def test_why_nodes_are_simulated_is_said_with_the_way_out(
    tmp_path: Path, offers: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    offers(missing="debootstrap slirp4netns")
    choose(tmp_path)
    said = capsys.readouterr().out
    assert "debootstrap and slirp4netns of the distribution, which YES=1 installs" in " ".join(said.split())


def test_a_node_that_is_asked_for_and_cannot_be_is_an_error_with_the_next_best(
    tmp_path: Path, offers: Callable[..., None]
) -> None:
    offers(refusal="a node needs root")
    with pytest.raises(SandboxError, match=r"a node needs root; next best: .* CLUSTER=kind.*, or CLUSTER=simulated"):
        choose(tmp_path / "state", "node")
    assert clusters.present(tmp_path / "state", None) is None


def test_a_cluster_that_is_there_stays_the_choice(tmp_path: Path, offers: Callable[..., None]) -> None:
    offers(refusal="a node needs root")
    choose(tmp_path)
    offers(docker=True, kind=True)
    assert isinstance(choose(tmp_path), SimulatedCluster)
    assert isinstance(clusters.present(tmp_path, "simulated"), SimulatedCluster)


def test_another_type_than_the_one_that_is_there_is_refused(tmp_path: Path, offers: Callable[..., None]) -> None:
    choose(tmp_path, "simulated")
    with pytest.raises(SandboxError, match="CLUSTER=node, but there is one of type simulated; `make down` removes it"):
        choose(tmp_path, "node")
