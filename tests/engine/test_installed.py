"""Deployment from three files and the installed package, without a checkout of this project, with the real engine."""

import os
import shutil
from collections.abc import Callable

import pytest
import yaml

from sandbox.sandbox_stack import SandboxStack
from tests.support.installation import ROOT, build_wheel, environment

CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
SETTINGS = {
    "airflow:namespace": "installed",
    "airflow:dags": {"repository": "https://github.com/acme/dags.git"},
    "airflow:chart": {"path": CHART},
}


def test_three_files_and_the_installed_wheel_are_deployed_and_destroyed(
    open_stack: Callable[..., SandboxStack], tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = tmp_path_factory.mktemp("project")
    environment(project / ".venv", str(build_wheel(tmp_path_factory.mktemp("wheel"))))
    shutil.copy(ROOT / "__main__.py", project)
    runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "airflow", "runtime": runtime}))
    stack = open_stack("dev", project)
    stack.config_file.write_text(yaml.safe_dump({"config": SETTINGS}))
    try:
        up = stack.up()
        assert up.ok, up.output
        assert stack.outputs()["namespace"] == "installed"
    finally:
        gone = stack.destroy()
    assert gone.ok, gone.output
    assert stack.export()["deployment"].get("resources", []) == []
