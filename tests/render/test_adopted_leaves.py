"""Adoption of every value of the official chart: each ends in a setting, in `airflow:values`, in the advice or in a stop."""

import json
import tarfile
from typing import Any

import pytest
import yaml

from airflow_stack.choices import Executor
from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.adopt.model import Adoption, Values
from tests.support.adopted import SECRETS, leaves, lost, others, schema_at, shown_secrets
from tests.support.cases import official_chart as chart_file

pytestmark = pytest.mark.official_chart

GIT = {
    "gitSync": {"enabled": True, "repo": "https://git.example.com/acme/dags.git", "branch": "main", "subPath": "dags"}
}
FILES: dict[str, Values] = {
    "everything": {
        "dags": GIT,
        "ingress": {"apiServer": {"enabled": True, "hosts": [{"name": "airflow.example.com"}]}},
        "logs": {"persistence": {"enabled": True}},
        "postgresql": {"enabled": False},
        "data": {"metadataConnection": {"host": "db.example.com", "pass": "x"}},
    },
    "Secrets by name": {
        "dags": {"gitSync": {**GIT["gitSync"], "credentialsSecret": "git"}},
        "postgresql": {"enabled": False},
        "data": {"metadataSecretName": "db", "brokerUrlSecretName": "broker"},
        "redis": {"passwordSecretName": "redis"},
        "fernetKeySecretName": "fernet",
    },
}


def chart_text(name: str) -> str:
    path = chart_file()
    if path.is_dir():
        return (path / name).read_text()
    with tarfile.open(path) as packed:
        found = packed.extractfile(f"airflow/{name}")
        assert found
        return found.read().decode()


def convert(values: Values) -> Adoption:
    return official_chart.convert(values)


@pytest.mark.parametrize("base", FILES)
@pytest.mark.parametrize("executor", Executor)
def test_no_value_of_the_chart_is_lost(executor: Executor, base: str) -> None:
    defaults: dict[str, Any] = yaml.safe_load(chart_text("values.yaml"))
    schema = json.loads(chart_text("values.schema.json"))
    values = {"executor": executor.value, **FILES[base]}
    all_leaves = list(leaves(defaults))
    assert len(all_leaves) > 1000
    changes = [(steps, other) for steps, value in all_leaves for other in others(value, schema_at(schema, steps))]
    assert lost(convert, values, changes) == set()


def test_a_secret_at_any_place_of_the_chart_is_neither_written_nor_printed() -> None:
    values = {"executor": "CeleryExecutor", **FILES["everything"]}
    changes = [(steps, shape) for steps, _ in leaves(yaml.safe_load(chart_text("values.yaml"))) for shape in SECRETS]
    assert shown_secrets(convert, values, changes) == set()
