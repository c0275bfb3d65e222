"""What a stack's chart values say about every pod reaches the program's Jobs too."""

from typing import Any

from airflow_stack.chart.without_effect import value_warnings
from tests.support.cases import deployed, settings

JOB = "kubernetes:batch/v1:Job"


def pods(**args: object) -> dict[str, Any]:
    """The pod of each Job, by the role of the Job."""
    jobs = deployed(**args).of_type(JOB)
    specs = [job.inputs["spec"]["template"]["spec"] for job in jobs]
    return {spec["containers"][0]["name"]: spec for spec in specs}


def variables(spec: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value") for each in spec["containers"][0].get("env", [])}


def test_user_ids_and_security_contexts_reach_the_jobs() -> None:
    found = pods(values={"uid": 1002490000, "securityContexts": {"containers": {"readOnlyRootFilesystem": True}}})
    assert len(found) == 3
    for spec in found.values():
        assert spec["securityContext"]["runAsUser"] == 1002490000
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_null_removes_a_user_id_from_the_jobs_too() -> None:
    found = pods(values={"securityContexts": {"pod": {"runAsUser": None, "fsGroup": None}}})
    for spec in found.values():
        assert not {"runAsUser", "fsGroup"} & spec["securityContext"].keys()


def test_the_pull_policy_of_airflows_image_reaches_the_jobs() -> None:
    for spec in pods(values={"images": {"airflow": {"pullPolicy": "Always"}}}).values():
        assert spec["containers"][0]["imagePullPolicy"] == "Always"
    assert "imagePullPolicy" not in pods()["migrate-database"]["containers"][0]


def test_options_that_a_migration_reads_are_variables_of_the_jobs() -> None:
    config = {"database": {"sql_alchemy_schema": "airflow", "x": "50%%", "y": 1}, "core": {"parallelism": 4}}
    found = pods(values={"config": config}, environment={"AIRFLOW__DATABASE__Y": "2"})
    for role in ("migrate-database", "create-user"):
        given = variables(found[role])
        assert given["AIRFLOW__DATABASE__SQL_ALCHEMY_SCHEMA"] == "airflow"
        assert given["AIRFLOW__DATABASE__X"] == "50%"
        assert given["AIRFLOW__DATABASE__Y"] == "2"
        assert "AIRFLOW__CORE__PARALLELISM" not in given


def test_extra_variables_reach_the_jobs() -> None:
    extra = {"extraEnv": "- {name: HTTPS_PROXY, value: proxy}", "extraEnvFrom": "- secretRef: {name: mine}"}
    found = pods(values=extra)
    for role in ("migrate-database", "create-user"):
        assert variables(found[role])["HTTPS_PROXY"] == "proxy"
        assert found[role]["containers"][0]["envFrom"] == [{"secretRef": {"name": "mine"}}]


def test_a_template_that_cannot_reach_the_jobs_gives_a_warning() -> None:
    values = {
        "extraEnv": "- {name: A, value: '{{ .Release.Name }}'}",
        "config": {"database": {"sql_alchemy_schema": "{{ .Release.Name }}"}},
    }
    assert [text.split(" ")[0] for text in value_warnings(settings(values=values))] == [
        "airflow:values.extraEnv",
        "airflow:values.config.database.sql_alchemy_schema",
    ]
    assert pods(values=values)


def test_a_value_without_effect_gives_a_warning_with_the_reason() -> None:
    values = {
        "webserver": {"replicas": 2},
        "workers": {"celery": {"replicas": 3}, "persistence": {"size": "10Gi"}},
        "scheduler": {"waitForMigrations": {"env": []}, "replicas": 2},
    }
    assert list(value_warnings(settings(values=values))) == [
        "airflow:values.webserver.replicas has no effect, because Airflow 3 has no webserver; use apiServer",
        "airflow:values.scheduler.waitForMigrations.env has no effect while scheduler.waitForMigrations.enabled is off",
        "airflow:values.workers.persistence has no effect without airflow:executor CeleryExecutor",
        "airflow:values.workers.celery.replicas has no effect without airflow:executor CeleryExecutor",
    ]
    assert not list(value_warnings(settings(executor="CeleryExecutor", values={"workers": {"replicas": 3}})))
    assert not list(value_warnings(settings()))
