"""Chart values: valid for every choice of settings, with each design decision under the chart's key."""

import json
from typing import Any

import pytest
from jsonschema import Draft7Validator

from airflow_stack import names
from airflow_stack.chart.values import chart_values
from airflow_stack.credentials import CREDENTIALS, GIT_SSH_KEY, GIT_TOKEN
from airflow_stack.settings.models import Settings
from tests.support.cases import (
    ACCESSES,
    AUTHENTICATIONS,
    CONTRACT_CHART,
    DATABASES,
    EXECUTORS,
    HOST_KEY,
    LOGS,
    SIZES,
    SSH,
    Config,
    closed_schema,
    every_choice,
    official_chart,
    settings,
)

DIGESTS = {each.secret: f"digest of {each.secret}" for each in CREDENTIALS if each.secret}


def values(**config: object) -> Any:
    return chart_values(settings(**config))


CHARTS = [CONTRACT_CHART, pytest.param(None, marks=pytest.mark.official_chart, id="official")]


@pytest.mark.parametrize("chart", CHARTS)
def test_the_chart_accepts_the_values_of_every_choice(chart: Any) -> None:
    schema = Draft7Validator(closed_schema(chart or official_chart()))
    seen: dict[str, str] = {}
    for name, choice in every_choice().items():
        seen[json.dumps(chart_values(choice, DIGESTS), sort_keys=True)] = name
    wrong = {
        name: [f"{error.json_path}: {error.message}" for error in schema.iter_errors(json.loads(text))]
        for text, name in seen.items()
    }
    assert {name: errors for name, errors in wrong.items() if errors} == {}
    assert len(seen) == len(EXECUTORS) * len(SIZES) * len(AUTHENTICATIONS) * len(ACCESSES) * len(LOGS)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_database_changes_no_value(executor: str) -> None:
    assert len({json.dumps(values(executor=executor, database=database)) for database in DATABASES.values()}) == 1


@pytest.mark.parametrize("chart", CHARTS)
def test_the_chart_refuses_a_misspelt_value(chart: Any) -> None:
    schema = Draft7Validator(closed_schema(chart or official_chart()))
    assert schema.is_valid(values())
    for path in (["executr"], ["dags", "gitSync", "brnch"], ["scheduler", "replica"]):
        wrong = values()
        place = wrong
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = "x"
        assert not schema.is_valid(wrong), path


def test_the_same_settings_give_the_same_values() -> None:
    for choice in every_choice().values():
        assert json.dumps(chart_values(choice, DIGESTS)) == json.dumps(chart_values(choice, DIGESTS))


@pytest.mark.parametrize("ref", [{"branch": "release"}, {}])
def test_a_branch_is_both_branch_and_ref(ref: Config) -> None:
    git_sync = values(dags={**SSH, **ref})["dags"]["gitSync"]
    assert git_sync["branch"] == git_sync["ref"] == ref.get("branch", "main")
    assert git_sync["rev"] == "HEAD"


@pytest.mark.parametrize("ref", [{"tag": "v1"}, {"commit": "a" * 40}])
def test_a_tag_or_commit_is_only_the_ref(ref: Config) -> None:
    git_sync = values(dags={**SSH, **ref})["dags"]["gitSync"]
    assert git_sync["ref"] in ref.values()
    assert (git_sync["branch"], git_sync["rev"]) == ("", "")


@pytest.mark.parametrize(
    ("dags", "known_hosts"),
    [
        (SSH, "github.com ssh-ed25519 "),
        ({**SSH, "knownHosts": f"github.com {HOST_KEY} mine"}, f"{HOST_KEY} mine"),
        ({"repository": "ssh://git@h:2222/a", "knownHosts": f"[h]:2222 {HOST_KEY}"}, f"[h]:2222 {HOST_KEY}"),
    ],
)
def test_host_keys_are_always_verified_over_ssh(dags: Config, known_hosts: str) -> None:
    git_sync = values(dags=dags)["dags"]["gitSync"]
    assert git_sync["sshKeySecret"] == GIT_SSH_KEY.secret
    assert known_hosts in git_sync["knownHosts"]


def test_over_https_there_is_at_most_a_token_and_never_a_key() -> None:
    token = values(dags=AUTHENTICATIONS["token"])["dags"]["gitSync"]
    public = values(dags=AUTHENTICATIONS["public"])["dags"]["gitSync"]
    assert token["credentialsSecret"] == GIT_TOKEN.secret
    assert not {"credentialsSecret", "sshKeySecret", "knownHosts"} & public.keys()
    assert not {"sshKeySecret", "knownHosts"} & token.keys()


def test_the_chart_generates_no_key_password_job_or_database() -> None:
    for choice in every_choice().values():
        found = chart_values(choice)
        assert all(found[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"))
        assert all(found["data"][key] for key in ("metadataSecretName", "brokerUrlSecretName"))
        assert found["postgresql"] == found["migrateDatabaseJob"] == found["createUserJob"] == {"enabled": False}
        celery = choice.executor == "CeleryExecutor"
        assert found["redis"]["enabled"] is celery
        assert bool(found["redis"].get("passwordSecretName")) is celery


def test_every_volume_has_a_size_or_a_claim_of_the_program() -> None:
    for choice in every_choice().values():
        found = chart_values(choice)
        assert found["triggerer"]["persistence"] == found["workers"]["celery"]["persistence"] == {"enabled": False}
        if choice.logs.volume:
            assert found["logs"]["persistence"] == {"enabled": True, "existingClaim": names.LOG_CLAIM}
        else:
            assert "logs" not in found
        if found["redis"]["enabled"]:
            assert found["redis"]["persistence"]["size"]


def test_remote_logs_are_written_where_the_stack_says() -> None:
    assert values(logs=LOGS["remote"])["config"]["logging"] == {
        "remote_logging": "True",
        "remote_base_log_folder": "s3://logs/airflow",
        "remote_log_conn_id": "aws",
    }
    assert "logging" not in values()["config"]


def test_without_an_ingress_only_airflows_own_pods_reach_the_api_server() -> None:
    closed, opened = values(), values(**ACCESSES["ingress"])
    own = {"podSelector": {"matchLabels": {"tier": "airflow", "release": "airflow"}}}
    controller = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    assert closed["networkPolicies"] == opened["networkPolicies"] == {"enabled": True}
    assert closed["apiServer"]["networkPolicy"]["ingress"]["from"] == [own]
    assert opened["apiServer"]["networkPolicy"]["ingress"]["from"] == [own, controller]
    assert "ingress" not in closed
    assert "base_url" not in closed["config"].get("api", {})


def test_an_ingress_with_a_certificate_uses_tls() -> None:
    plain = {"ingress": {"host": "a.example.com", "controllerNamespace": "ingress"}}
    assert values(**plain)["config"]["api"]["base_url"] == "http://a.example.com"
    found = values(**ACCESSES["ingress"])
    assert found["config"]["api"]["base_url"] == "https://airflow.example.com"
    assert found["ingress"]["apiServer"] == {
        "enabled": True,
        "hosts": [{"name": "airflow.example.com", "tls": {"enabled": True, "secretName": "tls"}}],
        "path": "/",
        "pathType": "Prefix",
        "annotations": {
            "nginx.ingress.kubernetes.io/proxy-buffer-size": "16k",
            "nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
            "a.example.com/b": "c",
        },
        "ingressClassName": "nginx",
    }


@pytest.mark.parametrize(
    ("repository", "expected"),
    [("apache/airflow", "m.io/x/apache/airflow"), ("quay.io/a/b", "m.io/x/a/b"), ("airflow", "m.io/x/library/airflow")],
)
def test_a_mirror_prefixes_every_image(repository: str, expected: str) -> None:
    found = values(images={"registry": "m.io/x", "airflow": {"repository": repository}, "pullSecrets": ["one", "two"]})
    assert found["defaultAirflowRepository"] == expected
    assert {image["repository"] for image in found["images"].values()} == {
        "m.io/x/git-sync/git-sync", "m.io/x/prometheus/statsd-exporter", "m.io/x/library/redis",
    }  # fmt: skip
    assert found["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]


def test_an_image_by_digest_keeps_its_tag_and_its_version() -> None:
    digest = "sha256:" + "a" * 64
    found = values(images={"airflow": {"tag": "3.2.1-python3.12", "digest": digest}})
    assert found["defaultAirflowTag"] == f"3.2.1-python3.12@{digest}"
    assert found["airflowVersion"] == "3.2.1"


def test_a_component_has_the_stacks_overrides_and_the_rest_of_its_size() -> None:
    preset, changed = (
        values(size="medium"),
        values(size="medium", components={"scheduler": {"replicas": 7, "cpu": "3"}}),
    )
    assert changed["scheduler"]["replicas"] == 7
    assert changed["scheduler"]["resources"]["requests"]["cpu"] == "3"
    assert changed["scheduler"]["resources"]["limits"] == preset["scheduler"]["resources"]["limits"]
    assert changed["apiServer"] == preset["apiServer"]


@pytest.mark.parametrize("size", SIZES)
def test_exactly_components_with_several_replicas_have_a_disruption_budget(size: str) -> None:
    for executor in EXECUTORS:
        found = values(size=size, executor=executor)
        for component in (
            *map(found.get, ("apiServer", "scheduler", "dagProcessor", "triggerer")),
            found["workers"]["celery"],
        ):
            assert component["podDisruptionBudget"]["enabled"] is (component["replicas"] > 1)


def test_the_environment_of_the_stack_reaches_the_chart() -> None:
    found = values(environment={"B": "2", "A": "1"}, environmentFrom={"C": {"secret": "mine", "key": "c"}})
    assert found["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert {"envName": "C", "secretName": "mine", "secretKey": "c"} in found["secret"]


def test_the_stacks_values_are_merged_last_maps_merge_and_the_rest_is_replaced() -> None:
    mine = {
        "scheduler": {"replicas": 9, "nodeSelector": {"disk": "ssd"}},
        "config": {"core": {"load_examples": "True"}},
    }
    found = values(values={**mine, "tolerations": [{"key": "a"}]})
    assert found["scheduler"]["replicas"] == 9
    assert found["scheduler"]["nodeSelector"] == {"disk": "ssd"}
    assert found["scheduler"]["resources"] == values()["scheduler"]["resources"]
    assert found["config"]["core"]["load_examples"] == "True"
    assert found["config"]["core"]["auth_manager"] == names.AUTH_MANAGER
    assert found["tolerations"] == [{"key": "a"}]


def test_a_value_in_a_weaker_form_than_the_programs_takes_effect() -> None:
    found = values(
        executor="CeleryExecutor",
        values={
            "uid": 1002490000,
            "gid": 1002490001,
            "dags": {"gitSync": {"uid": 1002490002}},
            "workers": {"replicas": 7, "resources": {"limits": {"cpu": "2"}}, "persistence": {"enabled": True}},
            "redis": {"uid": 1002490003},
            "statsd": {"securityContext": {"runAsUser": 1002490004}, "uid": 5},
        },
    )
    assert (
        found["securityContexts"]["pod"] | {"runAsUser": 1002490000, "fsGroup": 1002490001}
        == found["securityContexts"]["pod"]
    )
    assert found["dags"]["gitSync"]["securityContexts"]["container"]["runAsUser"] == 1002490002
    celery, kubernetes = found["workers"]["celery"], found["workers"]["kubernetes"]
    assert (celery["replicas"], celery["persistence"]["enabled"]) == (7, True)
    assert celery["resources"]["limits"]["cpu"] == kubernetes["resources"]["limits"]["cpu"] == "2"
    assert found["redis"]["securityContexts"]["pod"]["runAsUser"] == 1002490003
    assert found["statsd"]["securityContexts"]["pod"]["runAsUser"] == 1002490004


def test_the_stronger_form_of_two_own_values_wins() -> None:
    found = values(values={"uid": 1, "securityContexts": {"pod": {"runAsUser": 2}}})
    assert found["securityContexts"]["pod"]["runAsUser"] == 2


def test_a_null_removes_the_programs_value_and_the_charts_default() -> None:
    found = values(
        values={"securityContexts": {"pod": {"runAsUser": None}}, "scheduler": {"livenessProbe": {"command": None}}}
    )
    assert found["securityContexts"]["pod"]["runAsUser"] is None
    assert found["scheduler"]["livenessProbe"] == {"command": None}


def test_lists_of_objects_are_appended_and_an_own_variable_replaces_ours() -> None:
    ingress = {"host": "airflow.example.com", "controllerNamespace": "ingress"}
    own = {"name": "OAUTH_CLIENT_SECRET", "valueFrom": {"secretKeyRef": {"name": "oauth", "key": "secret"}}}
    prometheus = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}
    server = {"env": [own], "networkPolicy": {"ingress": {"from": [prometheus]}}}
    found = values(ingress=ingress, values={"apiServer": server})["apiServer"]
    assert [found["env"][place] for place in (0, -1)] == [own, {"name": "FORWARDED_ALLOW_IPS", "value": "*"}]
    assert found["networkPolicy"]["ingress"]["from"][2:] == [prometheus]
    trusted = [{"name": "FORWARDED_ALLOW_IPS", "value": "10.0.0.0/8"}]
    assert values(ingress=ingress, values={"apiServer": {"env": trusted}})["apiServer"]["env"][:1] == trusted


def test_the_values_share_no_object_with_the_settings() -> None:
    given: Settings = settings(values={"scheduler": {"a": 1}}, labels={"team": "data"})
    before = given.model_dump()
    first = chart_values(given)
    first["scheduler"]["a"] = 2
    first["labels"]["team"] = "other"
    assert given.model_dump() == before
    assert chart_values(given)["labels"] == {"team": "data"}


def test_service_accounts_of_everything_that_runs_tasks_are_annotated() -> None:
    found = values(serviceAccountAnnotations={"eks.amazonaws.com/role-arn": "arn"})
    for component in ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers"):
        assert found[component]["serviceAccount"]["annotations"] == {"eks.amazonaws.com/role-arn": "arn"}


def test_the_title_of_the_ui_is_a_value_of_airflow_cfg_beside_the_address() -> None:
    ingress = {"host": "airflow.example.com", "controllerNamespace": "ingress"}
    api = chart_values(settings(web={"title": "100% Airflow"}, ingress=ingress))["config"]["api"]
    assert api == {"base_url": "http://airflow.example.com", "instance_name": "100%% Airflow"}
    assert "api" not in chart_values(settings())["config"]
