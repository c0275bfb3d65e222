"""The merged chart values, the program's and the stack's together, are what the Kubernetes API accepts and a pod can use."""

from typing import Any

import pytest

from airflow_stack.inputs.wording import in_stack_file
from tests.support.cases import HTTPS, SSH, Config, problems, settings
from tests.support.golden import Golden

INGRESS = {"host": "airflow.example.com", "controllerNamespace": "ingress"}


def refused(values: Config, **config: object) -> dict[str, str]:
    """Text of every problem, by its path below `values`."""
    found = problems({"dags": SSH, "values": values, **config}).problems
    return {each.path.removeprefix("values."): in_stack_file(each) for each in found}


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"scheduler": {"resources": {"limits": {"memory": "512Mi"}}}}, "scheduler.resources.requests.memory"),
        ({"triggerer": {"resources": {"requests": {"memory": "2Gi"}}}}, "triggerer.resources.requests.memory"),
        ({"workers": {"resources": {"limits": {"memory": "256Mi"}}}}, "workers.kubernetes.resources.requests.memory"),
        ({"dags": {"gitSync": {"resources": {"limits": {"cpu": "1m"}}}}}, "dags.gitSync.resources.requests.cpu"),
        (
            {"scheduler": {"extraContainers": [{"name": "a", "image": "b", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": 1}}}]}},
            "scheduler.extraContainers[0].resources.requests.cpu",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_request_above_its_limit_is_refused_wherever_both_come_from(
    values: Config, path: str, golden: Golden
) -> None:
    assert refused(values)[path] == golden


def test_a_request_of_a_setting_above_a_limit_of_the_values_is_refused() -> None:
    found = refused({"scheduler": {"resources": {"limits": {"cpu": "1"}}}}, components={"scheduler": {"cpu": "2"}})
    assert found.keys() == {"scheduler.resources.requests.cpu"}


def test_equal_requests_and_limits_in_different_units_are_accepted() -> None:
    memory = {"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi", "nvidia.com/gpu": 1}}
    assert settings(values={"scheduler": {"resources": memory}}).values


@pytest.mark.parametrize("component", ["scheduler", "apiServer", "dagProcessor"])
def test_no_pod_of_a_component_that_airflow_needs_is_refused(component: str) -> None:
    assert "would run no pod" in refused({component: {"replicas": 0}})[f"{component}.replicas"]
    assert settings(values={"triggerer": {"replicas": 0}}).values


def test_arguments_that_would_drop_the_proxy_headers_are_refused_behind_an_ingress() -> None:
    own = {"apiServer": {"args": ["bash", "-c", "exec airflow api-server"]}}
    assert "--proxy-headers" in refused(own, ingress=INGRESS)["apiServer.args"]
    assert settings(values=own).values
    own["apiServer"]["args"][2] += " --proxy-headers"
    assert settings(values=own, ingress=INGRESS).values


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"scheduler": {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}}, "scheduler.env[1].name"),
        ({"scheduler": {"env": [{"name": "OF_STACK", "value": "1"}]}}, "scheduler.env[0].name"),
        ({"scheduler": {"env": [{"name": "AIRFLOW__CORE__FERNET_KEY", "value": "x"}]}}, "scheduler.env[0].name"),
        ({"extraEnv": "- {name: AIRFLOW__CORE__FERNET_KEY, value: x}"}, "extraEnv"),
        ({"extraEnv": "- {name: OF_STACK, value: x}"}, "extraEnv"),
        ({"extraEnv": "- {name: 'a b', value: x}"}, "extraEnv[0].name"),
        ({"config": {"core": {"fernet_key": "x"}}}, "config.core.fernet_key"),
        ({"config": {"database": {"sql_alchemy_conn": "x"}}}, "config.database.sql_alchemy_conn"),
        ({"volumes": [{"name": "config", "emptyDir": {}}]}, "volumes[0].name"),
        ({"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]}, "volumes[1].name"),
        (
            {"volumes": [{"name": "a", "emptyDir": {}}], "scheduler": {"extraVolumes": [{"name": "a", "emptyDir": {}}]}},
            "scheduler.extraVolumes[0].name",
        ),
        ({"volumeMounts": [{"name": "a", "mountPath": "/opt/airflow/logs"}]}, "volumeMounts[0].mountPath"),
        (
            {"scheduler": {"extraVolumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}]}},
            "scheduler.extraVolumeMounts[1].mountPath",
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_variable_volume_or_mount_that_is_given_twice_is_refused(values: Config, path: str) -> None:
    assert path in refused(values, environment={"OF_STACK": "1"})


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("scheduler.labels", {"a b": "x"}, "is not a key that Kubernetes accepts"),
        ("scheduler.labels", {"a": "x" * 64}, "at most 63"),
        ("scheduler.labels", {"a": 1}, "put it in quotes"),
        ("airflowPodAnnotations", {"bad key!": "x"}, "is not a key that Kubernetes accepts"),
        ("scheduler.podAnnotations", {"a": True}, "put it in quotes"),
        ("nodeSelector", {"disk": True}, "put it in quotes"),
        ("scheduler.resources.limits.memory", "1gb", "must be a Kubernetes quantity"),
        ("scheduler.resources.limits.memory", "512m", "did you mean 512Mi?"),
        ("scheduler.resources.limits.gpu", 1, "is not a resource of a container"),
        ("scheduler.replicas", -1, "must be a whole number from 0"),
        ("scheduler.replicas", "2", "must be a whole number from 0"),
        ("statsd.enabled", "false", "must be true or false"),
        ("scheduler.priorityClassName", "High Priority", "must be a name of lowercase letters"),
        ("tolerations", [{"key": "a", "operator": "Is"}], "must be Equal or Exists"),
        ("tolerations", [{"effect": "NoSchedule"}], "must be Exists where no key is given"),
        ("topologySpreadConstraints", [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}], "1 or more"),
        ("scheduler.podDisruptionBudget.config", {"minAvailable": 1, "maxUnavailable": 1}, "give minAvailable or maxUnavailable"),
        ("scheduler.podDisruptionBudget.config.maxUnavailable", "half", "a number of pods, or a percentage"),
        ("cleanup.schedule", "every day", "must be a cron schedule"),
        ("databaseCleanup.schedule", "99 0 * * *", "must be a cron schedule"),
        ("databaseCleanup.schedule", "0 5-3 * * *", "must be a cron schedule"),
        ("scheduler.hostAliases", [{"ip": "localhost", "hostnames": ["a"]}], "must be an IP address"),
        ("scheduler.extraContainers", [{"name": "A", "image": "x"}], "must be a name of lowercase letters"),
        ("scheduler.extraContainers", [{"name": "a"}], "must name an image"),
        ("scheduler.startupProbe.periodSeconds", 0, "must be a whole number from 1"),
        ("securityContexts.pod.runAsUser", "root", "must be a whole number from 0"),
        ("ports.apiServer", 80800, "from 1 to 65535"),
        ("triggerer.persistence.size", "100", "did you mean 100Gi?"),
        ("scheduler.env", [{"name": "A", "value": 5}], "put it in quotes"),
        ("scheduler.env", {"A": "5"}, "must be a list"),
    ],
)  # fmt: skip
def test_a_value_that_the_api_or_a_pod_would_refuse_is_refused(path: str, value: Any, reason: str) -> None:
    values: Any = value
    for step in reversed(path.split(".")):
        values = {step: values}
    (text,) = [text for found, text in refused(values).items() if found.startswith(path) and reason in text]
    assert f"airflow:values.{path}" in text


def test_a_mount_of_a_volume_that_no_pod_has_is_refused() -> None:
    mount = [{"name": "ca", "mountPath": "/ca"}]
    assert "is no volume of that pod" in refused({"volumeMounts": mount})["volumeMounts[0].name"]
    found = refused(
        {"scheduler": {"extraVolumeMounts": mount}, "triggerer": {"extraVolumes": [{"name": "ca", "emptyDir": {}}]}}
    )
    assert found.keys() == {"scheduler.extraVolumeMounts[0].name"}
    assert settings(
        values={"volumes": [{"name": "ca", "emptyDir": {}}], "scheduler": {"extraVolumeMounts": mount}}
    ).values


def test_templates_of_the_chart_are_left_to_the_chart() -> None:
    values = {
        "scheduler": {"podAnnotations": {"a": "{{ .Release.Name }}"}, "priorityClassName": "{{ .Release.Name }}-x"},
        "extraEnv": "{{- range .Values.x }}- {name: A}{{ end }}",
    }
    assert settings(values=values).values == values


def test_a_weaker_form_is_checked_where_it_takes_effect() -> None:
    found = refused({"workers": {"resources": {"limits": {"memory": "512m"}}}}, dags=HTTPS)
    assert "did you mean 512Mi?" in found["workers.kubernetes.resources.limits.memory"]
