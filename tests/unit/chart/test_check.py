"""`airflow:values`, the escape hatch: keys of the chart are accepted, and keys that the program sets are refused."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from airflow_stack.chart.check import TOP_LEVEL_KEYS
from airflow_stack.chart.local_chart import values_schema
from airflow_stack.inputs.wording import in_stack_file
from tests.support.cases import SSH, Config, official_chart, problems, settings
from tests.support.golden import Golden

# Like the official schema: open at the top, closed below.
SCHEMA: Config = {
    "type": "object",
    "required": ["executor"],
    "properties": {
        "scheduler": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"replicas": {"type": "integer"}, "command": {"type": "array"}},
        },
        "data": {"type": "object", "additionalProperties": False, "properties": {"resultBackendConnection": {}}},
    },
}


@pytest.fixture(params=["folder", "packed"])
def chart(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A chart with a schema, as a folder or packed."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "values.schema.json").write_text(json.dumps(SCHEMA))
    (folder / "Chart.yaml").write_text("name: tiny\nversion: 1.22.0\n")
    if request.param == "folder":
        return str(folder)
    packed = tmp_path / "tiny-1.0.0.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        # Files of a chart inside the chart, which must be ignored.
        for name in ("values.schema.json", "Chart.yaml"):
            archive.addfile(tarfile.TarInfo(f"tiny/charts/postgresql/{name}"), io.BytesIO())
        archive.add(folder, "tiny")
    return str(packed)


def refused(values: Config, chart: str | None = None) -> dict[str, str]:
    """Key and text of every problem."""
    more: Config = {"chart": {"path": chart}} if chart else {}
    return {
        problem.path: in_stack_file(problem) for problem in problems({"dags": SSH, "values": values, **more}).problems
    }


def test_an_unknown_top_level_key_is_refused_with_the_nearest_one(golden: Golden) -> None:
    assert refused({"schedular": {}})["values.schedular"] == golden


def test_without_a_local_chart_known_keys_are_accepted_at_any_depth() -> None:
    values = {"scheduler": {"repliicas": 2}, "extraEnv": "- {name: A, value: b}", "tolerations": [{"key": "a"}]}
    assert settings(values=values).values == values


def test_a_secret_in_the_values_is_refused(golden: Golden) -> None:
    (text,) = refused({"fernetKey": "x"}).values()
    assert text == golden


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({"executor": "LocalExecutor"}, "airflow:executor"),
        ({"dags": {"gitSync": {"branch": "main"}}}, "dags.branch"),
        ({"dags": {"gitSync": {"ref": "main"}}}, "dags"),
        ({"createUserJob": {"enabled": True}}, "airflow:admin.create"),
        ({"fullnameOverride": "x"}, "airflow:namespace"),
        ({"env": [{"name": "A", "value": "b"}]}, "airflow:environment"),
        ({"secret": []}, "airflow:environmentFrom"),
        ({"airflowVersion": "3.2.0"}, "airflow:images"),
        ({"dags": {"gitSync": {"repo": "https://github.com/acme/dags.git"}}}, "airflow:dags.repository"),
        ({"dags": {"gitSync": {"enabled": False}}}, "airflow:dags.delivery"),
        ({"nameOverride": "x"}, "airflow:namespace"),
        ({"useStandardNaming": True}, "airflow:namespace"),
        ({"migrateDatabaseJob": {"enabled": True}}, "airflow:images"),
        ({"images": {"airflow": {"tag": "3.2.1"}}}, "airflow:images.airflow"),
        ({"images": {"gitSync": {"tag": "v3.6.9"}}}, "airflow:images.gitSync"),
        ({"defaultAirflowRepository": "acme/airflow"}, "airflow:images.airflow"),
        ({"data": {"metadataSecretName": "rds"}}, "airflow:existingSecrets.metadataConnection"),
        ({"fernetKeySecretName": "mine"}, "airflow:existingSecrets.fernetKey"),
        ({"apiSecretKeySecretName": "mine"}, "airflow:existingSecrets.apiSecretKey"),
        ({"jwtSecretName": "mine"}, "airflow:existingSecrets.jwtSecret"),
        ({"dags": {"gitSync": {"sshKeySecret": "mine"}}}, "airflow:existingSecrets.gitSshKey"),
        ({"dags": {"gitSync": {"subPath": "x"}}}, "airflow:dags.path"),
        ({"dags": {"gitSync": {"period": "5s"}}}, "airflow:dags.visibleWithinSeconds"),
        ({"networkPolicies": {"enabled": False}}, "apiServer.networkPolicy.ingress.from"),
        ({"enableBuiltInSecretEnvVars": {"AIRFLOW__CORE__FERNET_KEY": True}}, "airflow:security.tasks"),
        ({"enableBuiltInSecretEnvVars": {"AIRFLOW__API_AUTH__JWT_SECRET": False}}, "airflow:existingSecrets.jwtSecret"),
        ({"allowPodLaunching": True}, "airflow:security.tasks"),
        ({"workers": {"serviceAccount": {"automountServiceAccountToken": True}}}, "airflow:security.podNamespaces"),
        ({"postgresql": {"enabled": True}}, "airflow:database"),
        ({"ingress": {"apiServer": {"enabled": True}}}, "airflow:web.ingress"),
        ({"executor": None}, "airflow:executor"),
    ],
    ids=str,
)
def test_a_value_of_a_setting_is_refused_with_the_setting(values: Config, setting: str, golden: Golden) -> None:
    (text,) = refused(values).values()
    assert setting in text
    assert text == golden


def test_a_managed_value_that_agrees_with_the_program_is_accepted() -> None:
    agreeing = {
        "networkPolicies": {"enabled": True},
        "enableBuiltInSecretEnvVars": {"AIRFLOW__CORE__FERNET_KEY": False},
    }
    assert settings(values=agreeing).values == agreeing


@pytest.mark.parametrize(
    "values", [{"config": "x"}, {"config": {"core": None}}, {"apiServer": []}, {"data": 1}], ids=str
)
def test_a_value_that_would_replace_the_programs_object_is_refused(values: Config, golden: Golden) -> None:
    (text,) = refused(values).values()
    assert text == golden


def test_deeper_keys_are_checked_with_the_schema_of_a_local_chart(chart: str, golden: Golden) -> None:
    assert refused({"scheduler": {"repliicas": 2}}, chart)["values.scheduler.repliicas"] == golden(name="unknown")
    assert refused({"scheduler": {"replicas": "2"}}, chart)["values.scheduler.replicas"] == golden(name="type")
    taken = settings(values={"scheduler": {"replicas": 2}}, chart={"path": chart})
    assert taken.values["scheduler"] == {"replicas": 2}


def test_a_null_that_removes_a_default_is_not_measured_by_its_schema(chart: str) -> None:
    values = {"scheduler": {"replicas": None, "command": None}}
    assert settings(values=values, chart={"path": chart}).values == values


def test_the_schema_that_is_read_is_closed_at_the_top(chart: str) -> None:
    assert "additionalProperties" not in SCHEMA
    assert values_schema(Path(chart)) == {**SCHEMA, "additionalProperties": False}


def test_the_values_need_not_contain_keys_that_the_chart_requires(chart: str) -> None:
    assert settings(values={"scheduler": {}}, chart={"path": chart}).chart.path == chart


def test_the_schema_check_repeats_no_secret(chart: str) -> None:
    secret = {"password": "hunter2"}
    values = {
        "data": {"metadataConnection": secret, "bogus": secret},
        "scheduler": {"replicas": secret, "command": secret},
    }
    error = problems({"dags": SSH, "values": values, "chart": {"path": chart}})
    assert {p.path for p in error.problems} == {
        "values.data.metadataConnection",
        "values.data.bogus",
        "values.scheduler.replicas",
        "values.scheduler.command",
    }
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"\x1f\x8b\x08\x00broken"], ids=str)
@pytest.mark.parametrize("values", [{}, {"scheduler": {}}], ids=str)
def test_an_unreadable_chart_is_a_problem_of_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, values: Config, golden: Golden
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("chart.tgz").write_bytes(content)
    found = refused(values, "chart.tgz")
    assert found.keys() == {"chart.path"}
    assert found["chart.path"] == golden


@pytest.mark.parametrize("schema", ["", "[]", "{"])
def test_a_chart_without_a_schema_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: str, golden: Golden
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chart").mkdir()
    if schema:
        Path("chart/values.schema.json").write_text(schema)
    assert refused({}, "chart")["chart.path"] == golden


def test_a_truncated_chart_is_refused(tmp_path: Path, chart: str) -> None:
    if Path(chart).is_file():
        broken = tmp_path / "broken.tgz"
        broken.write_bytes(Path(chart).read_bytes()[:-40])
        assert refused({}, str(broken)).keys() == {"chart.path"}


@pytest.mark.official_chart
def test_the_top_level_keys_are_those_of_the_chart() -> None:
    assert values_schema(official_chart())["properties"].keys() == TOP_LEVEL_KEYS


@pytest.mark.official_chart
def test_misspelt_keys_are_found_with_the_official_chart() -> None:
    values = {"scheduler": {"replica": 2}, "dags": {"gitSync": {"wait": "soon"}}}
    assert refused(values, str(official_chart())).keys() == {
        "values.scheduler",
        "values.dags.gitSync.wait",
    }
