"""The namespace of a stack: by its file, and by its state in a program that gives the arguments itself."""

import json
from pathlib import Path

import pytest
import yaml

from airflow_stack.cli.stack_cluster import namespace_reader
from airflow_stack.errors import UserError
from tests.support.fake_github import write_program

KUBECONFIG = {
    "current-context": "here",
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "users": [{"name": "me", "user": {}}],
}


def namespace(folder: Path, config: dict[str, object], deployed: list[str], given: str | None = None) -> str:
    """Namespace of a stack with these settings, whose state has an Airflow in each of these namespaces, and another release."""
    (folder / "kubeconfig").write_text(yaml.safe_dump(KUBECONFIG))
    (folder / "Pulumi.yaml").write_text("name: platform\n")
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {"kubernetes:context": "here", **config}}))
    kind = "kubernetes:helm.sh/v3:Release"
    releases = [(f"airflow:index:Airflow${kind}", name) for name in deployed] + [(kind, "monitoring")]
    state = [
        {"type": kind, "urn": f"urn:pulumi:dev::platform::{types}::{name}", "inputs": {"namespace": name}}
        for types, name in releases
    ]
    write_program(folder / "pulumi", f"print({json.dumps({'deployment': {'resources': state}})!r})")
    env = {"KUBECONFIG": str(folder / "kubeconfig"), "HOME": str(folder), "PATH": str(folder)}
    return namespace_reader(folder, "dev", env, given).namespace


def test_the_stack_file_names_the_namespace(tmp_path: Path) -> None:
    assert namespace(tmp_path, {"airflow:namespace": "mine"}, ["other"]) == "mine"
    assert namespace(tmp_path, {"airflow:size": "small"}, ["other"]) == "airflow"


def test_the_state_of_a_program_with_arguments_of_its_own_names_the_namespace(tmp_path: Path) -> None:
    assert namespace(tmp_path, {"platform:region": "eu"}, ["team-a"]) == "team-a"


def test_of_several_airflows_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        namespace(tmp_path, {}, ["team-b", "team-a"])
    assert str(refused.value) == "stack 'dev' has several Airflows\n    fix: name one with --namespace: team-a, team-b"
    assert namespace(tmp_path, {}, ["team-b", "team-a"], "team-b") == "team-b"


def test_a_stack_without_airflow_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no Airflow, neither in Pulumi\.dev\.yaml nor in its state"):
        namespace(tmp_path, {}, [])
