"""The policy pack with the real engine: violations stop a deployment before any change."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import config_copy
from sandbox.sandbox_stack import PulumiResult, SandboxStack
from sandbox.toolchain import LocatedTool
from tests.support.cases import SERVED

pytest.importorskip("pulumi_policy", reason="pulumi-policy is not installed: make setup")

ROOT = Path(__file__).parents[2]
CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
CANARY = "canary-91d0"
VIOLATION = {"airflow:environment": {"STRIPE_API_KEY": CANARY}}
Opened = Callable[..., SandboxStack]


@pytest.fixture(scope="module")
def pack(tools: dict[str, LocatedTool], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pack for Pulumi's Python host. A host built from source gets it as a runtime with another name."""
    if tools["pulumi-language-python"].origin != "built here":
        yield str(ROOT / "policies")
        return
    folder = tmp_path_factory.mktemp("pack")
    (folder / "PulumiPolicy.yaml").write_text("version: 0.1.0\nruntime: pyhost\n")
    start = folder / "pulumi-analyzer-policy-pyhost"
    start.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$1" "{ROOT / "policies"}"\n')
    start.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(folder), prepend=os.pathsep)
        yield str(folder)


@pytest.fixture
def prepared(pack: str, open_stack: Opened) -> Opened:
    """Open a stack with the settings of its file and additional ones."""

    def prepare(name: str, settings: dict[str, Any]) -> SandboxStack:
        stack = open_stack(name)
        config_copy.write(ROOT / f"Pulumi.{name}.yaml", stack.config_file, throwaway=True, chart=CHART, served=SERVED)
        content = yaml.safe_load(stack.config_file.read_text())
        content["config"] |= {"airflow:namespace": "policies", **settings}
        stack.config_file.write_text(yaml.safe_dump(content))
        for key, value in config_copy.missing_secrets(stack.config_file, SERVED).items():
            stack.set_secret(key, value)
        return stack

    return prepare


def up(stack: SandboxStack, pack: str) -> PulumiResult:
    """Deploy with a preview, like a user."""
    return stack.run(
        "up", "--yes", "--stack", stack.name, "--config-file", str(stack.config_file), "--policy-pack", pack
    )


def test_a_violation_stops_the_deployment_with_the_message_of_the_rule_before_any_change(
    prepared: Opened, pack: str
) -> None:
    stack = prepared("dev", VIOLATION)
    stopped = up(stack, pack)
    assert not stopped.ok
    assert "[mandatory]" in stopped.output, stopped.output
    for word in (
        "no-plaintext-secrets",
        "STRIPE_API_KEY: ",
        "fix: ",
        "see: https://github.com/",
    ):
        assert word in stopped.output, stopped.output
    assert CANARY not in stopped.output
    assert not stack.export()["deployment"].get("resources")


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_stacks_of_this_project_pass(name: str, prepared: Opened, pack: str) -> None:
    passed = prepared(name, {}).preview("--policy-pack", pack)
    assert passed.ok, passed.output
    assert "airflow@v0.1.0" in passed.output, "the pack has run"
    for level in ("[mandatory]", "[advisory]"):
        assert level not in passed.output, passed.output


def test_a_compliant_stack_is_deployed_and_the_next_preview_is_unchanged(prepared: Opened, pack: str) -> None:
    stack = prepared("dev", {})
    deployed = up(stack, pack)
    assert deployed.ok, deployed.output
    assert set(stack.preview("--policy-pack", pack).changes) == {"same"}


def test_a_stack_sets_enforcement_level_and_environment_unless_they_are_overridden(
    prepared: Opened, pack: str, tmp_path: Path
) -> None:
    levels = {"no-plaintext-secrets": "advisory", "production-logs": "disabled"}
    chosen = {"policies:environment": "production", "policies:levels": levels, "airflow:logs": {}}
    stack = prepared("dev", {**VIOLATION, **chosen})
    judged = stack.preview("--policy-pack", pack)
    assert not judged.ok
    for found in (
        "[advisory]  no-plaintext-secrets",
        "[mandatory]  production-database",
        "[mandatory]  production-ref",
    ):
        assert found in judged.output, judged.output
    assert "production-logs" not in judged.output

    (tmp_path / "levels.json").write_text('{"no-plaintext-secrets": "mandatory", "production-ref": "disabled"}')
    overruled = stack.preview("--policy-pack", pack, "--policy-pack-config", str(tmp_path / "levels.json"))
    for found in ("[mandatory]  no-plaintext-secrets", "[mandatory]  production-database"):
        assert found in overruled.output, overruled.output
    assert "production-ref" not in overruled.output
    assert "production-logs" not in overruled.output


def test_a_wrong_level_is_an_error_and_nothing_runs(prepared: Opened, pack: str) -> None:
    refused = prepared("dev", {"policies:levels": {"own-key": "advisory"}}).preview("--policy-pack", pack)
    assert not refused.ok
    assert "policies:levels.own-key" in refused.output, refused.output
    assert "Traceback" not in refused.output
