"""The installed wheel beside a user's folders, and the program with only the requirements: commands, plugin and policy pack."""

import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # publishes no types
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto.analyzer_pb2_grpc import AnalyzerStub
from pulumi.runtime.proto.provider_pb2 import GetSchemaRequest
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from airflow_stack.policies.rules import RULES
from airflow_stack.provider import SCHEMA
from tests.support.cases import HTTPS, deployed
from tests.support.installation import ROOT, Environment, build_wheel, environment

# Each runs the program in the working folder, which is first on the path, as in Pulumi's Python host.
RECORD = """
import json, runpy
from airflow_stack.cli.recording import record
seen = record(lambda: runpy.run_path("__main__.py", run_name="__main__"), stack="dev")
print(json.dumps([f"{each.type} {each.name}" for each in seen.resources.values()]))
"""
MOCK = """
import importlib.util, json, runpy, pulumi
seen = []
class Echo(pulumi.runtime.Mocks):
    def new_resource(self, args):
        seen.append(f"{args.typ} {args.name}")
        made = {"result": "x" * 32, "privateKeyOpenssh": "key", "publicKeyOpenssh": "key"}
        return args.name, {"status": {}, **made, **args.inputs}
    def call(self, args):
        raise AssertionError(args.token)
assert importlib.util.find_spec("airflow_stack") is None
pulumi.runtime.set_mocks(Echo(), project="airflow", stack="dev")
pulumi.runtime.test(lambda: runpy.run_path("__main__.py", run_name="__main__") and None)()
print(json.dumps(seen))
"""
IMPORTS = """
import components, policies, sandbox, tools
from airflow_stack import Airflow, AirflowArgs

assert {each.OWNER for each in (components, policies, sandbox, tools)} == {"user"}
args: AirflowArgs = {"dags": {"repository": "https://github.com/acme/dags.git"}}
Airflow("airflow", args)
"""
SETTINGS = {"dags": HTTPS, "rotation": {"fernet": 2}}
pytestmark = pytest.mark.xdist_group("wheel")  # two environments, made once
PULUMI_CONFIG = json.dumps({f"airflow:{key}": json.dumps(value) for key, value in SETTINGS.items()})


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Environment with the locked requirements, and the wheel with the extra of the policy pack."""
    return environment(tmp_path_factory.mktemp("installed") / "venv", f"{wheel}[policies]")


@pytest.fixture(scope="module")
def requirements(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Environment with only the locked requirements."""
    return environment(tmp_path_factory.mktemp("requirements") / "venv", "pulumi-policy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's repository with folders named like those of this one."""
    for name in ("components", "policies", "sandbox", "tools"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text('OWNER = "user"\n')
    return tmp_path


def registered(environment: Environment, script: str, folder: Path, **variables: str) -> set[str]:
    """Type and name of each resource that the program in a folder registers."""
    found: list[str] = json.loads(environment.run("python", "-c", script, cwd=folder, **variables))
    return set(found)


def of(args: dict[str, object]) -> set[str]:
    """Type and name of each resource of an `Airflow` in this checkout."""
    return {f"{each.type} {each.name}" for each in deployed(**args).resources.values()}


@contextmanager
def started(environment: Environment, *command: str, cwd: Path, **variables: str) -> Iterator[grpc.Channel]:
    """Start a plugin like Pulumi. It prints its port."""
    with subprocess.Popen(
        [environment.python, "-u", *command],
        cwd=cwd,
        env={**environment.variables, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            port = process.stdout.readline() if process.stdout else ""
            assert port.strip().isdigit(), process.communicate(timeout=10)
            with grpc.insecure_channel(f"127.0.0.1:{int(port)}") as channel:
                yield channel
        finally:
            process.terminate()


def test_the_wheel_contains_all_files_of_the_package_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "components"
    files = {str(file.relative_to(source)) for file in (source / "airflow_stack").rglob("*") if file.is_file()}
    files |= {f"airflow_stack/{file.relative_to(ROOT)}" for file in (ROOT / "template").rglob("*") if file.is_file()}
    files = {file for file in files if "__pycache__" not in file}
    with zipfile.ZipFile(wheel) as archive:
        content = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(content) == sorted(files)
    assert {"airflow_stack/py.typed", "airflow_stack/schema.json"} <= files


def test_a_program_uses_the_package_beside_its_own_folders_with_the_same_names(
    installed: Environment, folder: Path
) -> None:
    (folder / "__main__.py").write_text(IMPORTS)
    assert registered(installed, RECORD, folder) == of({"dags": HTTPS})


def test_the_example_runs_with_only_the_wheel_installed(installed: Environment, folder: Path) -> None:
    shutil.copy(ROOT / "examples" / "python" / "__main__.py", folder)
    assert registered(installed, RECORD, folder) == of({"dags": {**HTTPS, "branch": "main"}})


def test_three_files_and_the_wheel_make_a_deployment_and_the_command_line_checks_it(
    installed: Environment, folder: Path
) -> None:
    shutil.copy(ROOT / "__main__.py", folder)
    (folder / "Pulumi.yaml").write_text("name: airflow\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text(
        json.dumps({"config": {f"airflow:{key}": value for key, value in SETTINGS.items()}})
    )
    assert registered(installed, RECORD, folder, PULUMI_CONFIG=PULUMI_CONFIG) == of(SETTINGS)
    assert "check" in installed.run("airflow-stack", "--help", cwd=folder)
    assert "dev" in installed.run("airflow-stack", "check", "--stack", "dev", cwd=folder)


def test_the_program_of_this_repository_needs_only_the_requirements(requirements: Environment) -> None:
    seen = registered(requirements, MOCK, ROOT, PULUMI_CONFIG=PULUMI_CONFIG)
    assert seen - {"pulumi:pulumi:Stack airflow-dev"} == of(SETTINGS)


def test_the_plugin_serves_its_schema_from_any_working_folder(requirements: Environment, folder: Path) -> None:
    with started(requirements, str(ROOT / "components"), "127.0.0.1:1", cwd=folder) as channel:
        answer = ResourceProviderStub(channel).GetSchema(GetSchemaRequest(), timeout=30)
    assert json.loads(answer.schema) == json.loads(SCHEMA.read_text())


def test_the_plugin_serves_the_schema_of_an_installed_wheel(installed: Environment, folder: Path) -> None:
    plugin = folder / "plugin"
    plugin.mkdir()
    shutil.copy(ROOT / "components" / "__main__.py", plugin)
    with started(installed, str(plugin), "127.0.0.1:1", cwd=folder) as channel:
        answer = ResourceProviderStub(channel).GetSchema(GetSchemaRequest(), timeout=30)
    assert json.loads(answer.schema) == json.loads(SCHEMA.read_text())


@pytest.mark.parametrize("where", ["requirements", "installed"])
def test_the_policy_pack_serves_all_rules_from_the_checkout_and_from_the_wheel(
    where: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    if where == "installed":
        shutil.copy(ROOT / "template" / "policies" / "__main__.py", folder / "policies")
    pack = folder if where == "installed" else ROOT
    command = ("-m", "pulumi.policy", "127.0.0.1:1", str(pack / "policies"))
    with started(request.getfixturevalue(where), *command, cwd=folder) as channel:
        answer = AnalyzerStub(channel).GetAnalyzerInfo(Empty(), timeout=30)
    assert {policy.name for policy in answer.policies} == {rule.name for rule in RULES}
