"""Adoption of environment variables: each keeps its text, its order and its effect, or a line says where its value belongs."""

from typing import Any

import pytest
import yaml

from airflow_stack.cli import fast_yaml
from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.adopt.model import Adoption

DAGS = {"gitSync": {"enabled": True, "repo": "https://github.com/acme/dags.git", "branch": "main"}}


def adopted(**values: Any) -> Adoption:
    return official_chart.convert({"executor": "LocalExecutor", "dags": DAGS, **values})


def test_a_text_stays_what_helm_reads() -> None:
    values = fast_yaml.load(
        "{at: 22:30, day: 2026-01-31, octal: 010, float: 1.5, exponent: 1e3, text: 1.2.3, off: off}"
    )
    assert values == {
        "at": "22:30", "day": "2026-01-31", "octal": 8, "float": 1.5, "exponent": 1000.0, "text": "1.2.3", False: False
    }  # fmt: skip
    assert adopted(extraEnv="- name: AT\n  value: 22:30\n").settings["environment"] == {"AT": "22:30"}


def test_an_empty_variable_is_kept() -> None:
    assert adopted(env=[{"name": "HTTP_PROXY", "value": ""}]).settings["environment"] == {"HTTP_PROXY": ""}


def test_a_variable_that_names_another_one_stays_behind_it() -> None:
    pod = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    url = {"name": "URL", "value": "http://$(POD_IP):80"}
    first = {"name": "A", "value": "$(Z)"}
    adoption = adopted(env=[{"name": "Z", "value": "z"}, first], extraEnv=yaml.safe_dump([pod, url], sort_keys=False))
    assert adoption.settings["environment"] == {"Z": "z"}
    assert fast_yaml.load(adoption.settings["values"]["extraEnv"]) == [first, pod, url]


@pytest.mark.parametrize(
    ("name", "value", "way_out"),
    [
        ("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor", "airflow:executor"),
        ("AIRFLOW__CORE__DAGS_FOLDER", "/x", "airflow:dags.path"),
        ("AIRFLOW__CORE__FERNET_KEY_CMD", "cat /run/key", "airflow:fernetKey"),
        ("AIRFLOW__CORE__FERNET_KEY_SECRET", "variables/key", "airflow:fernetKey"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD", "cat /run/url", "airflow:existingSecrets.metadataConnection"),
        ("AIRFLOW__WEBSERVER__SECRET_KEY", "0123456789abcdef", "airflow:existingSecrets.apiSecretKey"),
    ],
)
def test_a_variable_that_would_have_no_effect_or_half_of_it_stops(name: str, value: str, way_out: str) -> None:
    adoption = adopted(env=[{"name": name, "value": value}])
    assert "environment" not in adoption.settings
    (stop,) = adoption.blockers
    assert stop.startswith(f"env {name}: ")
    assert way_out in stop


def test_a_variable_with_the_executor_of_the_file_is_left_out_with_a_note() -> None:
    adoption = adopted(env=[{"name": "AIRFLOW__CORE__EXECUTOR", "value": "LocalExecutor"}])
    assert adoption.blockers == []
    assert "env AIRFLOW__CORE__EXECUTOR: follows from airflow:executor" in adoption.notes


@pytest.mark.parametrize(
    ("values", "way_out"),
    [
        ({"config": {"database": {"sql_alchemy_conn": "postgresql://u:canary12@db/a"}}}, "airflow:databasePassword"),
        ({"config": {"celery": {"broker_url": "redis://:canary12@r:6379/0"}}}, "airflow:existingSecrets.brokerUrl"),
        ({"config": {"celery": {"result_backend": "db+postgresql://u:canary12@d/a"}}}, "existingSecrets.resultBackend"),
        ({"config": {"smtp": {"smtp_password": "canary12"}}}, "environmentFrom.AIRFLOW__SMTP__SMTP_PASSWORD"),
        ({"scheduler": {"env": [{"name": "API_TOKEN", "value": "canary12"}]}}, "airflow:environmentFrom.API_TOKEN"),
        ({"config": {"core": {"fernet_key_cmd": "cat /run/key"}}}, "airflow:existingSecrets.fernetKey"),
    ],
)
def test_the_line_about_a_secret_names_the_setting_that_takes_it(values: dict[str, Any], way_out: str) -> None:
    (stop,) = adopted(**values).blockers
    assert way_out in stop
    assert "canary12" not in stop


def test_the_secret_of_celerys_results_is_not_taken_for_the_brokers() -> None:
    variable = {"envName": "AIRFLOW__CELERY__RESULT_BACKEND", "secretName": "results", "secretKey": "connection"}
    adoption = official_chart.convert({"dags": DAGS, "secret": [variable]})
    assert adoption.settings["existingSecrets"] == {"resultBackend": "results"}
