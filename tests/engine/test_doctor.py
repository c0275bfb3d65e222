"""`airflow-stack doctor` on a real API server: it finds problems, and the permissions that it requires suffice for `up`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ServiceAccount, ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding

from airflow_stack.cli import stack_file
from airflow_stack.cli.doctor.permissions import needed_permissions
from airflow_stack.cli.manifests import stack_manifests
from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.cases import CONTRACT_CHART, ROOT

pytestmark = pytest.mark.engine
NAME = "doctor"
SETTINGS = {
    "airflow:namespace": NAME,
    "airflow:dags": {"repository": "https://github.com/acme/dags.git"},
    "airflow:database": {"inCluster": {"storage": "1Gi"}},
    "airflow:chart": {"path": str(CONTRACT_CHART)},
}


def kubeconfig_of_a_stranger(cluster: SimulatedCluster, client: Client, folder: Path) -> Path:
    """Kubeconfig of an account without permissions."""
    client.create(ServiceAccount(metadata=ObjectMeta(name=NAME, namespace="default")))
    answer = client.create(ServiceAccountToken(metadata=ObjectMeta()), NAME, namespace="default")
    assert answer.status
    content = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    content["users"][0]["user"] = {"token": answer.status.token}
    (file := folder / "kubeconfig").write_text(yaml.safe_dump(content))
    return file


def grant(client: Client, wanted: list[PolicyRule]) -> None:
    client.create(ClusterRole(metadata=ObjectMeta(name=NAME), rules=wanted))
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name=NAME)
    account = Subject(kind="ServiceAccount", name=NAME, namespace="default")
    client.create(ClusterRoleBinding(metadata=ObjectMeta(name=NAME), roleRef=role, subjects=[account]))


def test_the_permissions_that_it_requires_suffice_for_up(
    cluster: SimulatedCluster, client: Client, open_stack: Callable[..., SandboxStack], tmp_path: Path
) -> None:
    home = open_stack("doctor").config_file.parent
    kubeconfig = kubeconfig_of_a_stranger(cluster, client, tmp_path)
    env = environment(ROOT, home, str(kubeconfig), toolchain.cache_folder())
    stack = SandboxStack(ROOT, "doctor", home, env)
    content = yaml.safe_load(stack.config_file.read_text()) or {} if stack.config_file.exists() else {}
    stack.config_file.write_text(yaml.safe_dump({**content, "config": SETTINGS}))

    def doctor() -> dict[str, dict[str, str]]:
        command = [
            str(Path(sys.executable).with_name("airflow-stack")),
            *"doctor -s doctor --only cluster --json".split(),
        ]
        done = subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False)
        checks = {check["check"]: check for check in json.loads(done.stdout)["result"]["checks"]}
        assert done.returncode == ("fail" in {check["status"] for check in checks.values()}), done.stderr
        return checks

    nothing = doctor()
    assert nothing["permissions"]["status"] == "fail"
    assert "create, delete, get, list, patch, watch deployments.apps" in nothing["permissions"]["message"]

    wanted = needed_permissions(stack_manifests(stack_file.settings(home, "doctor"), "doctor"))
    grant(client, [PolicyRule(apiGroups=[each.group], resources=[each.resource], verbs=[each.verb]) for each in wanted])
    before = doctor()
    assert {check["status"] for check in before.values()} == {"ok"}, before
    up = stack.up()
    assert up.ok, up.output
    after = doctor()
    assert {check["status"] for check in after.values()} == {"ok"}, after
    gone = stack.destroy()
    assert gone.ok, gone.output
