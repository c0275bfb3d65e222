"""`airflow-stack admin`: a Job makes and removes the local admin; no output, argument or variable has its password."""

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from airflow_stack.cli.admin import render
from airflow_stack.cli.admin.model import LocalAdmin
from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient
from airflow_stack.errors import UserError
from tests.support.golden import Golden

JOBS, CORE = "/apis/batch/v1/namespaces/airflow/jobs", "/api/v1/namespaces/airflow"


def migration(image: str, created: str) -> dict[str, Any]:
    labels = {"tier": "airflow", "release": "airflow", "component": "migrate-database", "job-name": "old"}
    container = {
        "name": "migrate-database",
        "image": image,
        "args": ["old"],
        "env": [{"name": "DATABASE", "value": "x"}],
    }
    template = {"metadata": {"labels": labels, "annotations": {"a": "b"}}, "spec": {"containers": [container]}}
    return {"metadata": {"creationTimestamp": created}, "spec": {"template": template}}


class Cluster:
    """A cluster whose Jobs end as it says."""

    def __init__(self, *, end: str = "Complete", jobs: int = 2) -> None:
        self.objects: dict[str, Any] = {}
        self.end, self.started = end, list[dict[str, Any]]()
        self.jobs = [migration("new", "2026-11-02"), migration("old", "2026-11-01")][:jobs]

    def list_objects(self, path: str, labels: str = "") -> list[Any]:
        return self.jobs if path == JOBS else [{"metadata": {"name": "pod"}}]

    def get(self, path: str) -> Any:
        return {"status": {"conditions": [{"type": self.end, "status": "True"}]}}

    def post(self, path: str, body: Any) -> Any:
        if "selfsubjectreviews" in path:
            return {"status": {"userInfo": {"username": "ada@example.com"}}}
        if path == JOBS:
            self.started.append(body)
            return {"metadata": {"name": "airflow-break-glass-x"}}
        self.objects[f"{path}/{body['metadata']['name']}"] = body
        return body

    def delete(self, path: str) -> None:
        self.objects.pop(path, None)

    def log_lines(self, path: str, **_: str) -> Iterator[str]:
        yield from ("Traceback", "sqlalchemy.exc.OperationalError: no database", "")


def local_admin(cluster: Cluster) -> LocalAdmin:
    return LocalAdmin(cast(KubernetesClient, cluster), "airflow", pause=lambda _: None)


def test_the_job_is_that_of_the_newest_migration_with_another_script() -> None:
    cluster = Cluster()
    local_admin(cluster).make("Okta does not answer")
    (job,) = cluster.started
    (container,) = job["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert container["image"] == "new"
    assert variables["DATABASE"] == "x"
    assert variables["LOCAL_ADMIN_REASON"] == "Okta does not answer"
    assert variables["LOCAL_ADMIN_OPERATOR"] == "ada@example.com"
    assert "job-name" not in job["spec"]["template"]["metadata"]["labels"]


def test_the_password_is_in_the_secret_only_and_another_one_each_time() -> None:
    cluster, found = Cluster(), set[str]()
    for _ in range(2):
        local_admin(cluster).make("test")
        password = cluster.objects[f"{CORE}/secrets/airflow-break-glass"]["stringData"]["password"]
        assert len(password) >= 32
        assert password not in json.dumps(cluster.started)
        found.add(password)
    assert len(found) == 2


def test_removal_deletes_the_secret_and_gives_the_job_no_password() -> None:
    cluster = Cluster()
    local_admin(cluster).make("test")
    local_admin(cluster).remove("test")
    assert cluster.objects == {}
    assert "LOCAL_ADMIN_PASSWORD" not in json.dumps(
        cluster.started[-1]["spec"]["template"]["spec"]["containers"][0]["env"]
    )


def test_a_failed_job_is_reported_with_the_end_of_its_log_and_leaves_no_secret(golden: Golden) -> None:
    cluster = Cluster(end="Failed")
    with pytest.raises(UserError) as error:
        local_admin(cluster).make("test")
    assert str(error.value) == golden
    assert cluster.objects == {}


def test_a_namespace_without_airflow_has_no_admin(golden: Golden) -> None:
    with pytest.raises(UserError) as error:
        local_admin(Cluster(jobs=0)).make("test")
    assert str(error.value) == golden


def test_a_cluster_that_does_not_name_its_user_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    post = cluster.post

    def refused(path: str, body: Any) -> Any:
        if "selfsubjectreviews" in path:
            raise ClusterError("the cluster answers 403", 403)
        return post(path, body)

    monkeypatch.setattr(cluster, "post", refused)
    local_admin(cluster).make("test")
    assert "unknown user" in json.dumps(cluster.started)


def test_the_output_says_where_to_log_in_and_how_to_end_it(golden: Golden) -> None:
    assert render.made("prod", "airflow", "https://airflow.example.com/auth/local/login/") == golden(name="made")
    assert render.removed() == golden(name="removed")
