"""Kubernetes objects: behaviour shared by stand-ins and official plugins (docs/plugins.md)."""

import base64
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from lightkube import ApiError, Client
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Namespace, Secret

from tests.support.plugin_contract import CANARY, Program, Resources, assert_hidden, job, made, secret, stateful_set


@pytest.fixture
def own(client: Client) -> Iterator[str]:
    """Name of a namespace that the program creates."""
    name = f"test-{uuid4().hex[:8]}"
    yield name
    try:
        client.delete(Namespace, name)
    except ApiError as error:
        assert error.status.code == 404


def test_objects_are_created_updated_replaced_and_deleted(program: Program, client: Client, own: str) -> None:
    resources = {
        "space": made("Namespace", own),
        "secret": secret("secret", own, a="1"),
        "set": stateful_set(own, replicas=2),
    }
    assert program.up(resources).changes == {"create": 4}
    assert program.unchanged()

    resources["set"][1]["spec"]["replicas"] = 1
    resources["secret"][1]["metadata"]["name"] = "renamed"
    preview = program.preview(resources)
    assert preview.changes == {"same": 2, "update": 1, "replace": 1}
    assert "~ replicas: 2 => 1" in preview.output
    changed = program.stack.up()
    assert changed.changes == preview.changes
    assert list(changed.steps) == ["create-replacement", "replace", "update", "delete-replaced"]
    assert program.state("secret")["id"] == f"{own}/renamed"

    assert program.shown(program.stack.destroy()).changes == {"delete": 4}
    with pytest.raises(ApiError, match="not found"):
        client.get(Namespace, own)


def test_the_state_has_the_object_its_inputs_and_its_field_manager(program: Program, namespace: str) -> None:
    resources = {"secret": secret("secret", namespace, a="1"), "set": stateful_set(namespace)}
    limits = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    resources["set"][1]["spec"]["template"]["spec"]["containers"][0]["resources"] = limits
    assert program.up(resources).ok
    state = program.state("secret")
    assert state["inputs"].keys() == {"apiVersion", "kind", "metadata", "data", "type"}
    assert "ciphertext" in state["inputs"]["data"]
    outputs = state["outputs"]
    assert outputs["__inputs"]["metadata"] == {"name": "secret", "namespace": namespace}
    assert "ciphertext" in outputs["__inputs"]["data"]
    assert "ciphertext" in outputs["data"]
    assert outputs["__initialApiVersion"] == "v1"
    assert re.fullmatch("pulumi-kubernetes-[0-9a-f]{8}", outputs["__fieldManager"])
    assert [entry["manager"] for entry in outputs["metadata"]["managedFields"]] == ["pulumi-kubernetes"]

    state = program.state("set")
    kept = {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert state["inputs"]["spec"]["template"]["spec"]["containers"][0]["resources"] == kept
    assert state["outputs"]["status"]["readyReplicas"] == 1, "from the moment of readiness"


def test_empty_labels_are_a_permanent_change_only_on_a_secret(program: Program, namespace: str) -> None:
    empty = {"metadata": {"name": "x", "namespace": namespace, "labels": {}}}
    rules = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": []}], "egress": []}
    resources = {
        "secret": made("Secret", "x", namespace, **empty, stringData={"a": "1"}),
        "policy": made("NetworkPolicy", "x", namespace, **empty, spec=rules),
        "quota": made("ResourceQuota", "x", namespace, **empty, spec={"hard": {"cpu": "9000m"}}),
    }
    assert program.up(resources).ok
    preview = program.preview(resources)
    assert preview.changes == {"same": 3, "update": 1}
    assert "+ labels: {}" in preview.output
    assert program.shown(program.stack.refresh()).changes == {"same": 3, "update": 1}


def test_a_secret_is_hidden_everywhere_and_deleted_before_its_replacement(
    program: Program, client: Client, namespace: str
) -> None:
    resources = {"s": secret("secret", namespace, key=CANARY, b="x")}
    results = [program.preview(resources), program.up(resources, "--diff"), program.stack.refresh("--diff")]
    stored = client.get(Secret, "secret", namespace=namespace).data or {}
    assert base64.b64decode(stored["key"]).decode() == CANARY

    resources["s"] = secret("secret", namespace, key=f"{CANARY}-2")
    changed = program.up(resources, "--diff")
    assert list(changed.steps) == ["delete-replaced", "replace", "create-replacement"]
    assert list(client.get(Secret, "secret", namespace=namespace).data or {}) == ["key"]
    assert_hidden(program, *results, changed)


def test_drift_of_managed_fields_is_shown_and_changes_by_kubectl_are_reverted(
    program: Program, client: Client, namespace: str
) -> None:
    resources = {"secret": secret("secret", namespace, a="1", b="2"), "set": stateful_set(namespace, replicas=2)}
    program.up(resources)
    # An unmanaged field is no drift.
    client.patch(StatefulSet, "set", {"metadata": {"labels": {"foreign": "label"}}}, namespace=namespace)
    assert program.unchanged()

    scale(client, namespace, 3, "kubectl-scale")
    client.delete(Secret, "secret", namespace=namespace)
    drift = program.shown(program.stack.refresh("--diff"))
    assert drift.steps["refresh"]
    assert drift.changes == {"same": 1, "update": 1, "delete": 1}
    assert "~ replicas: 2 => 3" in drift.output

    assert program.up(resources).changes == {"same": 1, "create": 1, "update": 1}
    assert program.unchanged()


def test_a_field_of_another_owner_is_a_conflict(program: Program, client: Client, namespace: str) -> None:
    resources: Resources = {"set": stateful_set(namespace)}
    program.up(resources)
    scale(client, namespace, 2, "autoscaler")
    resources["set"][1]["spec"]["replicas"] = 3
    refused = program.up(resources)
    assert not refused.ok
    assert "server-side apply field conflict detected" in refused.output
    assert 'conflict with "autoscaler"' in refused.output
    resources["set"][1]["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    assert program.up(resources).ok


def scale(client: Client, namespace: str, replicas: int, manager: str) -> None:
    """Change a StatefulSet and wait for its replicas: a refresh reports unready ones."""
    patch = {"spec": {"replicas": replicas}}
    client.patch(StatefulSet, "set", patch, namespace=namespace, field_manager=manager)
    for _, live in client.watch(StatefulSet, namespace=namespace):
        if live.status and live.status.readyReplicas == replicas:
            break


def test_an_existing_object_is_not_taken_over_but_can_be_imported(
    program: Program, client: Client, namespace: str
) -> None:
    client.create(Secret(metadata=ObjectMeta(name="secret", namespace=namespace), stringData={"a": "1"}))
    resources = {"secret": secret("secret", namespace, a="1")}
    refused = program.up(resources).output
    assert 'secrets "secret" already exists' in refused
    assert "use `pulumi import`" in refused

    resources["secret"].append({"import_": f"{namespace}/secret"})
    assert program.up(resources).changes == {"same": 1, "import": 1}
    assert program.unchanged()


def test_a_preview_does_a_dry_run_and_changes_nothing(program: Program, client: Client, namespace: str) -> None:
    resources: Resources = {"set": stateful_set(namespace, replicas=-1)}
    assert "must be greater than or equal to 0" in program.preview(resources).output
    resources["set"][1]["spec"]["replicas"] = 1
    assert program.preview(resources).changes == {"create": 2}
    assert not list(client.list(StatefulSet, namespace=namespace))


def test_a_preview_accepts_a_missing_namespace_or_crd(program: Program) -> None:
    cluster = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "spec": {"instances": 1}}
    cluster["metadata"] = {"name": "database", "namespace": "to-come"}
    resources: Resources = {
        "cluster": ["kubernetes:postgresql.cnpg.io/v1:Cluster", cluster],
        "secret": secret("secret", "to-come", a="1"),
    }
    assert program.preview(resources).changes == {"create": 3}


def test_a_job_is_awaited_and_its_replacement_shows_a_retry_in_the_preview(
    program: Program, client: Client, namespace: str
) -> None:
    resources: Resources = {"job": job(namespace)}
    created = program.up(resources).output
    assert f'Waiting for Job "{namespace}/job" to start' in created
    assert "Succeeded: 1" in created
    assert program.unchanged()
    resources["job"][1]["spec"]["template"]["spec"]["containers"][0]["image"] = "image:2"
    preview = program.preview(resources)
    assert 'Retry #0; creation failed: jobs.batch "job" already exists' in preview.output
    assert preview.changes == {"same": 1, "replace": 1}
    before = client.get(Job, "job", namespace=namespace).metadata
    assert list(program.stack.up().steps) == ["delete-replaced", "replace", "create-replacement"]
    after = client.get(Job, "job", namespace=namespace).metadata
    assert before and after and before.uid != after.uid


def test_a_failed_job_reports_the_message_of_its_pod_and_runs_again(program: Program, namespace: str) -> None:
    failed = program.up({"job": job(namespace, "fail", "no route to database")})
    assert not failed.ok
    assert "Resource 'job' was created but failed to initialize" in failed.output
    assert "[Error] no route to database" in failed.output
    assert "[BackoffLimitExceeded]" in failed.output
    assert program.state("job")["initErrors"]

    preview = program.preview({"job": job(namespace, "fail", "no route to database")})
    assert preview.steps["create-replacement"], "the Job is replaced with the same inputs"
    assert program.up({"job": job(namespace)}).ok
    assert program.unchanged()


def test_a_service_waits_until_its_endpoints_settle(program: Program, namespace: str) -> None:
    ports = [{"port": 80}]
    resources = {
        "quick": made(
            "Service", "quick", namespace, spec={"clusterIP": "None", "selector": {"a": "b"}, "ports": ports}
        ),
        "slow": made("Service", "slow", namespace, spec={"selector": {"app": "set"}, "ports": ports}),
        "skipped": made(
            "Service",
            "skipped",
            namespace,
            metadata={"annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"selector": {"app": "set"}, "ports": ports},
        ),
    }
    created = program.up(resources)
    assert created.ok
    assert "[1/3] Finding Pods to direct traffic to" in created.output
    seconds = dict(re.findall(r"Service (\w+) created \((\d+)", created.output))
    assert int(seconds["slow"]) >= 10
    assert int(seconds["quick"]) < 5
    assert int(seconds["skipped"]) < 5
    assert program.unchanged()


def test_an_unready_stateful_set_is_saved_with_the_problems_of_its_pods(program: Program, namespace: str) -> None:
    resources: Resources = {"set": [*stateful_set(namespace, "image:does-not-exist"), {"seconds": 5}]}
    failed = program.up(resources)
    assert not failed.ok
    assert "'set' timed out waiting to be Ready" in failed.output
    assert "0 out of 1 replicas succeeded readiness checks" in failed.output
    assert "[ImagePullBackOff]" in failed.output
    assert program.state("set")["initErrors"]
    # A StatefulSet never replaces a pod that was never ready: kubernetes/kubernetes#67250.
    resources["set"][1]["spec"]["replicas"] = 0
    assert program.up(resources).ok
    assert program.unchanged()


def test_a_claim_and_a_quota_are_awaited(program: Program, namespace: str) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}
    resources = {
        "claim": made("PersistentVolumeClaim", "claim", namespace, spec=claim),
        "quota": made("ResourceQuota", "quota", namespace, spec={"hard": {"secrets": "20"}}),
    }
    assert program.up(resources).ok
    assert program.state("quota")["outputs"]["status"]["hard"] == {"secrets": "20"}
    assert program.unchanged()
