"""`airflow-stack doctor --only cluster` with a fake cluster."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_stack.cli.doctor.cluster_checks import ClusterChecks
from airflow_stack.cli.doctor.model import CheckResult, Status, run_checks
from airflow_stack.cli.doctor.permissions import Permission, needed_permissions
from airflow_stack.cli.kubernetes_client import KubernetesClient, select_context
from airflow_stack.cli.pulumi_state import State
from airflow_stack.settings.models import Settings
from tests.support.golden import Golden

Handler = Callable[[httpx2.Request], httpx2.Response]
EMPTY: State = {"deployment": {"resources": []}}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace"}


class FakeCluster:
    """A fake cluster with changeable responses."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {"/version": (200, {"gitVersion": "v1.34.3"})}
        self.user = "ada"
        self.forbidden: Callable[[dict[str, str]], bool] = lambda _: False
        self.reviews = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.endswith("selfsubjectreviews"):
            return httpx2.Response(201, json={"status": {"userInfo": {"username": self.user}}})
        if path.endswith("selfsubjectaccessreviews"):
            self.reviews += 1
            asked = json.loads(request.content)["spec"]["resourceAttributes"]
            return httpx2.Response(201, json={"status": {"allowed": not self.forbidden(asked)}})
        status, body = self.answers.get(path, (404, {}))
        return httpx2.Response(status, json=body)


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def chart_folder(folder: Path) -> dict[str, str]:
    (folder / "values.schema.json").write_text("{}")
    (folder / "Chart.yaml").write_text("name: airflow\nversion: 1.22.0\n")
    return {"path": str(folder)}


def client(handler: Handler, context: str | None) -> KubernetesClient:
    kubeconfig = {
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": "https://cluster.example.com"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }
    return KubernetesClient(select_context(json.dumps(kubeconfig), context, {}), httpx2.MockTransport(handler))


@pytest.fixture
def examine(cluster: FakeCluster, tmp_path: Path) -> Callable[..., dict[str, CheckResult]]:
    def examined(
        state: State = EMPTY, handler: Handler | None = None, context: str | None = None, **settings: Any
    ) -> dict[str, CheckResult]:
        dags = {"repository": "https://github.com/acme/dags.git"}
        stack = Settings.model_validate({"dags": dags, "chart": chart_folder(tmp_path), **settings})
        checks = ClusterChecks(
            stack, lambda: client(handler or cluster, context), lambda: state, lambda: [NAMESPACE, DEPLOYMENT]
        )
        return {check.check: check for check in run_checks(checks.checks())}

    return examined


def test_a_cluster_administrator_needs_one_access_review(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    checks = examine()
    assert {check.status for check in checks.values()} == {Status.OK}, checks
    assert "\n".join(map(str, checks.values())) == golden
    assert cluster.reviews == 1


def test_another_minor_version_of_the_cluster_is_a_warning_and_blocks_no_check(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    cluster.answers["/version"] = (200, {"gitVersion": "v1.33.5-eks-3025e55"})
    checks = examine()
    assert checks["cluster"].status is Status.WARN
    assert str(checks["cluster"]) == golden(name="untested")
    assert checks["permissions"].status is Status.OK
    cluster.answers["/version"] = (403, {})
    assert str(examine()["cluster"]) == golden(name="unknown")


def test_missing_rights_are_grouped_in_one_line(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    cluster.forbidden = lambda asked: asked["resource"] in ("*", "deployments", "namespaces") and asked["verb"] != "get"
    check = examine()["permissions"]
    assert check.status is Status.FAIL
    assert str(check) == golden


def test_a_user_without_cluster_rights_can_have_all_needed_rights(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]]
) -> None:
    cluster.forbidden = lambda asked: asked["resource"] == "*"
    assert examine()["permissions"].status is Status.OK


def test_the_needed_rights_follow_from_the_objects_and_the_rules_of_their_roles() -> None:
    rule = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": [rule]}
    custom = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster"}
    found = needed_permissions([DEPLOYMENT, role, custom])
    assert Permission("apps", "deployments", "watch") in found
    assert Permission("rbac.authorization.k8s.io", "roles", "create") in found
    assert Permission("postgresql.cnpg.io", "clusters", "watch") in found
    assert Permission("", "secrets", "update") in found, "Helm's records"
    (log,) = (right for right in found if right.resource == "pods/log")
    assert log.attributes("airflow")["subresource"] == "log"


def test_deletion_of_a_namespace_needs_the_right_to_watch_all_namespaces() -> None:
    """Without that right the provider waits forever for a namespace that it deletes (pulumi-kubernetes, `await.Deletion`)."""
    wanted = [
        right
        for right in needed_permissions([{"apiVersion": "v1", "kind": "Namespace"}])
        if right.resource == "namespaces"
    ]
    of_cluster = {right.verb for right in wanted if "namespace" not in right.attributes("airflow")}
    assert of_cluster == {"create", "list", "watch"}
    assert {right.verb for right in wanted} - of_cluster == {"delete", "get", "patch"}


@pytest.mark.parametrize("status", [401, 503, 0])
def test_an_unreachable_cluster_is_reported_and_the_chart_is_still_checked(
    examine: Callable[..., dict[str, CheckResult]], status: int, golden: Golden
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if not status:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(status)

    checks = examine(handler=handler)
    assert (checks["cluster"].status, checks["chart"].status) == (Status.FAIL, Status.OK)
    assert str(checks["cluster"]) == golden
    assert checks["permissions"].status is Status.SKIPPED


def test_a_missing_context_is_reported(examine: Callable[..., dict[str, CheckResult]], golden: Golden) -> None:
    check = examine(context="prod")["kubeconfig"]
    assert check.status is Status.FAIL
    assert str(check) == golden


def test_an_existing_namespace_is_checked_for_labels_and_policies(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    def check() -> CheckResult:
        return examine(createNamespace=False)["namespace"]

    assert check().status is Status.FAIL
    assert str(check()) == golden(name="is not there")
    path = "/api/v1/namespaces/airflow"
    cluster.answers[path] = (200, {"metadata": {}})
    assert check().status is Status.WARN
    assert str(check()) == golden(name="without labels and policies")
    cluster.answers[path] = (200, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "baseline"}}})
    allows: Any = {"spec": {"podSelector": {}, "ingress": [{}]}}
    policies = f"/apis/networking.k8s.io/v1{path.removeprefix('/api/v1')}/networkpolicies"
    cluster.answers[policies] = (200, {"items": [allows]})
    assert str(check()) == golden(name="with a policy that allows all")
    cluster.answers[policies] = (200, {"items": [allows, {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}]})
    assert check().status is Status.OK


def test_a_foreign_namespace_or_release_is_a_warning_and_the_stacks_own_is_not(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    managed = {"metadata": {"managedFields": [{"manager": "kubectl-create"}]}}
    cluster.answers["/api/v1/namespaces/airflow"] = (200, managed)
    cluster.answers["/api/v1/namespaces/airflow/secrets"] = (200, {"items": [{"metadata": {"name": "sh.helm.v1"}}]})
    checks = examine()
    assert (checks["namespace"].status, checks["release"].status) == (Status.WARN, Status.WARN)
    assert f"{checks['namespace']}\n{checks['release']}" == golden
    own = [
        {"type": "kubernetes:core/v1:Namespace", "id": "airflow", "urn": "a"},
        {"type": "kubernetes:helm.sh/v3:Release", "id": "airflow/airflow", "urn": "b"},
    ]
    checks = examine(state={"deployment": {"resources": own}})
    assert {check.status for check in checks.values()} == {Status.OK}


def test_the_configured_database_is_checked(
    cluster: FakeCluster, examine: Callable[..., dict[str, CheckResult]], golden: Golden
) -> None:
    assert "database" not in examine()
    external = examine(database={"external": {"host": "127.0.0.1", "port": 1}})["database"]
    assert external.status is Status.WARN
    assert external.fix == golden(name="external")
    operator = examine(database={"cloudNativePg": {}})["database"]
    assert operator.status is Status.FAIL
    assert str(operator) == golden(name="operator")
    cluster.answers["/apis/postgresql.cnpg.io/v1"] = (200, {})
    assert examine(database={"cloudNativePg": {}})["database"].status is Status.OK
