"""What a DAG author's code finds in its pod, by executor and with both charts: no credential of Airflow, no token, no path to the database."""

from pathlib import Path
from typing import Any

import pytest

from airflow_stack.cli.manifests import record_stack, stack_manifests
from airflow_stack.credentials import BROKER_URL, CREDENTIALS
from tests.support.cases import EXECUTORS, Config, settings
from tests.support.manifests import Manifest, containers_of, pods, secrets_read

NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
SECRET_VARIABLES = {name for each in CREDENTIALS for name in each.variables}
CALLS_THE_API = {
    "KubernetesExecutor": {"api-server", "scheduler"},  # logs of task pods; task pods
    "LocalExecutor": {"scheduler"},  # the chart gives it a token regardless; no Role is bound to it
    "CeleryExecutor": set(),
}


def objects(chart: Path, **config: Any) -> list[Manifest]:
    """All objects of a stack."""
    return stack_manifests(settings(chart={"path": str(chart)}, **config), "test")


def place(manifest: Manifest) -> str:
    """Namespace of an object; a chart may leave out that of its release."""
    return str(manifest["metadata"].get("namespace", "airflow"))


def with_token(manifests: list[Manifest]) -> set[str]:
    """Components whose pods mount a token for the Kubernetes API."""
    accounts = {
        m["metadata"]["name"]: m.get("automountServiceAccountToken", True)
        for m in manifests
        if m["kind"] == "ServiceAccount"
    }
    found = set()
    for _, template in pods(manifests):
        of_account = accounts.get(template["spec"].get("serviceAccountName", "default"), True)
        if template["spec"].get("automountServiceAccountToken", of_account):
            found.add(template["metadata"]["labels"].get("component", "?"))
    return found


def rights(manifests: list[Manifest], account: str) -> set[tuple[str, str, str]]:
    """Namespace, resource and verb of everything that an account may do."""
    roles = {(place(m), m["metadata"]["name"]): m["rules"] for m in manifests if m["kind"] == "Role"}
    return {
        (place(m), resource, verb)
        for m in manifests
        if m["kind"] == "RoleBinding" and account in {subject["name"] for subject in m["subjects"]}
        for rule in roles[place(m), m["roleRef"]["name"]]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.parametrize("executor", EXECUTORS)
def test_pods_with_tasks_have_no_variable_and_no_file_with_a_credential(executor: str, chart: Path) -> None:
    manifests = objects(chart, executor=executor)
    tasks = [template for _, template in pods(manifests) if template["metadata"]["labels"]["component"] == "worker"]
    assert bool(tasks) == (executor != "LocalExecutor")
    for template in tasks:
        broker = set(BROKER_URL.variables) if executor == "CeleryExecutor" else set()
        runs_tasks = [c for c in containers_of(template) if c["name"] in ("base", "worker")]
        assert len(runs_tasks) == 1
        variables = {variable["name"] for variable in runs_tasks[0]["env"]}
        assert variables & SECRET_VARIABLES == broker
        alone = {"spec": {**template["spec"], "containers": runs_tasks, "initContainers": []}}
        assert {secret for secret, _ in secrets_read(alone)} <= {BROKER_URL.secret}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_component_hands_the_database_to_tasks_as_a_connection(executor: str, chart: Path) -> None:
    for _, template in pods(objects(chart, executor=executor)):
        for container in containers_of(template):
            assert "AIRFLOW_CONN_AIRFLOW_DB" not in {variable["name"] for variable in container.get("env") or []}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_only_pods_that_call_the_kubernetes_api_have_a_token(executor: str, chart: Path) -> None:
    assert with_token(objects(chart, executor=executor)) == {*CALLS_THE_API[executor], "rollout"}


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_account_has_the_rights_that_its_component_uses(executor: str, chart: Path) -> None:
    manifests = objects(chart, executor=executor)
    for component in ("worker", "triggerer", "dag-processor", "statsd", "redis"):
        assert rights(manifests, f"airflow-{component}") == set()
    runs_pods = {verb for _, resource, verb in rights(manifests, "airflow-scheduler") if resource == "pods"}
    assert ("create" in runs_pods) == (executor == "KubernetesExecutor")
    all_rights = {right for m in manifests if m["kind"] == "RoleBinding" for s in m["subjects"] for right in rights(manifests, s["name"])}  # fmt: skip
    assert not {(resource, verb) for _, resource, verb in all_rights} & {("pods/exec", "create"), ("secrets", "get")}
    assert bool(rights(manifests, "airflow-api-server")) == (executor == "KubernetesExecutor")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_tasks_create_pods_in_the_granted_namespaces_alone(executor: str, chart: Path) -> None:
    manifests = objects(chart, executor=executor, security={"podNamespaces": ["jobs"]})
    runner = "scheduler" if executor == "LocalExecutor" else "worker"
    for component in (runner, "triggerer"):
        found = rights(manifests, f"airflow-{component}")
        assert {("jobs", "pods", "create"), ("jobs", "pods/log", "get"), ("jobs", "pods/exec", "create")} <= found
        assert {namespace for namespace, _, _ in found} <= (
            {"jobs", "airflow"} if component == "scheduler" else {"jobs"}
        )
    assert {runner, "triggerer"} <= with_token(manifests)


DATABASES: dict[str, Config] = {"in-cluster": {}, "cloud-native-pg": {"database": {"cloudNativePg": {}}}}


@pytest.mark.parametrize("database", DATABASES)
def test_the_database_admits_every_component_except_those_with_tasks(database: str) -> None:
    for tasks in ("isolated", "trusted"):
        stack = settings(**DATABASES[database], security={"tasks": tasks})
        (policy,) = [
            each.inputs["spec"]
            for each in record_stack(stack, "test").of_type(NETWORK_POLICY)
            if each.inputs["metadata"]["name"] == "airflow-database-allow-airflow"
        ]
        selector = policy["ingress"][0]["from"][0]["podSelector"]
        excluded = [each["values"] for each in selector.get("matchExpressions", []) if each["operator"] == "NotIn"]
        assert excluded == ([["worker"]] if tasks == "isolated" else [])


def egress(**config: Any) -> dict[str, Any]:
    """Egress policies by name."""
    found = record_stack(settings(**config), "test").of_type(NETWORK_POLICY)
    return {
        p.inputs["metadata"]["name"]: p.inputs["spec"] for p in found if p.inputs["spec"]["policyTypes"] == ["Egress"]
    }


@pytest.mark.parametrize("executor", EXECUTORS)
def test_no_pod_with_dag_code_reaches_the_metadata_endpoint(executor: str) -> None:
    (spec,) = egress(executor=executor).values()
    runner = "scheduler" if executor == "LocalExecutor" else "worker"
    assert spec["podSelector"]["matchExpressions"][0]["values"] == [runner, "dag-processor", "triggerer"]
    blocks = [peer["ipBlock"] for rule in spec["egress"] for peer in rule.get("to", []) if "ipBlock" in peer]
    assert {block["cidr"] for block in blocks} == {"0.0.0.0/0", "::/0"}
    closed = {address for block in blocks for address in block["except"]}
    assert {"169.254.169.254/32", "fd00:ec2::254/128"} <= closed
    assert egress(executor=executor, security={"cloudMetadata": True}) == {}


def test_tasks_reach_the_named_networks_airflow_and_dns_alone() -> None:
    found = egress(security={"taskEgress": ["10.0.0.0/8", "169.0.0.0/8"]})
    assert found["airflow-dag-code-egress"]["podSelector"]["matchExpressions"][0]["values"] == [
        "dag-processor",
        "triggerer",
    ]
    tasks = found["airflow-task-egress"]
    assert tasks["podSelector"]["matchExpressions"][0]["values"] == ["worker"]
    (networks,) = [rule["to"] for rule in tasks["egress"] if "ports" not in rule]
    assert networks == [
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"ipBlock": {"cidr": "169.0.0.0/8", "except": ["169.254.169.254/32"]}},
    ]
    ports = {rule["ports"][0]["port"] for rule in tasks["egress"] if "ports" in rule}
    assert {53, 8080} <= ports
