"""The form of single settings follows the rules of the system that reads them: git, git-sync, Helm and Kubernetes."""

from typing import Any

import pytest

from airflow_stack.chart.values import chart_values
from airflow_stack.inputs.wording import in_stack_file
from tests.support.cases import HTTPS, Config, problems, settings

CANARY = "C4NARYtoken"


@pytest.mark.parametrize(
    ("path", "same"),
    [("dags", "dags"), ("./airflow/dags", "airflow/dags"), ("airflow//dags/", "airflow/dags"), ("airflow/./dags", "airflow/dags"),
     (".", ""), ("./", ""), ("", ""), (".airflow", ".airflow"), ("a./b", "a./b")],
)  # fmt: skip
def test_a_folder_has_one_spelling(path: str, same: str) -> None:
    taken = settings(dags={**HTTPS, "path": path})
    assert taken.dags.path == same
    assert chart_values(taken)["dags"]["gitSync"]["subPath"] == same
    more = settings(dags={**HTTPS, "delivery": "gitBundle", "moreRepositories": {"a": {**HTTPS, "path": path}}})
    assert more.dags.more_repositories["a"].path == same


@pytest.mark.parametrize(
    ("path", "same"), [("/opt//dags/", "/opt/dags"), ("/opt/./dags", "/opt/dags"), ("./dags", "dags")]
)
def test_a_folder_of_the_image_has_one_spelling(path: str, same: str) -> None:
    images = {"airflow": {"repository": "registry.example.com/airflow"}}
    assert settings(dags={"delivery": "image", "path": path}, images=images).dags.path == same


@pytest.mark.parametrize("path", ["../dags", "dags/..", "dags\\sub", "dags\n", "/dags"])
def test_a_folder_outside_of_the_repository_is_refused(path: str) -> None:
    (problem,) = problems({"dags": {**HTTPS, "path": path}}).problems
    assert problem.path == "dags.path"


def test_git_sync_gets_the_whole_history_with_depth_0() -> None:
    assert chart_values(settings(dags={**HTTPS, "depth": 0}))["dags"]["gitSync"]["depth"] == 0


NAMED: dict[str, Config] = {
    "a Secret of a variable": {"environmentFrom": {"PGPASSWORD": {"secret": "{}", "key": "password"}}},
    "a certificate": {"ingress": {"host": "a.example.com", "controllerNamespace": "nginx", "tlsSecret": "{}"}},
    "a pull Secret": {"images": {"pullSecrets": ["{}"]}},
    "a StorageClass of logs": {"logs": {"volume": {"size": "10Gi", "storageClass": "{}"}}},
    "a StorageClass of the database": {"database": {"inCluster": {"storageClass": "{}"}}},
    "a StorageClass of CloudNativePG": {"database": {"cloudNativePg": {"storageClass": "{}"}}},
    "an existing Secret": {"existingSecrets": {"fernetKey": "{}"}},
    "an IngressClass": {"ingress": {"host": "a.example.com", "controllerNamespace": "nginx", "className": "{}"}},
}


def named(config: Any, name: str) -> Any:
    """The configuration with the name in its place."""
    if isinstance(config, dict):
        return {key: named(value, name) for key, value in config.items()}
    if isinstance(config, list):
        return [named(each, name) for each in config]
    return name if config == "{}" else config


@pytest.mark.parametrize("case", NAMED)
@pytest.mark.parametrize(
    "name",
    ["a", "airflow.pg-main.credentials.postgresql.acid.zalan.do", "csi-nfs.example.com", ".".join(["a" * 60] * 4)],
)
def test_the_name_of_a_secret_or_class_may_have_dots(case: str, name: str) -> None:
    settings(dags=HTTPS, **named(NAMED[case], name))


@pytest.mark.parametrize("case", NAMED)
@pytest.mark.parametrize("name", ["A", "a_b", ".a", "a.", "a..b", "-a", "a-", "a.-b", "a/b", "a" * 254])
def test_a_name_that_kubernetes_refuses_is_refused(case: str, name: str) -> None:
    (problem,) = problems({"dags": HTTPS, **named(NAMED[case], name)}).problems
    assert problem.reason == "must be a name of lowercase letters, digits, - and ., at most 253 characters"


@pytest.mark.parametrize(
    "config",
    [
        {"chart": {"repository": f"https://ci:{CANARY}@charts.example.com"}},
        {"chart": {"repository": f"https://{CANARY}@charts.example.com"}},
        {"chart": {"repository": f"https://charts.example.com/x@{CANARY}"}},
        {"chart": {"repository": f"https://charts.example.com?token={CANARY}"}},
        {"chart": {"repository": f"https://charts.example.com/airflow#{CANARY}"}},
        {"chart": {"repository": f"oci://ci:{CANARY}@registry.example.com/charts"}},
        {"logs": {"remote": {"folder": f"s3://ci:{CANARY}@bucket/logs"}}},
        {"logs": {"remote": {"folder": f"wasb://logs@acme.blob.core.windows.net?sig={CANARY}"}}},
        {"logs": {"remote": {"folder": f"wasb://ci:{CANARY}@acme.blob.core.windows.net"}}},
        {"dags": {"repository": f"https://git.example.com/dags.git?private_token={CANARY}"}},
        {"dags": {"repository": f"https://bot:2024/{CANARY}@github.com/acme/dags.git"}},
        {"dags": {**HTTPS, "githubApp": {"clientId": "Iv1.a", "installationId": 1, "baseUrl": f"https://api.example.com?t={CANARY}"}}},
    ],
)  # fmt: skip
def test_a_token_in_any_address_is_refused_and_not_shown(config: Config) -> None:
    error = problems({"dags": HTTPS, **config})
    assert len(error.problems) == 1
    assert CANARY.replace("x@", "") not in "".join(map(in_stack_file, error.problems)).replace(f"@{CANARY}'", "")


def test_a_private_chart_repository_has_a_way_out() -> None:
    (problem,) = problems({"dags": HTTPS, "chart": {"repository": f"https://ci:{CANARY}@c.example.com"}}).problems
    assert "helm registry login" in problem.reason
    assert "airflow:chart.path" in problem.reason


@pytest.mark.parametrize(
    "address",
    ["https://airflow.apache.org", "https://charts.example.com:8443/helm/", "oci://registry.example.com/charts", "https://charts"],
)  # fmt: skip
def test_other_chart_repositories_are_taken(address: str) -> None:
    assert settings(dags=HTTPS, chart={"repository": address}).chart.repository == address


@pytest.mark.parametrize(
    "folder", ["s3://bucket/airflow", "gs://bucket/a", "wasb://logs@acme.blob.core.windows.net/a", "wasb-logs", "abfs://a@b"]
)  # fmt: skip
def test_other_log_folders_are_taken(folder: str) -> None:
    assert settings(dags=HTTPS, logs={"remote": {"folder": folder}}).logs.remote is not None
