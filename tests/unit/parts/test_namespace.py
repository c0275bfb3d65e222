"""The namespace: Pod Security, a quota where asked for, and no way in that is not named."""

from typing import Any

from airflow_stack.cli.recording import Recording, record
from airflow_stack.parts.namespace import AirflowNamespace

NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
QUOTA = "kubernetes:core/v1:ResourceQuota"


def made(**more: Any) -> Recording:
    args: Any = {"name": "mine", **more}
    return record(lambda: AirflowNamespace("n", args))


def test_pods_that_are_not_restricted_are_refused_and_no_label_of_the_stack_changes_that() -> None:
    weak = {"pod-security.kubernetes.io/enforce": "privileged", "team": "data"}
    for labels in ({}, weak):
        found = made(labels=labels).only(NAMESPACE).inputs["metadata"]["labels"]
        for mode in ("enforce", "audit", "warn"):
            assert found[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert found["team"] == "data"


def test_nothing_comes_in_that_no_other_policy_lets_in() -> None:
    policy = made().only(POLICY).inputs
    assert policy["metadata"]["namespace"] == "mine"
    assert policy["spec"] == {"policyTypes": ["Ingress"]}, "without a podSelector it is for every pod"


def test_there_is_a_quota_when_one_is_asked_for() -> None:
    assert made(quota={"pods": "20", "requests.memory": "32Gi"}).only(QUOTA).inputs["spec"] == {
        "hard": {"pods": "20", "requests.memory": "32Gi"}
    }
    assert made().of_type(QUOTA) == []


def test_the_name_is_known_once_the_namespace_is_there() -> None:
    assert made().outputs_of("airflow:index:AirflowNamespace") == {"name": "mine"}
