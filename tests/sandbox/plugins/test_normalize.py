"""Normal form of inputs, as in the official provider."""

from typing import Any

import pytest

from sandbox.plugins.normalize import canonical_quantity, normalized
from sandbox.plugins.property_values import UNKNOWN, Properties


def thing(api_version: str, kind: str, **fields: Any) -> Properties:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "name"}, **fields}


@pytest.mark.parametrize(
    ("api_version", "kind", "kept"),
    [
        ("v1", "Service", False),
        ("batch/v1", "Job", False),
        ("networking.k8s.io/v1", "NetworkPolicy", False),
        ("v1", "Secret", True),
        ("postgresql.cnpg.io/v1", "Cluster", True),
    ],
)
def test_empty_labels_are_dropped_except_in_secrets_and_custom_resources(
    api_version: str, kind: str, kept: bool
) -> None:
    given = thing(api_version, kind) | {"metadata": {"name": "name", "labels": {}}}
    assert ("labels" in normalized(given)["metadata"]) is kept


def test_a_built_in_kind_keeps_the_fields_of_its_type_and_empty_structures() -> None:
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"sizeLimit": "1024Mi"}}]
    mount = {"name": "v", "mountPath": "/v", "readOnly": False}
    container = {
        "name": "main",
        "image": "",
        "env": [{"name": "A", "value": ""}],
        "livenessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": 0},
        "resources": {"limits": {"cpu": "1000m"}},
        "volumeMounts": [mount],
    }
    pod: Properties = {
        "containers": [container],
        "nodeSelector": {},
        "tolerations": [],
        "securityContext": {},
        "volumes": volumes,
    }
    pod |= {"automountServiceAccountToken": False, "hostNetwork": False, "misspelt": 1}
    spec = {"replicas": 0, "selector": {"matchLabels": {}}, "serviceName": "", "template": {"spec": pod}}
    assert normalized(thing("apps/v1", "StatefulSet", spec=spec))["spec"] == {
        "replicas": 0,
        "selector": {},
        "serviceName": "",
        "template": {
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [
                    {
                        "name": "main",
                        "env": [{"name": "A"}],
                        "livenessProbe": {"httpGet": {"port": "http"}},
                        "resources": {"limits": {"cpu": "1"}},
                        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                    }
                ],
                "securityContext": {},
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "w", "emptyDir": {"sizeLimit": "1Gi"}}],
            }
        },
    }


def test_a_field_named_like_a_keyword_of_python_is_kept() -> None:
    spec = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}]}
    assert normalized(thing("networking.k8s.io/v1", "NetworkPolicy", spec=spec))["spec"] == spec


def test_values_of_a_wrong_type_and_unknown_values_stay_unchanged() -> None:
    for spec in ({"ports": "none", "selector": {}}, {"type": UNKNOWN, "selector": {}}):
        assert normalized(thing("v1", "Service", spec=spec))["spec"] == spec


def test_fields_that_the_cluster_sets_are_not_inputs() -> None:
    given = thing("v1", "Secret") | {"metadata": {"name": "name", "uid": "1", "creationTimestamp": None}}
    assert normalized(given)["metadata"] == {"name": "name"}


def test_string_data_overrides_data_and_data_is_encoded_as_by_the_server() -> None:
    assert normalized(thing("v1", "Secret", data={"a": "eA=="}, stringData={"a": "1"}))["data"] == {"a": "MQ=="}
    assert normalized(thing("v1", "Secret", data={"a": "eA==\n", "b": "no base64!"}))["data"] == {
        "a": "eA==",
        "b": "no base64!",
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        (2, "2"),
        ("2000", "2k"),
        ("1500M", "1500M"),
        ("1e3", "1k"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0", "0"),
    ],
)
def test_a_quantity_is_canonical(given: object, expected: str) -> None:
    assert canonical_quantity(given) == expected
