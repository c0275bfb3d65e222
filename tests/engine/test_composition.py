"""Compositions of platform teams with the real engine: existing resources, references between stacks, several clusters, several teams."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Namespace, Pod, ResourceQuota, Secret

from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.engine.test_stacks import prepare

ROOT = Path(__file__).parents[2]
CHART = os.environ.get("AIRFLOW_CHART") or str(ROOT / "sandbox" / "chart")
OpenStack = Callable[..., SandboxStack]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, with the available chart."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv").symlink_to(sys.prefix)
    for name in ("airflow_on_platform", "platform", "teams", "transforms"):
        shutil.copytree(ROOT / "examples" / name, folder / "examples" / name)
    for program in folder.glob("examples/*/__main__.py"):
        chart = rf'\1"chart": {{"path": "{CHART}"}},\n\1"dags":'
        program.write_text(re.sub(r'^( +)"dags":', chart, program.read_text(), flags=re.MULTILINE))
    return folder / "examples"


def comes_up_and_stays(stack: SandboxStack) -> None:
    up = stack.up()
    assert up.ok, up.output
    preview = stack.preview("--diff")
    assert set(preview.changes) == {"same"}, preview.output


def goes(stack: SandboxStack) -> None:
    gone = stack.destroy()
    assert gone.ok, gone.output
    assert stack.export()["deployment"].get("resources", []) == []


def namespaces(client: Client) -> set[str]:
    return {found.metadata.name or "" for found in client.list(Namespace) if found.metadata}


def labels(client: Client, namespace: str) -> dict[str, str]:
    metadata = client.get(Namespace, namespace).metadata
    return dict((metadata and metadata.labels) or {})


def test_an_existing_namespace_and_existing_secrets_are_used_unchanged_and_survive(
    open_stack: OpenStack, client: Client
) -> None:
    theirs = {
        "fernetKey": {"fernet-key": "canary-fernet"},
        "jwtSecret": {"jwt-secret": "canary-jwt"},
        "metadataConnection": {"connection": "canary-url"},
        "asyncMetadataConnection": {"asyncConnection": "canary-url"},
        "adminPassword": {"password": "canary-password"},
    }
    client.create(Namespace(metadata=ObjectMeta(name="theirs", labels={"owner": "platform"})))
    for held, data in theirs.items():
        metadata = ObjectMeta(name=f"vault-{held.lower()}", namespace="theirs")
        client.create(Secret(metadata=metadata, stringData=data))
    before = labels(client, "theirs")
    stack = open_stack("dev")
    existing = {held: f"vault-{held.lower()}" for held in theirs}
    changes = {"airflow:namespace": "theirs", "airflow:createNamespace": False, "airflow:existingSecrets": existing}
    prepare(stack, {**changes, "airflow:database": {}}, {})
    try:
        comes_up_and_stays(stack)
        state = [r["urn"].split("::")[-1] for r in stack.export()["deployment"]["resources"]]
        assert not {"airflow-fernet-key-1", "airflow-jwt-secret-1", "airflow-admin-password-1", "airflow-namespace"} & {
            *state
        }
        assert "airflow-api-secret-key-1" in state, "a Secret without a name in the settings is still generated"
        assert "canary" not in str(stack.export())
        assert labels(client, "theirs") == before
    finally:
        goes(stack)
    assert labels(client, "theirs") == before
    kept = {found.metadata.name for found in client.list(Secret, namespace="theirs") if found.metadata}
    assert set(existing.values()) <= kept
    assert not {name for name in kept if name and name.startswith("airflow-")}


TWO_CLUSTERS = f"""
import os, pulumi, pulumi_kubernetes as k8s
from airflow_stack import Airflow

for cluster in ("blue", "green"):
    provider = k8s.Provider(cluster, kubeconfig=os.environ[cluster.upper()], enable_secret_mutable=True)
    Airflow(
        cluster,
        {{
            "chart": {{"path": {CHART!r}}},
            "dags": {{"repository": "https://github.com/acme/dags.git"}},
            "namespace": f"in-{{cluster}}",
        }},
        pulumi.ResourceOptions(provider=provider),
    )
"""


def test_two_clusters_in_one_program_each_use_their_own_provider(
    cluster: SimulatedCluster, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("blue", "green"):  # two kubeconfigs of one cluster: two clusters for the engine
        shutil.copy(cluster.kubeconfig, tmp_path / name)
        monkeypatch.setenv(name.upper(), str(tmp_path / name))
    project = tmp_path / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: two-clusters\nruntime: python\n")
    (project / "__main__.py").write_text(TWO_CLUSTERS)
    home = tmp_path / "home"
    env = environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder())
    env["KUBECONFIG"] = str(tmp_path / "none")  # without the provider no cluster is reachable
    stack = SandboxStack(project, "dev", home, env)
    stack.create()
    try:
        comes_up_and_stays(stack)
        own = [r for r in stack.export()["deployment"]["resources"] if r["type"].startswith("kubernetes:")]
        assert len(own) > 24
        for resource in own:
            name = resource["urn"].split("::")[-1].split("-")[0]
            assert resource["provider"].split("::")[-2] == name, resource["urn"]
    finally:
        goes(stack)
    assert not {"in-blue", "in-green"} & namespaces(client)


KEPT = f"""
import pulumi
from airflow_stack import Airflow

tag = pulumi.Config().require("tag")
images, dags = {{"airflow": {{"tag": tag}}}}, {{"repository": "https://github.com/acme/dags.git"}}
args = {{"chart": {{"path": {CHART!r}}}, "dags": dags, "images": images, "namespace": "kept"}}
Airflow("airflow", args, pulumi.ResourceOptions(protect=True, retain_on_delete=True))
"""


def test_protected_and_retained_resources_can_be_upgraded(
    open_stack: OpenStack, tmp_path: Path, client: Client
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: kept\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(KEPT)
    stack = open_stack("dev", tmp_path)
    try:
        first = stack.up("--config", "kept:tag=3.2.2")
        assert first.ok, first.output
        again = stack.up("--config", "kept:tag=3.3.2")
        assert again.ok, again.output
        assert again.changes["replace"] == 3, "the Jobs"
    finally:
        stack.unprotect()
        goes(stack)
    assert "kept" in namespaces(client)
    client.delete(Namespace, "kept")


def test_an_airflow_uses_the_namespace_and_the_database_of_another_stack(
    cluster: SimulatedCluster, tmp_path: Path, examples: Path, client: Client
) -> None:
    env = environment(ROOT, tmp_path, cluster.kubeconfig, toolchain.cache_folder())
    platform = SandboxStack(examples / "platform", "dev", tmp_path, env)
    airflow = SandboxStack(examples / "airflow_on_platform", "dev", tmp_path / "airflow", env)
    platform.create()
    airflow.create()
    try:
        comes_up_and_stays(platform)
        first = airflow.preview()
        assert first.ok, first.output
        comes_up_and_stays(airflow)
        url = client.get(Secret, "airflow-metadata", namespace="data").data
        assert url
        password = platform.outputs(secrets=True)["databasePassword"]
        assert password not in str(airflow.export())
        goes(airflow)
        assert labels(client, "data")["team"] == "data", "the platform's label is unchanged"
        assert client.get(ResourceQuota, "airflow", namespace="data")
    finally:
        for stack in (airflow, platform):
            stack.destroy()
    assert "data" not in namespaces(client)


def test_each_team_has_its_own_namespace_label_quota_and_key(
    open_stack: OpenStack, examples: Path, client: Client
) -> None:
    stack = open_stack("dev", examples / "teams")
    teams = {"ingest": "40", "reports": "30", "science": "80"}
    comes_up_and_stays(stack)
    outputs = stack.outputs(secrets=True)
    assert len({outputs[team]["deployKey"] for team in teams}) == 3
    for team, pods in teams.items():
        assert labels(client, f"airflow-{team}")["team"] == team
        quota = client.get(ResourceQuota, "airflow", namespace=f"airflow-{team}")
        assert quota.spec
        assert (quota.spec.hard or {})["pods"] == pods
        running = client.list(Pod, namespace=f"airflow-{team}", labels={"component": "scheduler", "team": team})
        assert list(running)


def test_company_labels_are_on_every_object(open_stack: OpenStack, examples: Path, client: Client) -> None:
    stack = open_stack("dev", examples / "transforms")
    comes_up_and_stays(stack)
    namespace = "airflow-labelled"
    secrets = [each for each in client.list(Secret, namespace=namespace) if each.type != "helm.sh/release.v1"]
    found = [each.metadata for each in secrets]
    found += [each.metadata for each in client.list(Deployment, namespace=namespace)]
    assert len(found) > 6
    for metadata in [*found, client.get(Namespace, namespace).metadata]:
        assert metadata
        assert (metadata.labels or {}).get("example.com/cost-center") == "4711", metadata.name
