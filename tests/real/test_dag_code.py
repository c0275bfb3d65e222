"""What the code of a DAG author reaches on real pods, with network policies enforced."""

from collections.abc import Iterator

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace, Pod

from sandbox.airflow_ready import SMOKE
from tests.real.test_airflow import listed, smoke_hosts
from tests.support.network_policies import METADATA, enforced
from tests.support.project import NAMESPACE, Project, wait_for

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("installed", "policies")]

JOBS = "airflow-jobs"
HEAD = """
import os
from datetime import UTC, datetime, timedelta
from airflow.sdk import Connection, Variable, dag, task

@dag(dag_id="{name}", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), is_paused_upon_creation=False)
def made_by_a_test():
"""
# Each task succeeds if Airflow or the cluster refuses what it tries.
ATTACKS = f"""
    @task
    def variables() -> None:
        secret = ("FERNET", "SQL_ALCHEMY", "SECRET_KEY", "JWT_SECRET", "AIRFLOW_CONN_")
        known = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                known.append(open(f"/proc/{{pid}}/environ").read())
            except OSError as error:  # the supervisor of the task is closed to it
                print(pid, error)
        assert known
        found = [line.split("=")[0] for text in known for line in text.split("\\0") if any(s in line.split("=")[0] for s in secret)]
        assert not found, found
        assert not os.path.exists("/var/run/secrets/kubernetes.io/serviceaccount/token")

    @task
    def kubernetes() -> None:
        import ssl, urllib.error, urllib.request
        host = "https://{{}}:{{}}".format(os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
        space = f"{{host}}/api/v1/namespaces/{NAMESPACE}"
        pod = b'{{"metadata": {{"name": "thief"}}, "spec": {{"containers": [{{"name": "a", "image": "a"}}]}}}}'
        asked = [(f"{{space}}/secrets/{{name}}", None) for name in SECRETS] + [(f"{{space}}/secrets", None), (f"{{space}}/pods", pod)]
        for url, body in asked:
            request = urllib.request.Request(url, body, {{"Content-Type": "application/json"}})
            try:
                urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=20)
            except urllib.error.HTTPError as error:
                assert error.code in (401, 403), (url, error.code)
            else:
                raise AssertionError(url)

    @task
    def network() -> None:
        import socket
        for host, port in (("airflow-database", 5432), ("{METADATA}", 80)):
            try:
                socket.create_connection((host, port), timeout=5)
            except OSError as error:
                print(host, error)
            else:
                raise AssertionError(host)
        socket.create_connection(("airflow-api-server", 8080), timeout=20)

    @task
    def connection() -> None:
        try:
            found = Connection.get("airflow_db")
        except Exception as error:
            print(type(error).__name__)
        else:
            raise AssertionError(found.conn_type)

    variables(); kubernetes(); network(); connection()

made_by_a_test()
"""
OVERRIDE = """
    from kubernetes.client import models as k8s
    volume = k8s.V1Volume(name="x", secret=k8s.V1SecretVolumeSource(secret_name="airflow-fernet-key"))
    spec = k8s.V1PodSpec(containers=[k8s.V1Container(name="base")], volumes=[volume])

    @task(executor_config={"pod_override": k8s.V1Pod(spec=spec)})
    def only() -> None:
        print("runs")

    only()

made_by_a_test()
"""
# Connections and variables through the Execution API, a deferred task, and pods in the granted namespace.
WORKS = """
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor

    @task
    def reads() -> None:
        assert Connection.get("of_dag_code").password == "correct horse"
        assert Variable.get("of_dag_code") == "yes"

    reads()
    TimeDeltaSensor(task_id="waits", delta=timedelta(seconds=1), deferrable=True)
    for deferrable in (False, True):
        KubernetesPodOperator(
            task_id="deferred_pod" if deferrable else "pod", name="of-a-task", namespace="{jobs}", image="{image}",
            cmds=["python3", "-c", "print('in a pod')"], deferrable=deferrable, in_cluster=True, get_logs=True,
        )

made_by_a_test()
"""


@pytest.fixture(scope="module")
def policies(project: Project, cluster_type: str, installed: str) -> Iterator[None]:
    """Network policies are enforced, and the stack runs tasks in pods."""
    if cluster_type != "node":
        pytest.skip("kind enforces network policies by itself; the metadata endpoint is that of the machine")
    project.kubernetes.apply(Namespace(metadata=ObjectMeta(name=JOBS)))
    project.up(executor="KubernetesExecutor")
    with enforced(project):
        yield
    project.configure(security={})


def branch(project: Project) -> str:
    return str(project.setting("dags").get("branch", "main"))


def push(project: Project, name: str, body: str) -> None:
    project.push({f"{name}.py": HEAD.format(name=name) + body}, branch(project))
    listed(project, name, 90)


def states(project: Project, name: str, run: str) -> dict[str, str]:
    return {each.task: each.state for each in project.airflow.tasks(name, run)}


def test_a_dag_reads_no_secret_creates_no_pod_and_reaches_neither_database_nor_metadata(project: Project) -> None:
    secrets = sorted(project.secrets())
    assert {"airflow-fernet-key", "airflow-jwt-secret", "airflow-metadata", "airflow-admin"} <= set(secrets)
    push(project, "attacks", f"    SECRETS = {secrets}\n{ATTACKS}")
    project.airflow.ends_green("attacks", project.airflow.trigger("attacks"))


def test_a_pod_override_with_a_secret_fails_and_creates_no_pod(project: Project) -> None:
    push(project, "override", OVERRIDE)
    run = project.airflow.trigger("override")
    wait_for(
        "the end of the run", lambda: project.airflow.run_state("override", run), lambda state: state == "failed", 180
    )
    assert not [pod for pod in project.kubernetes.list(Pod) if pod.metadata and "override" in (pod.metadata.name or "")]


def test_the_suites_dags_connections_deferred_tasks_and_pods_work(project: Project) -> None:
    project.up(security={"podNamespaces": [JOBS]})
    smoke_hosts(project.airflow)
    project.airflow._call("POST", "/api/v2/connections", {"connection_id": "of_dag_code", "conn_type": "generic", "password": "correct horse"})  # fmt: skip
    project.airflow.set_variable("of_dag_code", "yes")
    image = next(c.image for pod in project.pods() if pod.spec for c in pod.spec.containers if c.name == "scheduler")
    push(project, "works", WORKS.replace("{jobs}", JOBS).replace("{image}", str(image)))
    run = project.airflow.trigger("works")
    project.airflow.ends_green("works", run, 400)
    assert set(states(project, "works", run)) == {"reads", "waits", "pod", "deferred_pod"}
    assert project.restarts() == {}
    assert SMOKE in project.airflow.dags()
