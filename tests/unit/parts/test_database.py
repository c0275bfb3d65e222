"""The metadata database: three kinds, with one connection for every Airflow container."""

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from airflow_stack.choices import SslMode
from airflow_stack.cli.recording import Recording, record
from airflow_stack.parts.database import AirflowDatabase
from tests.support.cases import deployed

SECRET = "kubernetes:core/v1:Secret"
STATEFUL_SET = "kubernetes:apps/v1:StatefulSet"
CLUSTER = "kubernetes:postgresql.cnpg.io/v1:Cluster"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
COMPONENT = "airflow:index:AirflowDatabase"


def made(database: Any, password: str = "p", **more: Any) -> Recording:  # noqa: S107
    args: Any = {"namespace": "airflow", "database": database, "password": password, "salt": "s", **more}
    return record(lambda: AirflowDatabase("db", args))


def connections(seen: Recording) -> dict[str, str]:
    """The connections, by their key in the Secret."""
    secret = seen.only(SECRET)
    assert secret.inputs["metadata"]["name"] == "airflow-metadata"
    assert secret.shown["stringData"] == "[secret]"
    data: dict[str, str] = secret.inputs["stringData"]
    return data


@examples(max_examples=10)
@given(
    password=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    user=st.text("a@:/ ?#%é", min_size=1, max_size=8),
    name=st.text("b@:/ ?#%é", min_size=1, max_size=8),
)
def test_user_password_and_name_survive_the_url(password: str, user: str, name: str) -> None:
    external = {"host": "db.example.com", "port": 6432, "user": user, "name": name, "ssl_mode": SslMode.REQUIRE}
    seen = made({"external": external}, password)
    for url in connections(seen).values():
        parts = urlsplit(url)
        assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
        assert (parts.hostname, parts.port, unquote(parts.path)) == ("db.example.com", 6432, f"/{name}")


@pytest.mark.parametrize(
    ("database", "url", "parameter"),
    [
        ({}, "airflow:p@airflow-database:5432/airflow", ""),
        ({"external": {"host": "db"}}, "airflow:p@db:5432/airflow", ""),
        ({"external": {"host": "db", "ssl_mode": SslMode.VERIFY_FULL}}, "airflow:p@db:5432/airflow", "verify-full"),
        ({"external": {"host": "db", "ssl_mode": "disable"}}, "airflow:p@db:5432/airflow", "disable"),
        ({"cloud_native_pg": {}}, "airflow:p@airflow-database-rw:5432/airflow", "require"),
    ],
)
def test_the_connection_urls_have_each_drivers_parameters(database: Any, url: str, parameter: str) -> None:
    found = connections(made(database))
    assert found == {
        "connection": f"postgresql://{url}" + (f"?sslmode={parameter}" if parameter else ""),
        "asyncConnection": f"postgresql+asyncpg://{url}" + (f"?ssl={parameter}" if parameter else ""),
    }


def test_a_stack_requires_encryption_of_an_external_database_by_default() -> None:
    seen = deployed(database={"external": {"host": "db"}}, database_password="p")
    assert seen.named("airflow-database-metadata").inputs["stringData"]["connection"].endswith("?sslmode=require")


def test_the_address_is_known_without_the_password() -> None:
    seen = made({"external": {"host": "db", "name": "meta"}}, "hunter2")
    assert seen.outputs_of(COMPONENT)["address"] == "db:5432/meta"
    assert "hunter2" in connections(seen)["connection"]
    assert "hunter2" not in seen.shown()


def test_an_external_database_needs_only_the_connection() -> None:
    assert [r.type for r in made({"external": {"host": "db"}}).resources.values()] == [COMPONENT, SECRET]


def test_the_postgres_of_the_program_reads_its_password_from_the_secret_of_the_connection() -> None:
    seen = deployed()
    pod = seen.only(STATEFUL_SET).inputs["spec"]["template"]
    references = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in pod["spec"]["containers"][0]["env"]
        if "valueFrom" in variable
    }
    assert references["POSTGRES_PASSWORD"] == {"name": "airflow-database", "key": "password"}
    credentials = seen.named("airflow-database").inputs["stringData"]
    connection = urlsplit(seen.named("airflow-database-metadata").inputs["stringData"]["connection"])
    assert (connection.username, connection.password) == (credentials["username"], credentials["password"])
    assert pod["metadata"]["annotations"].keys() == {"checksum/airflow-database"}


def test_the_postgres_of_the_program_has_a_volume_of_the_configured_size() -> None:
    (claim,) = (
        made({"in_cluster": {"storage": "3Gi", "storage_class": "fast"}})
        .only(STATEFUL_SET)
        .inputs["spec"]["volumeClaimTemplates"]
    )
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "3Gi"}},
        "storageClassName": "fast",
    }
    spec = made({}).only(STATEFUL_SET).inputs["spec"]
    assert "storageClassName" not in spec["volumeClaimTemplates"][0]["spec"]
    mounts = {mount["name"] for mount in spec["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert "data" in mounts


def test_the_postgres_of_the_program_comes_from_the_mirror() -> None:
    images = {"registry": "m.io/x", "pull_secrets": ["mine"], "postgres": {"tag": "17"}}
    pod = deployed(images=images).only(STATEFUL_SET).inputs["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "m.io/x/library/postgres:17"
    assert pod["imagePullSecrets"] == [{"name": "mine"}]


def test_the_cloudnativepg_cluster_reads_its_password_from_the_secret_and_is_awaited() -> None:
    cluster = (
        deployed(database={"cloud_native_pg": {"instances": 2, "storage": "9Gi", "storage_class": "fast"}})
        .only(CLUSTER)
        .inputs
    )
    assert cluster["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert cluster["spec"] == {
        "instances": 2,
        "storage": {"size": "9Gi", "storageClass": "fast"},
        "bootstrap": {"initdb": {"database": "airflow", "owner": "airflow", "secret": {"name": "airflow-database"}}},
    }


def test_airflows_pods_and_the_operator_reach_the_database() -> None:
    airflow: dict[str, Any] = {"podSelector": {"matchLabels": {"tier": "airflow", "release": "airflow"}}}
    (rule,) = made({}, for_tasks=True).only(POLICY).inputs["spec"]["ingress"]
    assert rule == {"from": [airflow], "ports": [{"port": 5432}]}
    airflow["podSelector"]["matchExpressions"] = [{"key": "component", "operator": "NotIn", "values": ["worker"]}]
    (rule,) = made({}).only(POLICY).inputs["spec"]["ingress"]
    assert rule == {"from": [airflow], "ports": [{"port": 5432}]}
    first, operator, instances = (
        made({"cloud_native_pg": {"operator_namespace": "pg"}}).only(POLICY).inputs["spec"]["ingress"]
    )
    assert first == rule
    assert operator["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "pg"}}}]
    assert {port["port"] for port in operator["ports"]} == {5432, 8000}
    assert instances["from"] == [{"podSelector": {"matchLabels": {"cnpg.io/cluster": "airflow-database"}}}]


def test_the_policy_selects_the_pods_of_the_database() -> None:
    seen = made({})
    selector = seen.only(POLICY).inputs["spec"]["podSelector"]["matchLabels"]
    assert selector.items() <= seen.only(STATEFUL_SET).inputs["spec"]["template"]["metadata"]["labels"].items()
