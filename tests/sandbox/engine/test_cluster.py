"""Behaviour of the simulated cluster that other tests rely on."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from lightkube import ApiError, Client, codecs
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.batch_v1 import Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Namespace, PersistentVolume, PersistentVolumeClaim, Pod

from sandbox import daemons
from sandbox.simulated import SimulatedCluster
from sandbox.toolchain import LocatedTool

T = TypeVar("T")

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      initContainers: [{name: first, image: busybox}]
      containers: [{name: main, image: "busybox:TAG"}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: NAME}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {sandbox.airflow/outcome: OUTCOME, sandbox.airflow/message: "no such table: dag"}}
    spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


def until(ask: Callable[[], T | None]) -> T:
    end = time.monotonic() + 30
    while (answer := ask()) is None:
        assert time.monotonic() < end, "the condition was not met within 30 seconds"
        time.sleep(0.1)
    return answer


@pytest.fixture
def namespace(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.replace("_", "-")[:50].rstrip("-")
    client.create(Namespace(metadata=ObjectMeta(name=name)))
    yield name
    client.delete(Namespace, name)


def apply(client: Client, namespace: str, outcome: str = "ready", tag: str = "1") -> None:
    text = MANIFESTS.replace("NAME", "thing").replace("OUTCOME", outcome).replace("TAG", tag)
    for thing in codecs.load_all_yaml(text):
        client.apply(thing, namespace=namespace)  # type: ignore[call-overload]  # the kind is only known at run time


def job_end(client: Client, namespace: str) -> str | None:
    status = client.get(Job, "thing", namespace=namespace).status
    ends = [each.type for each in (status.conditions or []) if each.type in ("Complete", "Failed")] if status else []
    return ends[0] if ends else None


def ready_replicas(client: Client, namespace: str) -> int | None:
    status = client.get(Deployment, "thing", namespace=namespace).status
    return status.readyReplicas if status else None


def container_states(client: Client, namespace: str) -> list[tuple[str, str]]:
    states = []
    for pod in client.list(Pod, namespace=namespace):
        for each in (pod.status.containerStatuses if pod.status else None) or []:
            if each.state and (ended := each.state.terminated):
                states.append((ended.reason or "", ended.message or ""))
            if each.state and (waiting := each.state.waiting):
                states.append((waiting.reason or "", waiting.message or ""))
    return states


def test_pods_get_ready_jobs_complete_and_claims_bind(client: Client, namespace: str) -> None:
    apply(client, namespace)
    assert until(lambda: ready_replicas(client, namespace)) == 1
    assert until(lambda: job_end(client, namespace)) == "Complete"

    def volume() -> str | None:
        claim = client.get(PersistentVolumeClaim, "thing", namespace=namespace)
        return claim.spec.volumeName if claim.spec and claim.status and claim.status.phase == "Bound" else None

    name = until(volume)
    client.delete(PersistentVolumeClaim, "thing", namespace=namespace)
    until(lambda: None if name in {v.metadata.name for v in client.list(PersistentVolume) if v.metadata} else True)


def test_a_job_fails_with_the_message_in_its_annotation(client: Client, namespace: str) -> None:
    apply(client, namespace, outcome="fail")
    assert until(lambda: job_end(client, namespace)) == "Failed"
    assert ("Error", "no such table: dag") in container_states(client, namespace)


def test_an_image_that_does_not_exist_is_never_pulled(client: Client, namespace: str) -> None:
    apply(client, namespace, tag="does-not-exist")
    reasons = until(lambda: [each for each in container_states(client, namespace) if "Pull" in each[0]] or None)
    assert reasons == [("ImagePullBackOff", 'Back-off pulling image "busybox:does-not-exist"')]
    assert not ready_replicas(client, namespace)


def test_pod_security_is_enforced(client: Client, namespace: str) -> None:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    client.patch(Namespace, namespace, {"metadata": {"labels": label}})
    pod = Pod(metadata=ObjectMeta(name="root"), spec=PodSpec(containers=[Container(name="main", image="busybox")]))
    with pytest.raises(ApiError, match="violates PodSecurity"):
        client.create(pod, namespace=namespace)


def test_the_node_is_kept_alive_by_a_lease(client: Client) -> None:
    lease = client.get(Lease, "simulated", namespace="kube-node-lease")
    assert lease.spec and lease.spec.renewTime, "without a lease, pods become unready after 50 seconds"


def test_a_cluster_that_lost_processes_is_restarted_with_its_objects(
    cluster: SimulatedCluster, client: Client, tools: dict[str, LocatedTool], namespace: str
) -> None:
    folder = Path(cluster.kubeconfig).parent
    for name in ("etcd", "kwok"):
        os.kill(daemons.running(folder)[name], signal.SIGKILL)
    until(lambda: None if {"etcd", "kwok"} & daemons.running(folder).keys() else True)
    cluster.start(tools)
    assert client.get(Namespace, namespace)
    apply(client, namespace)
    assert until(lambda: ready_replicas(client, namespace)) == 1


def test_a_stopped_cluster_leaves_nothing(tools: dict[str, LocatedTool], tmp_path: Path) -> None:
    cluster = SimulatedCluster(tmp_path / "cluster")
    cluster.start(tools)
    assert Path(cluster.kubeconfig).stat().st_mode & 0o077 == 0
    assert cluster.stop() == ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"]
    assert not cluster.running()
    assert not list(tmp_path.iterdir())
    assert cluster.stop() == []
