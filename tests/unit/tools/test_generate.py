"""Arguments, models, `Pulumi.yaml` and JSON Schema agree, and generated files are up to date."""

import enum
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pulumi
import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic.alias_generators import to_camel, to_snake

from airflow_stack.arguments import AirflowArgs
from airflow_stack.credentials import SECRETS
from airflow_stack.settings.kubernetes_types import KubernetesType
from airflow_stack.settings.models import Settings
from tests.support.cases import AUTHENTICATIONS, DATABASES, LOGS, ROOT, SSH, STACKS, Config, settings
from tools.docstrings import documentation
from tools.generate import generated, stack_schema

PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())


def shape(annotation: object) -> object:
    """Accepted values of an annotation, independent of its notation: nested objects by name, required names, and kinds."""
    origin, inner = get_origin(annotation), [a for a in get_args(annotation) if a is not type(None)]
    if is_typeddict(annotation):
        hints = get_type_hints(annotation, localns=vars(pulumi.output), include_extras=True)
        return {name: (get_origin(hint) is not NotRequired, shape(hint)) for name, hint in hints.items()}
    if isinstance(annotation, type) and issubclass(annotation, KubernetesType):
        return "mapping", "Any"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: (f.is_required(), shape(f.annotation)) for name, f in annotation.model_fields.items()}
    if origin in (dict, Mapping):
        return "mapping", shape(inner[1])
    if origin in (tuple, Sequence):
        return "list", shape(inner[0])
    if origin in (Union, UnionType, NotRequired) or hasattr(annotation, "__metadata__"):
        return shape(inner[0])
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def test_arguments_and_models_have_the_same_names_kinds_and_required_keys_at_every_level() -> None:
    ours, theirs = shape(Settings), shape(AirflowArgs)
    assert isinstance(ours, dict)
    assert isinstance(theirs, dict)
    for secret in SECRETS:
        assert theirs.pop(to_snake(secret)) is not None
    assert theirs == ours


def test_the_comparison_goes_down_to_the_last_level() -> None:
    whole: Any = shape(Settings)
    assert whole["dags"] == (True, shape(Settings.model_fields["dags"].annotation))
    assert whole["dags"][1]["repository"] == (False, "str")
    assert whole["images"][1]["airflow"][1]["digest"] == (False, "str")
    assert whole["environment_from"] == (False, ("mapping", {"secret": (True, "str"), "key": (True, "str")}))
    assert whole["executor"] == (False, "Executor")


def test_every_argument_is_documented() -> None:
    def undocumented(typed_dict: Any) -> Iterator[str]:
        described = documentation()[typed_dict.__name__]
        for name, hint in get_type_hints(typed_dict, localns=vars(pulumi.output)).items():
            if not described.get(name):
                yield name
            for inner in (hint, *get_args(hint)):
                if is_typeddict(inner):
                    yield from undocumented(inner)

    assert list(undocumented(AirflowArgs)) == []


@pytest.mark.parametrize("path", generated(), ids=str)
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert (ROOT / path).read_text() == generated()[path], "run `make generate`"


def test_defaults_filled_in_by_pulumi_change_nothing() -> None:
    declared = {key: value["default"] for key, value in PROJECT["config"].items() if ":" not in key}
    assert declared.keys() == {to_camel(name) for name in Settings.model_fields} | SECRETS.keys()
    assert settings(**{**declared, "dags": SSH}) == settings()


def test_the_defaults_in_pulumi_yaml_are_those_of_the_models() -> None:
    for name, field in Settings.model_fields.items():
        declared = PROJECT["config"][to_camel(name)]
        default = field.get_default()
        if isinstance(default, str | bool):
            assert declared["default"] == (default.value if isinstance(default, enum.Enum) else default)
            assert declared["type"] == ("boolean" if isinstance(default, bool) else "string")
        else:
            assert declared["default"] == ("" if declared["type"] == "string" else {})


SCHEMA = json.loads((ROOT / "schemas" / "stack.schema.json").read_text())


def accepts(config: Config) -> bool:
    return Draft202012Validator(SCHEMA).is_valid({"config": {f"airflow:{key}": value for key, value in config.items()}})


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert stack_schema() == SCHEMA


@pytest.mark.parametrize("stack", STACKS)
def test_editors_accept_the_stack_files_and_find_the_schema(stack: str) -> None:
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(text))
    (modeline,) = (line for line in text.splitlines() if "yaml-language-server" in line)
    assert (ROOT / modeline.split("$schema=")[1]).is_file()


@pytest.mark.parametrize(
    "config",
    [
        *({"dags": dags} for dags in AUTHENTICATIONS.values()),
        *({"dags": SSH, "database": database} for database in DATABASES.values()),
        *({"dags": SSH, "logs": logs} for logs in LOGS.values()),
        {"dags": SSH, "gitSshKey": {"secure": "v1:abc"}},
        {"dags": SSH, "environmentFrom": {"A": {"secret": "s", "key": "k"}}, "labels": {"a/b": "c"}},
        {"dags": SSH, "values": {"nodeSelector": {"disk": "ssd"}}},
        {"dags": SSH, "quota": {"pods": 60, "requests.memory": "32Gi"}},
    ],
    ids=str,
)
def test_editors_accept_every_valid_stack(config: Config) -> None:
    assert accepts(config)
    assert settings(**config)


def test_editors_accept_a_stack_without_a_repository_like_make_up() -> None:
    assert accepts({"dags": {"visibleWithinSeconds": 30}})


@pytest.mark.parametrize(
    "config",
    [
        {"dags": SSH, "sise": "small"},
        {"dags": SSH, "size": "smal"},
        {"dags": {**SSH, "visible_within_seconds": 30}},
        {"dags": {**SSH, "visibleWithinSeconds": 5}},
        {"dags": {**SSH, "commit": "abc"}},
        {"dags": SSH, "executor": "CeleryExecuter"},
        {"dags": SSH, "database": {"external": {}}},
        {"dags": SSH, "ingress": {"host": "a.example.com"}},
        {"dags": SSH, "images": {"airflow": {"digest": "sha256:a"}}},
        {"dags": SSH, "components": {"scheduler": {"cpu": "half"}}},
        {"dags": SSH, "logs": {"volume": {"size": "1Gi", "accessMode": "rwx"}}},
        {"dags": SSH, "environment": {"MY-MODE": "a"}},
        {"dags": SSH, "labels": {"team": "a" * 64}},
        {"dags": SSH, "rotation": {"jwt": 0}},
        {"dags": SSH, "gitSshKey": "in plain text"},
    ],
    ids=str,
)
def test_editors_refuse_wrong_settings_like_the_program(config: Config) -> None:
    assert not accepts(config)


def test_editors_ignore_settings_of_other_namespaces() -> None:
    Draft202012Validator(SCHEMA).validate({"config": {"kubernetes:context": "here", "aws:region": "eu-west-1"}})
