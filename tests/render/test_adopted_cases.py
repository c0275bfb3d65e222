"""Adopted values files, rendered with the official chart: pods run what the file says."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.adopt.model import Values
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.inputs.validation import load
from tests.support.adopted_cases import CASES
from tests.support.cases import official_chart as chart_file

pytestmark = pytest.mark.official_chart

OWN: dict[str, Values] = {
    "the chart's variables switched off": {"database": {"external": {"host": "db.example.com"}}},
    "ingress with paths and two hosts": {"web": {"ingress": {"dataPlane": {"namespace": "ingress"}}}},
}


@cache
def rendered(case: str) -> list[dict[str, Any]]:
    """Objects of the release and of the program, for an adopted values file."""
    adoption = official_chart.convert(CASES[case], own=OWN.get(case))
    adoption.with_own({**OWN.get(case, {}), "chart": {"path": str(chart_file())}})
    assert adoption.blockers == []
    settings = load("test", adoption.settings, set(), secrets_required=False)
    recording = record_stack(settings, "test")
    inputs = recording.only(RELEASE).inputs
    program = [each.inputs for each in recording.resources.values() if each.type.startswith("kubernetes:batch")]
    return [*helm_template(settings.chart, inputs["name"], settings.namespace, inputs["values"]), *program]


def pods(case: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for each in rendered(case):
        if each.get("kind") in ("Deployment", "StatefulSet", "Job") or "template" in each.get("spec", {}):
            yield each["metadata"].get("name", ""), each["spec"]["template"]["spec"]


def containers(case: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(case):
        for container in [*pod["containers"], *(pod.get("initContainers") or [])]:
            yield name, container


def found(case: str, kind: str, name: str) -> dict[str, Any]:
    return next(each for each in rendered(case) if each.get("kind") == kind and each["metadata"].get("name") == name)


def container(case: str, name: str) -> dict[str, Any]:
    return next(each for _, each in containers(case) if each["name"] == name)


def variables(given: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in given.get("env") or []}


def test_every_airflow_container_runs_the_image_of_the_file() -> None:
    images = {
        each["image"] for _, each in containers("own image beside the chart's default") if "airflow" in each["image"]
    }
    assert images == {"registry.example.com/data/airflow:3.2.2-b77"}


def test_workers_have_the_resources_and_the_disruption_budget_of_the_file() -> None:
    case = "resources of workers in the older place"
    assert container(case, "worker")["resources"] == {
        "requests": {"cpu": "1", "memory": "4Gi"},
        "limits": {"cpu": "2", "memory": "8Gi"},
    }
    assert found(case, "PodDisruptionBudget", "airflow-worker-pdb")
    template = found(case, "Deployment", "airflow-worker")["spec"]["template"]
    assert template["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"


@pytest.mark.parametrize("case", ["the chart's variables switched off", "variables from Secrets with the chart's keys"])
def test_every_airflow_process_has_its_connection_and_its_fernet_key(case: str) -> None:
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        assert {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY"} <= variables(
            container(case, name)
        ).keys()


def test_the_ingress_has_the_path_of_the_file() -> None:
    (rule,) = found("ingress with paths and two hosts", "Ingress", "airflow-ingress")["spec"]["rules"]
    assert [each["path"] for each in rule["http"]["paths"]] == ["/*", "/airflow"]


def quantity(text: str) -> float:
    units = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30, "Ki": 2**10}
    unit = next((each for each in units if text.endswith(each)), "")
    return float(text.removesuffix(unit)) * units.get(unit, 1)


@pytest.mark.parametrize("case", CASES)
def test_no_request_is_above_its_limit(case: str) -> None:
    for name, each in containers(case):
        resources = each.get("resources") or {}
        for kind, limit in resources.get("limits", {}).items():
            assert quantity(str(resources["requests"].get(kind, limit))) <= quantity(str(limit)), (name, each["name"])


def test_pods_run_as_the_user_of_the_file() -> None:
    case = "user ids of OpenShift"
    assert container(case, "git-sync")["securityContext"]["runAsUser"] == 1002490000
    pod = found(case, "Deployment", "airflow-scheduler")["spec"]["template"]["spec"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == (1002490000, 1002490000)


def test_templates_are_expanded_and_optional_references_stay_optional() -> None:
    found_variables = variables(container("templates in extraEnv", "scheduler"))
    assert found_variables["STATSD_PREFIX"] == "airflow-prod"
    assert found_variables["SENTRY_DSN"]["secretKeyRef"]["optional"] is True
    assert found_variables["PLAIN"] == "text"


def test_old_local_settings_do_not_come_alive() -> None:
    data = [
        each["data"]
        for each in rendered("old local settings")
        if each.get("kind") == "ConfigMap" and "airflow.cfg" in each["data"]
    ]
    assert [each.get("airflow_local_settings.py", "").strip() for each in data] == [""]


def test_no_admin_is_created_beside_single_sign_on() -> None:
    assert "airflow-create-user" not in {
        each["metadata"].get("name") for each in rendered("single sign-on by a variable")
    }
