"""A cluster of the user's is used only when it is named."""

from pathlib import Path

import pytest
import yaml

from sandbox import SandboxError, cluster
from sandbox.cluster import Kind, Named
from sandbox.simulated import Simulated


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "config"
    contexts = [{"name": "arn:aws:eks:eu/prod"}, {"name": "staging"}]
    file.write_text(yaml.safe_dump({"current-context": "staging", "contexts": contexts}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def test_the_named_context_is_selected_in_a_file_of_ours(tmp_path: Path, kubeconfig: Path) -> None:
    before = kubeconfig.read_text()
    chosen = cluster.choose(tmp_path / "state", "arn:aws:eks:eu/prod")
    assert isinstance(chosen, Named)
    chosen.start({})
    ours, theirs = chosen.kubeconfig.split(":", 1)
    assert yaml.safe_load(Path(ours).read_text())["current-context"] == "arn:aws:eks:eu/prod"
    assert (theirs, kubeconfig.read_text()) == (str(kubeconfig), before)
    assert not chosen.throwaway
    assert chosen.stop() == []


def test_an_unknown_context_is_refused_with_those_that_exist(tmp_path: Path, kubeconfig: Path) -> None:
    with pytest.raises(SandboxError, match=r"CLUSTER=prod is no context of .*; it has: arn:aws:eks:eu/prod, staging"):
        cluster.choose(tmp_path, "prod")


@pytest.mark.parametrize(
    ("docker", "kind", "expected"), [(True, True, Kind), (True, False, Simulated), (False, True, Simulated)]
)
def test_without_a_name_the_best_throwaway_cluster_is_taken(
    tmp_path: Path, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch, docker: bool, kind: bool, expected: type
) -> None:
    monkeypatch.setattr(cluster, "_docker_answers", lambda: docker)
    monkeypatch.setattr(cluster, "_kind_can_be_had", lambda: kind)
    chosen = cluster.choose(tmp_path / "state", None)
    assert isinstance(chosen, expected)
    assert chosen.throwaway
    assert str(kubeconfig) not in chosen.kubeconfig


def test_a_cluster_that_is_there_stays_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_docker_answers", lambda: pytest.fail("Docker was asked"))
    (tmp_path / "cluster").mkdir()
    assert isinstance(cluster.choose(tmp_path, None), Simulated)
    (tmp_path / "cluster" / "kind").touch()
    assert isinstance(cluster.choose(tmp_path, None), Kind)
