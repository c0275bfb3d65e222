"""Placement and volumes of a running stack change: immutable pod templates are replaced, others are updated, and the API takes all of them."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from lightkube import Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.scheduling_v1 import PriorityClass

from sandbox.sandbox_stack import SandboxStack
from tests.engine.test_stacks import ROLLOUT, OpenStack, configure, prepare, touched

NAMESPACE = "placement"
PRIORITY = "placement-tests"
JOBS = {"airflow-migration-job", "airflow-admin-job"}
ARCH = {"key": "kubernetes.io/os", "operator": "DoesNotExist"}
FIRST: dict[str, Any] = {
    "airflow:placement": {
        "tolerations": [
            {"key": "dedicated", "operator": "Equal", "value": "airflow", "effect": "NoSchedule"},
            {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ],
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "preference": {"matchExpressions": [ARCH]}}
                ]
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}},
                    }
                ]
            },
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "priorityClassName": PRIORITY,
    },
    "airflow:volumes": {
        "ca": {"configMap": {"name": "ca"}, "mountPath": "/etc/company-ca"},
        "one-file": {"secret": {"secretName": "s", "optional": True}, "mountPath": "/etc/a.key", "subPath": "a.key"},
        "scratch": {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}, "mountPath": "/scratch", "readOnly": False},
        "token": {
            "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": "vault"}}]},
            "mountPath": "/var/run/secrets/vault",
        },
    },
}
SECOND: dict[str, Any] = {
    "airflow:placement": {"tolerations": [{"operator": "Exists"}]},
    "airflow:volumes": {"ca": {"configMap": {"name": "ca"}, "mountPath": "/etc/ca"}},
}
WITHOUT: dict[str, Any] = {"airflow:placement": {}, "airflow:volumes": {}}


@pytest.fixture(scope="module")
def stack(open_stack: OpenStack, client: Client) -> Iterator[SandboxStack]:
    client.create(PriorityClass(metadata=ObjectMeta(name=PRIORITY), value=1000))
    stack = open_stack("dev")
    prepare(stack, {"airflow:namespace": NAMESPACE}, {})
    created = stack.up()
    assert created.ok, created.output
    client.create(ConfigMap(metadata=ObjectMeta(name="ca", namespace=NAMESPACE), data={"ca.crt": ""}))
    yield stack
    stack.unprotect()
    gone = stack.destroy()
    assert gone.ok, gone.output
    client.delete(PriorityClass, PRIORITY)


@pytest.mark.parametrize("change", [FIRST, SECOND, WITHOUT], ids=["all", "another", "none"])
def test_a_changed_placement_replaces_the_jobs_and_updates_the_rest(
    change: dict[str, Any], stack: SandboxStack, client: Client
) -> None:
    configure(stack, change)
    changed = stack.up()
    assert changed.ok, changed.output
    steps = touched(changed)
    assert steps["update"] == {"airflow-release", "airflow-database-postgres"}, changed.output
    assert steps["create-replacement"] == JOBS, "their pod templates are immutable"
    assert any(urn.endswith(f"::{ROLLOUT}") for urn in changed.steps["create-replacement"])
    again = stack.preview("--diff")
    assert set(again.changes) == {"same"}, again.output
    for name, spec in pod_specs(client).items():
        expected = change["airflow:placement"]
        assert (spec.priorityClassName or None) == expected.get("priorityClassName"), name
        given = [{k: v for k, v in each.to_dict().items() if v is not None} for each in spec.tolerations or []]
        assert given == expected.get("tolerations", []), name
        mounted = {mount.mountPath for mount in spec.containers[0].volumeMounts or []}
        if "statsd" not in name:
            assert {each["mountPath"] for each in change["airflow:volumes"].values()} <= mounted, name


def pod_specs(client: Client) -> dict[str, Any]:
    """Specs of the pods of each workload and Job, and of task pods."""
    found: dict[str, Any] = {}
    kinds: tuple[Any, ...] = (Deployment, StatefulSet, Job)
    for kind in kinds:
        for each in client.list(kind, namespace=NAMESPACE):
            found[each.metadata.name] = each.spec.template.spec
    assert len(found) >= 9, "five of the chart, the database and three Jobs"
    return found


def test_task_pods_follow_too(stack: SandboxStack, client: Client) -> None:
    configure(stack, SECOND)
    assert stack.up().ok
    config = client.get(ConfigMap, "airflow-config", namespace=NAMESPACE)
    spec = yaml.safe_load((config.data or {})["pod_template_file.yaml"])["spec"]
    assert spec["tolerations"] == SECOND["airflow:placement"]["tolerations"]
    assert "/etc/ca" in [mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]]
