"""A state of the stand-ins is unchanged for the official plugins and the reverse, although the sandbox never mixes them: docs/plugins.md."""

from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.plugin_contract import (
    Program,
    Resources,
    choose,
    job,
    made,
    make_program,
    make_release,
    secret,
    stateful_set,
)
from tests.support.simulated_cluster import ROOT, OpenStack


@pytest.mark.official_plugins
@pytest.mark.parametrize(("first", "second"), [("stand-ins", "official"), ("official", "stand-ins")])
def test_a_stack_of_one_kind_of_plugins_is_unchanged_for_the_other(
    first: str,
    second: str,
    tmp_path: Path,
    open_stack: OpenStack,
    cluster: SimulatedCluster,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = [{"port": 80}]
    resources: Resources = {
        "password": ["random:index/randomPassword:RandomPassword", {"length": 20}],
        "bytes": ["random:index/randomBytes:RandomBytes", {"length": 32}],
        "key": ["tls:index/privateKey:PrivateKey", {"algorithm": "ED25519"}],
        "secret": secret("secret", namespace, a="1"),
        "set": stateful_set(namespace),
        "service": made("Service", "service", namespace, spec={"clusterIP": "None", "ports": ports}),
        "job": job(namespace),
        "release": make_release(tmp_path / "chart", namespace),
    }
    choose(first, monkeypatch)
    program = make_program(tmp_path / "program", open_stack)
    assert program.up(resources).ok

    choose(second, monkeypatch)
    home = program.stack.config_file.parent
    (home / "test.plugins").unlink()
    env = environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder())
    other = Program(program.folder, SandboxStack(program.folder, "test", home, env))
    preview = other.preview(resources)
    assert set(preview.changes) == {"same"}, preview.output
    assert other.unchanged()
    resources["set"][1]["spec"]["replicas"] = 2
    resources["secret"][1]["stringData"] = {"a": "2"}
    assert other.up(resources).changes == {"same": 7, "update": 1, "replace": 1}
    assert other.stack.destroy().ok
