"""The served component: a complete schema, reported changes, and the same resources as from a Python program."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.errors import InputPropertiesError
from pulumi.runtime import rpc

from airflow_stack import provider
from airflow_stack.cli.recording import Recording, record
from airflow_stack.credentials import SECRETS
from airflow_stack.provider import TOKEN, AirflowProvider
from tests.support.cases import GIVEN, HTTPS, ROOT, SSH, Config, deployed
from tests.support.golden import Golden
from tools.component_schema import Change, changes
from tools.generate import served as generated

GUIDE = ROOT / "docs" / "guides" / "compose.md"
COMMITTED: dict[str, Any] = json.loads(provider.SCHEMA.read_text())
AIRFLOW = COMMITTED["resources"][TOKEN]
TYPES = COMMITTED["types"]


def properties() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every input, output and nested property, by its place."""
    groups = {"input": AIRFLOW["inputProperties"], "output": AIRFLOW["properties"]}
    groups |= {token: type_["properties"] for token, type_ in TYPES.items() if "properties" in type_}
    for place, group in groups.items():
        for name, prop in group.items():
            yield f"{place} {name}", prop


def test_the_committed_schema_is_that_of_the_code() -> None:
    difference = changes(COMMITTED, generated())
    found = "\n".join(map(str, difference))
    advice = "a breaking change needs a new minor version (0.x) or major version in pyproject.toml, and a line in CHANGELOG.md"
    assert not difference, f"the component has changed; {advice}; then run `make generate` and commit:\n{found}"


def test_package_and_type_keep_their_names() -> None:
    assert COMMITTED["name"] == "airflow"
    assert AIRFLOW["isComponent"]
    assert set(COMMITTED["resources"]) == {"airflow:index:Airflow"}, (
        "URNs hold the token: a stack would replace everything"
    )


def test_every_input_and_output_has_a_type_and_a_description() -> None:
    every = dict(properties())
    assert len(every) > 140
    assert [place for place, prop in every.items() if not prop.get("description")] == []
    assert [place for place, prop in every.items() if not (prop.get("type") or prop.get("$ref"))] == []
    assert all(type_["description"] for type_ in TYPES.values())


def test_two_inputs_are_enough() -> None:
    assert AIRFLOW["requiredInputs"] == ["dags"]
    assert "required" not in TYPES["airflow:index:Dags"]


def test_closed_values_are_enums() -> None:
    enums = {f"#/types/{token}" for token, type_ in TYPES.items() if "enum" in type_}
    closed = {place.rpartition(":")[2] for place, prop in properties() if prop.get("$ref") in enums}
    assert closed == {
        "input executor",
        "input size",
        "input tier",
        "output dagDelivery",
        "output dagRefKind",
        "Dags authentication",
        "Dags delivery",
        "Dags gitHost",
        "ExternalDatabase sslMode",
        "LogVolume accessMode",
        "Login provider",
        "Login defaultRole",
        "Security tasks",
    }


def test_defaults_are_described_and_not_filled_in_by_sdks() -> None:
    assert AIRFLOW["inputProperties"]["executor"]["description"].endswith("Default: `KubernetesExecutor`.")
    assert [place for place, prop in properties() if "default" in prop] == []


def test_descriptions_name_inputs_and_not_stack_settings() -> None:
    assert [place for place, prop in properties() if "`airflow:" in prop["description"]] == []


def test_every_secret_is_marked_and_nothing_else() -> None:
    assert {name for name, prop in AIRFLOW["inputProperties"].items() if prop.get("secret")} == set(SECRETS)
    seen = deployed()
    secret = {name for name, value in seen.outputs[seen.urn(TOKEN)].items() if rpc.is_rpc_secret(value)}
    assert {name for name, prop in AIRFLOW["properties"].items() if prop.get("secret")} == secret == {"adminPassword"}


def edited(*edits: Callable[[dict[str, Any], dict[str, Any]], object]) -> list[Change]:
    """Reported changes after edits of the resource and the types."""
    new = copy.deepcopy(COMMITTED)
    for edit in edits:
        edit(new["resources"][TOKEN], {token.rpartition(":")[2]: type_ for token, type_ in new["types"].items()})
    return changes(COMMITTED, new)


EDITS: list[Callable[[dict[str, Any], dict[str, Any]], object]] = [
    lambda r, _: r["inputProperties"].pop("labels"),
    lambda r, _: r["properties"].pop("url"),
    lambda r, _: r["requiredInputs"].append("size"),
    lambda _, t: t["Dags"].update(required=["branch"]),
    lambda r, _: r["required"].remove("url"),
    lambda _, t: t["Executor"]["enum"].pop(),
    lambda _, t: t["Dags"]["properties"]["depth"].update(type="string"),
    lambda r, _: r["inputProperties"]["gitToken"].update(plain=True),
    lambda r, _: r["properties"]["dagDelivery"].update({"$ref": None, "type": "string"}),
    lambda r, _: r["properties"]["adminPassword"].pop("secret"),
    lambda _, t: t["Dags"]["properties"].update(since={"type": "string", "description": "New."}),
    lambda r, _: r["requiredInputs"].remove("dags"),
    lambda r, _: r["inputProperties"]["size"].update({"$ref": None, "type": "string"}),
    lambda _, t: t["Dags"]["properties"]["branch"].pop("plain"),
    lambda _, t: t["Executor"]["enum"].append({"name": "NEW", "value": "New"}),
    lambda r, _: r["properties"]["url"].update(description="Where it is."),
]  # fmt: skip


def test_a_change_is_reported_as_breaking_or_compatible(golden: Golden) -> None:
    assert "\n".join(str(change) for edit in EDITS for change in edited(edit)) == golden


def test_no_change_is_reported_as_none_and_breaking_changes_come_first() -> None:
    assert edited() == []
    both = edited(
        lambda r, _: r["properties"]["url"].update(description="Where."), lambda r, _: r["properties"].pop("namespace")
    )
    assert [change.breaking for change in both] == [True, False]


def test_another_package_name_or_a_lost_type_breaks(golden: Golden) -> None:
    new = {**COMMITTED, "name": "stack", "types": {k: v for k, v in TYPES.items() if not k.endswith(":Quota")}}
    fewer = {**COMMITTED, "types": {k: v for k, v in TYPES.items() if not k.endswith(":GitHost")}}
    assert "\n".join(map(str, [*changes(COMMITTED, new), *changes(COMMITTED, fewer)])) == golden


def constructed(**inputs: object) -> Recording:
    """Resources of one Airflow with these inputs in a program of another language."""
    return record(lambda: AirflowProvider().construct("airflow", TOKEN, inputs, None))


def refused(**inputs: object) -> str:
    with pytest.raises(InputPropertiesError) as error:
        constructed(**inputs)
    assert error.value.errors == [], "the engine would print the value of each property that is named"
    return error.value.message


@pytest.mark.parametrize(
    ("inputs", "in_python"),
    [
        ({"dags": HTTPS}, {"dags": HTTPS}),
        (
            {"dags": {**HTTPS, "visibleWithinSeconds": 90.0}, "rotation": {"jwt": 2.0}, "labels": {"my-team": "data"}},
            {"dags": {**HTTPS, "visible_within_seconds": 90}, "rotation": {"jwt": 2}, "labels": {"my-team": "data"}},
        ),
        (
            {"dags": HTTPS, "values": {"dagProcessor": {"revisionHistoryLimit": 3.0}}, "quota": {"pods": 4.0}},
            {"dags": HTTPS, "values": {"dagProcessor": {"revisionHistoryLimit": 3}}, "quota": {"pods": "4"}},
        ),
    ],
)
def test_it_registers_the_same_resources_as_a_python_program(inputs: Config, in_python: Config) -> None:
    assert constructed(**inputs).resources == deployed(**in_python).resources


def test_a_secret_stays_secret_without_being_marked() -> None:
    seen = constructed(dags={**SSH, "authentication": "sshKey"}, gitSshKey=GIVEN["gitSshKey"])
    (secret,) = (
        r for r in seen.resources.values() if "gitSshKey" in r.inputs.get("string_data", r.inputs.get("stringData", {}))
    )
    assert "PRIVATE KEY" in json.dumps(secret.inputs)
    assert "PRIVATE KEY" not in json.dumps(secret.shown)


def test_inputs_from_other_resources_may_be_unknown() -> None:
    def program() -> None:
        host, namespace = (pulumi.Output.from_input(text) for text in ("db.example.com", "data"))
        inputs = {"dags": HTTPS, "namespace": namespace, "database": {"external": {"host": host}}}
        AirflowProvider().construct("airflow", TOKEN, {**inputs, "databasePassword": "p"}, None)

    seen = record(program)
    (namespace,) = (r for r in seen.resources.values() if r.type == "kubernetes:core/v1:Namespace")
    assert namespace.inputs["metadata"]["name"] == "data"
    (connection,) = (r for r in seen.resources.values() if r.name == "airflow-database-metadata")
    assert "db.example.com" in json.dumps(connection.inputs)
    assert "db.example.com" not in json.dumps(connection.shown)


def test_all_wrong_inputs_are_reported_at_once_under_the_callers_names(golden: Golden) -> None:
    told = refused(
        dags={**HTTPS, "visibleWithinSecond": 30.0, "commit": "abc"}, executor="CeleryExecuter", sise="small"
    )
    assert told == golden


def test_a_refused_secret_is_not_repeated() -> None:
    told = refused(dags=HTTPS, gitSshKey="canary", databasePassword="canary", gitToken="canary")
    assert "canary" not in told


@pytest.mark.parametrize(
    "block", re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE), ids=range(3)
)
def test_the_inputs_in_the_guide_are_valid(block: str) -> None:
    assert len(constructed(**yaml.safe_load(block)).resources) > 15


def test_another_type_is_not_served() -> None:
    with pytest.raises(ValueError, match="airflow:index:AirflowRelease is not served; airflow:index:Airflow is"):
        AirflowProvider().construct("airflow", "airflow:index:AirflowRelease", {}, None)
