"""A team's own repository: the template and the installed package, without a checkout of this project, with the real engine."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sandbox.sandbox_stack import SandboxStack
from tests.support.installation import ROOT, Environment, build_wheel, environment

CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
REPOSITORY = "https://github.com/acme/team-dags.git"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return environment(tmp_path_factory.mktemp("team") / ".venv", str(build_wheel(tmp_path_factory.mktemp("wheel"))))


@pytest.fixture(scope="module")
def repository(installed: Environment) -> Path:
    """The repository of a team, beside its virtual environment."""
    folder = installed.folder.parent
    written = installed.run("airflow-stack", "init", ".", "--repository", REPOSITORY, cwd=folder)
    assert "next: follow README.md" in written
    return folder


def test_every_stack_of_the_template_is_valid_and_renders(installed: Environment, repository: Path) -> None:
    assert installed.run("airflow-stack", "--version", cwd=repository).startswith("airflow-stack ")
    for stack in ("staging", "prod"):
        assert "is valid" in installed.run("airflow-stack", "check", "--stack", stack, cwd=repository)
        rendered = installed.run("airflow-stack", "render", "--stack", stack, "--chart", CHART, cwd=repository)
        assert REPOSITORY in rendered


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_the_stacks_of_the_template_are_deployed_and_destroyed(
    name: str, repository: Path, open_stack: Callable[..., SandboxStack]
) -> None:
    stack = open_stack(name, repository)
    config = yaml.safe_load((repository / f"Pulumi.{name}.yaml").read_text())["config"]
    config |= {"airflow:chart": {"path": CHART}, "airflow:protect": False}
    stack.config_file.write_text(yaml.safe_dump({"config": config}))
    if name == "prod":
        stack.set_secret("airflow:databasePassword", "a password")
    try:
        up = stack.up()
        assert up.ok, up.output
        assert stack.outputs()["namespace"] == f"airflow-{name}"
        assert not stack.preview("--expect-no-changes").steps
    finally:
        gone = stack.destroy()
    assert gone.ok, gone.output
    assert stack.export()["deployment"].get("resources", []) == []
