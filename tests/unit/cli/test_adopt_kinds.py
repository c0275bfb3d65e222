"""Kinds of files: `adopt` reads the values out of what has some, and says what every other file is."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.cli.adopt.file_kind import Chart, recognize
from airflow_stack.errors import UserError
from tests.support.command import Command
from tests.support.golden import Golden

VALUES: dict[str, Any] = {
    "executor": "KubernetesExecutor",
    "dags": {
        "gitSync": {
            "enabled": True,
            "repo": "https://git.example.com/data/dags.git",
            "branch": "main",
            "subPath": "dags",
        }
    },
}
COMMUNITY: dict[str, Any] = {
    "airflow": {
        "executor": "KubernetesExecutor",
        "image": {"tag": "3.3.2"},
        "config": {"AIRFLOW__CORE__PARALLELISM": 4},
    },
    "dags": {"gitSync": {"enabled": True, "repo": "https://git.example.com/data/dags.git", "repoSubPath": "dags"}},
}
TEXT = yaml.safe_dump(VALUES)


def manifest(kind: str, spec: Any, version: str = "example.com/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "airflow"}, "spec": spec}


ARGO = {"repoURL": "https://airflow.apache.org", "chart": "airflow", "helm": {"valuesObject": VALUES}}
INSIDE: dict[str, list[Any]] = {
    "Argo CD": [manifest("Application", {"source": ARGO})],
    "Argo CD, a text": [manifest("Application", {"source": {**ARGO, "helm": {"values": TEXT}}})],
    "Argo CD, several sources": [manifest("Application", {"sources": [{"repoURL": "a"}, ARGO]})],
    "Argo CD, a set": [manifest("ApplicationSet", {"template": {"spec": {"source": ARGO}}})],
    "Flux": [manifest("HelmRelease", {"values": VALUES})],
    "Flux, with its repository": [manifest("HelmRepository", {"url": "a"}), manifest("HelmRelease", {"values": VALUES})],
    "k3s": [manifest("HelmChart", {"valuesContent": TEXT})],
    "a ConfigMap": [{"apiVersion": "v1", "kind": "ConfigMap", "data": {"values.yaml": TEXT}}],
    "Kustomize": [{"helmCharts": [{"name": "redis", "valuesInline": {"a": 1}}, {"name": "airflow", "valuesInline": VALUES}]}],
    "a helmfile": [{"releases": [{"name": "airflow", "chart": "apache-airflow/airflow", "values": [VALUES, "more.yaml"]}]}],
    "an umbrella chart": [{"airflow": VALUES}],
    "an umbrella chart, named otherwise": [{"my-airflow": VALUES, "global": {"a": 1}, "postgresql": {"enabled": True}}],
    "an umbrella chart with templates": [{"airflow": {"executor": "KubernetesExecutor", "extraEnv": "- name: A\n  value: b\n", **VALUES}}],
    "helm get values": [{"USER-SUPPLIED VALUES": None, **VALUES}],
    "a stray key of the other chart": [{**VALUES, "airflow": {"config": {"AIRFLOW__CORE__X": "y"}, "logs": {}}}],
    "an empty document": [None, VALUES],
}  # fmt: skip


@pytest.mark.parametrize("kind", INSIDE)
def test_the_values_of_the_official_chart_are_found_in_every_kind_of_file(kind: str, golden: Golden) -> None:
    found = recognize(INSIDE[kind], "values.yaml")
    assert found.chart is Chart.OFFICIAL
    assert found.values["dags"] == VALUES["dags"]
    assert found.values["executor"] == "KubernetesExecutor"
    assert ("\n".join([*found.notes, *found.stops]) or "nothing to say") == golden


@pytest.mark.parametrize(
    "given",
    [COMMUNITY, {"airflow": COMMUNITY}, {"etl": COMMUNITY}],
    ids=["alone", "below airflow", "below another key"],
)
def test_the_values_of_the_community_chart_are_found(given: dict[str, Any]) -> None:
    found = recognize([given], "values.yaml")
    assert found.chart is Chart.COMMUNITY
    assert found.values == COMMUNITY


BITNAMI = {
    "executor": "KubernetesExecutor",
    "auth": {"username": "admin", "existingSecret": "a"},
    "web": {"replicaCount": 2, "image": {"tag": "3.1.8"}},
    "git": {"dags": {"enabled": True, "repositories": []}},
    "ingress": {"enabled": True, "hostname": "airflow.example.com"},
}
SOPS = {
    **VALUES,
    "fernetKey": "ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]",
    "sops": {"mac": "ENC[AES256_GCM,data:x]", "version": "3.9.0"},
}
REFUSED: dict[str, list[Any]] = {
    "Bitnami": [BITNAMI],
    "Bitnami without executor": [{"auth": {}, "worker": {"replicaCount": 1}, "dags": {"repositories": []}}],
    "a chart of something else": [{"replicaCount": 1, "image": {"repository": "nginx"}, "service": {"type": "ClusterIP"}, "ingress": {"enabled": False}}],
    "sops": [SOPS],
    "sops in Flux": [manifest("HelmRelease", {"values": {"fernetKey": "ENC[AES256_GCM,data:x]", **VALUES}})],
    "Argo CD without values": [manifest("Application", {"source": {"helm": {"valueFiles": ["values.yaml"]}}})],
    "Flux without values": [manifest("HelmRelease", {"valuesFrom": [{"kind": "Secret", "name": "a"}]})],
    "a Deployment": [manifest("Deployment", {"replicas": 1})],
    "a stack file": [{"config": {"airflow:dags": {"repository": "a"}}}],
    "several Airflows": [{"etl": VALUES, "ml": VALUES}],
    "two Flux objects": [manifest("HelmRelease", {"values": VALUES}), manifest("HelmRelease", {"values": VALUES})],
    "a list": [[VALUES]],
    "placeholder of envsubst": [{**VALUES, "fernetKey": "${FERNET_KEY}"}],
    "placeholder of a template": [{**VALUES, "images": {"airflow": {"tag": "{{ tag }}"}}}],
    "placeholder of vals": [{**VALUES, "fernetKey": "ref+vault://secret/airflow#fernet"}],
    "placeholder of Argo CD's Vault plugin": [{**VALUES, "data": {"metadataConnection": {"pass": "<path:kv/data/airflow#pass>"}}}],
    "placeholder in angle brackets": [{**VALUES, "data": {"metadataConnection": {"host": "db", "pass": "<password>"}}}],
    "placeholder of Azure DevOps": [{**VALUES, "fernetKey": "#{FernetKey}#"}],
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_every_other_kind_is_refused_with_its_name_and_a_way_out(kind: str, golden: Golden) -> None:
    with pytest.raises(UserError) as error:
        recognize(REFUSED[kind], "values.yaml")
    assert str(error.value) == golden


def test_values_that_argo_cd_takes_from_elsewhere_stop_the_adoption() -> None:
    helm = {"valuesObject": VALUES, "parameters": [{"name": "fernetKey", "value": "x"}], "valueFiles": ["a.yaml"]}
    found = recognize([manifest("Application", {"source": {"helm": helm}})], "values.yaml")
    assert [stop.partition(":")[0] for stop in found.stops] == [
        "spec.source.helm.valueFiles",
        "spec.source.helm.parameters",
    ]


def test_texts_that_the_chart_or_kubernetes_expands_are_no_placeholders() -> None:
    values = {
        **VALUES,
        "config": {"core": {"dags_folder": '{{ include "airflow_dags" . }}'}},
        "extraEnv": "- name: A\n  value: '{{ .Release.Name }}'\n",
        "env": [{"name": "URL", "value": "http://$(HOST)/${x}"}],
        "scheduler": {"args": ["bash", "-c", "exec ${AIRFLOW_HOME}/run"]},
    }
    assert recognize([values], "values.yaml").values == values


@pytest.fixture
def adopt(tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return partial(run_command, "adopt", "--values", "values.yaml")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_with_a_byte_order_mark_is_read(adopt: Command, tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding.endswith(("-le", "-be")) else ""
    (tmp_path / "values.yaml").write_bytes((mark + TEXT.replace("\n", "\r\n")).encode(encoding))
    status, out, _ = adopt()
    assert status == 0
    assert yaml.safe_load(out)["config"]["airflow:executor"] == "KubernetesExecutor"


@pytest.mark.parametrize(
    "content",
    [
        "labels: {team: Größe}".encode("latin-1"), b"\x00GITCRYPT\x00\xff\xfe\xfd", b"\x80\x81\xfe\xff",
        b"executor: {{ .Values.executor }}\n", b"fernetKey: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  33\n", b"a:\n\tb: 1\n",
        b"<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> b\n", b"{% if x %}\na: 1\n{% endif %}\n",
    ],
    ids=["Latin-1", "git-crypt", "bytes", "a template", "Ansible Vault", "tabs", "a conflict", "Jinja"],
)  # fmt: skip
def test_a_file_that_is_no_yaml_is_refused_by_its_kind(
    adopt: Command, tmp_path: Path, content: bytes, golden: Golden
) -> None:
    (tmp_path / "values.yaml").write_bytes(content)
    status, out, err = adopt()
    assert (status, out) == (1, "")
    assert err == golden


def test_json_is_read(adopt: Command, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text(json.dumps(VALUES))
    assert adopt()[0] == 0
