"""Only the API server has the login: the generated file, the client secret, and a digest of each that restarts it."""

from pathlib import Path

import pytest

from airflow_stack.cli.manifests import stack_manifests
from airflow_stack.credentials import LOGIN_CLIENT_SECRET
from airflow_stack.inputs.validation import load
from airflow_stack.names import LOGIN_CONFIG
from airflow_stack.settings.models import Chart
from tests.support.cases import EXECUTORS
from tests.support.login import PROVIDERS, login
from tests.support.manifests import Manifest, containers_of, pods, secrets_read

SECRET = "canary-of-the-client"


def rendered(chart: Path, provider: str, **more: object) -> list[Manifest]:
    stack = load("test", {**login(provider), **more, "loginClientSecret": SECRET}, {"loginClientSecret"})
    return stack_manifests(stack.model_copy(update={"chart": Chart(path=str(chart))}), "test")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_only_the_api_server_reads_the_file_and_the_client_secret(chart: Path, executor: str) -> None:
    mounting, reading = set[str](), set[str]()
    for pod, template in pods(rendered(chart, "keycloak", executor=executor)):
        files = {
            each["mountPath"]: each["name"]
            for container in containers_of(template)
            for each in container.get("volumeMounts") or []
        }
        if volume := files.get("/opt/airflow/webserver_config.py"):
            mounting.add(pod)
            (source,) = (each for each in template["spec"]["volumes"] if each["name"] == volume)
            assert source["configMap"]["name"] == LOGIN_CONFIG
        if (LOGIN_CLIENT_SECRET.secret, LOGIN_CLIENT_SECRET.key) in secrets_read(template):
            reading.add(pod)
    assert mounting == reading == {"airflow-api-server"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_client_secret_is_in_no_object_besides_its_secret(chart: Path, provider: str) -> None:
    holding = {each["metadata"]["name"] for each in rendered(chart, provider) if SECRET in str(each)}
    assert holding <= {LOGIN_CLIENT_SECRET.secret}
