"""The context of the kubeconfig that every command uses."""

import os
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.kubernetes_client import ClusterError, select_context
from tests.support.golden import Golden


def write_kubeconfig(file: Path, context: str) -> Path:
    clusters = [{"name": "c", "cluster": {"server": f"https://{context}"}}]
    contexts = [{"name": context, "context": {"cluster": "c"}}]
    file.write_text(yaml.safe_dump({"current-context": context, "clusters": clusters, "contexts": contexts}))
    return file


def test_the_context_is_the_one_that_the_provider_uses(tmp_path: Path) -> None:
    files = [write_kubeconfig(tmp_path / name, name) for name in ("one", "two")]
    env = {"KUBECONFIG": os.pathsep.join(map(str, files)), "HOME": str(tmp_path)}

    def server(kubeconfig: str | None, context: str | None, env: dict[str, str]) -> str:
        return select_context(kubeconfig, context, env).cluster.server

    assert server(None, None, env) == "https://one", "the first file has the current context"
    assert server(None, "two", env) == "https://two"
    assert server(files[1].read_text(), None, env) == "https://two"
    assert server(str(files[1]), None, {}) == "https://two"
    (tmp_path / "choice").write_text("current-context: two")
    env["KUBECONFIG"] = f"{tmp_path / 'choice'}{os.pathsep}{env['KUBECONFIG']}"
    assert server(None, None, env) == "https://two", "a file may choose a context of another"
    (tmp_path / ".kube").mkdir()
    write_kubeconfig(tmp_path / ".kube" / "config", "own")
    assert server(None, None, {"HOME": str(tmp_path)}) == "https://own"


def test_without_a_usable_kubeconfig_the_message_has_the_fix(tmp_path: Path, golden: Golden) -> None:
    def refused(context: str | None = None, **env: str) -> str:
        with pytest.raises(ClusterError) as error:
            select_context(None, context, {"HOME": str(tmp_path), **env})
        return str(error.value)

    assert refused() == golden(name="none")
    assert refused(KUBECONFIG="/nowhere") == golden(name="no file")
    file = write_kubeconfig(tmp_path / "one", "one")
    assert refused("prod", KUBECONFIG=str(file)) == golden(name="no context")
    for text in (
        "",
        "- 1",
        "contexts: 5",
        "current-context: one",
        "{",
        "contexts: [{name: one, context: {cluster: x}}]",
    ):
        file.write_text(text)
        assert "kubeconfig" in refused("one", KUBECONFIG=str(file))
