"""The namespace: Pod Security, an optional quota, and no incoming traffic without a policy."""

from typing import Any

from airflow_stack.cli.recording import Recording, record
from airflow_stack.parts.namespace import AirflowNamespace

NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
QUOTA = "kubernetes:core/v1:ResourceQuota"


def made(**more: Any) -> Recording:
    args: Any = {"name": "mine", **more}
    return record(lambda: AirflowNamespace("n", args))


def test_the_namespace_enforces_restricted_pods_whatever_the_stacks_labels() -> None:
    weak = {"pod-security.kubernetes.io/enforce": "privileged", "team": "data"}
    for labels in ({}, weak):
        found = made(labels=labels).only(NAMESPACE).inputs["metadata"]["labels"]
        for mode in ("enforce", "audit", "warn"):
            assert found[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert found["team"] == "data"


def test_incoming_traffic_needs_a_policy() -> None:
    policy = made().only(POLICY).inputs
    assert policy["metadata"]["namespace"] == "mine"
    assert policy["spec"] == {"policyTypes": ["Ingress"]}, "without a podSelector it is for every pod"


def test_a_quota_exists_only_if_set() -> None:
    assert made(quota={"pods": "20", "requests.memory": "32Gi"}).only(QUOTA).inputs["spec"] == {
        "hard": {"pods": "20", "requests.memory": "32Gi"}
    }
    assert made().of_type(QUOTA) == []


def test_the_name_is_known_once_the_namespace_exists() -> None:
    assert made().outputs_of("airflow:index:AirflowNamespace") == {"name": "mine"}
