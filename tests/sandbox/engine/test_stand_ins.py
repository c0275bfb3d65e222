"""Differences of the stand-ins: they refuse unimplemented features, and report errors where the official plugins wait forever."""

from pathlib import Path

import pytest
import yaml
from lightkube import Client
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ServiceAccount, ServiceAccountToken
from lightkube.resources.rbac_authorization_v1 import ClusterRole, ClusterRoleBinding

from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.plugin_contract import Program, made
from tests.support.simulated_cluster import ROOT

ONLY_STAND_INS = pytest.mark.parametrize("plugins", ["stand-ins"], indirect=True)


@ONLY_STAND_INS
def test_unimplemented_types_and_inputs_are_refused(program: Program) -> None:
    refused = program.preview({"pet": ["random:index/randomPet:RandomPet", {}]})
    assert not refused.ok
    assert "stand-in for the random plugin" in refused.output
    assert "random:index/randomPassword:RandomPassword" in refused.output
    refused = program.preview({"key": ["tls:index/privateKey:PrivateKey", {"algorithm": "RSA"}]})
    assert "does not implement RSA. It accepts: ED25519" in refused.output


@ONLY_STAND_INS
def test_without_permission_to_list_namespaces_the_deletion_of_one_reports_it(
    program: Program, client: Client, cluster: SimulatedCluster, tmp_path: Path, namespace: str
) -> None:
    resources = {"space": made("Namespace", f"{namespace}-own")}
    assert program.up(resources).ok
    rights = [PolicyRule(apiGroups=[""], resources=["namespaces"], verbs=["get", "delete"])]
    account = limited_account(client, cluster, namespace, rights)
    (tmp_path / "kubeconfig").write_text(account)
    home = program.stack.config_file.parent
    env = environment(ROOT, home, str(tmp_path / "kubeconfig"), toolchain.cache_folder())
    refused = program.shown(SandboxStack(program.folder, "test", home, env).destroy())
    assert not refused.ok
    assert 'cannot list resource "namespaces"' in refused.output
    assert "permission to list and watch these objects in the whole cluster" in refused.output


def limited_account(client: Client, cluster: SimulatedCluster, namespace: str, rights: list[PolicyRule]) -> str:
    """Create an account with some permissions. Returns its kubeconfig."""
    metadata = ObjectMeta(name=namespace, namespace=namespace)
    client.create(ServiceAccount(metadata=metadata))
    spec = TokenRequestSpec(audiences=[])
    token = client.create(ServiceAccountToken(spec=spec, metadata=metadata), namespace, namespace=namespace)
    client.create(ClusterRole(metadata=ObjectMeta(name=namespace), rules=rights))
    role = RoleRef(apiGroup="rbac.authorization.k8s.io", kind="ClusterRole", name=namespace)
    subject = Subject(kind="ServiceAccount", name=namespace, namespace=namespace)
    client.create(ClusterRoleBinding(role, metadata=ObjectMeta(name=namespace), subjects=[subject]))
    config = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    assert token.status
    config["users"][0]["user"] = {"token": token.status.token}
    return str(yaml.safe_dump(config))
