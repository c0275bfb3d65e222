"""Every setting takes effect, and `diff` and `adopt` know it: a new setting fails here until its last edit is made (CONTRIBUTING.md)."""

import copy
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from typing import Any

import pytest
import yaml
from pydantic.alias_generators import to_camel

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.diff import setting_changes
from airflow_stack.cli.diff.model import RenderedStack
from airflow_stack.cli.manifests import record_stack
from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.settings.fields import models, nested_model
from airflow_stack.settings.models import Settings
from tests.support.cases import CONTRACT_CHART, HOST_KEY, SSH, Config
from tests.support.login import login
from tools.reference_inputs import examples

LEAVES = {
    f"{path}.{to_camel(name)}".lstrip("."): field
    for path, model in models(Settings)
    for name, field in model.model_fields.items()
    if nested_model(field.annotation) is None
}


_BUNDLE = {"dags": {**SSH, "delivery": "gitBundle", "moreRepositories": {"b": SSH}}}
_OWN_HOST = {"dags": {"repository": "git@code.example.com:acme/dags.git", "knownHosts": f"code.example.com {HOST_KEY}"}}
_OWN_IMAGE = {"dags": SSH, "images": {"airflow": {"repository": "acme/airflow", "tag": "acme-7", "version": "3.3.1"}}}
# Sources of a volume, each with another value.
_SOURCES = {
    "configMap": ({"name": "a"}, {"name": "b"}),
    "secret": ({"secretName": "a"}, {"secretName": "b"}),
    "persistentVolumeClaim": ({"claimName": "a"}, {"claimName": "b"}),
    "emptyDir": ({}, {"medium": "Memory"}),
    "projected": ({"sources": [{"secret": {"name": "a"}}]}, {"sources": [{"secret": {"name": "b"}}]}),
    "csi": ({"driver": "a"}, {"driver": "b"}),
}
# Stacks and values for settings with few allowed values or with dependencies.
VALUES: dict[str, tuple[Config, Any]] = {
    **{
        f"components.{component}.{part}": ({"dags": SSH}, value)
        for component in ("apiServer", "scheduler", "dagProcessor", "triggerer", "workers")
        for part, value in (("replicas", 5), ("cpu", "777m"), ("memory", "7Gi"))
    },
    **{
        f"volumes.<name>.{source}": ({"dags": SSH, "volumes": {"v": {"mountPath": "/v", source: value}}}, other)
        for source, (value, other) in _SOURCES.items()
    },
    "components.workers.replicas": ({"dags": SSH, "executor": "CeleryExecutor"}, 5),
    "dags.delivery": ({"dags": SSH}, "gitBundle"),
    "dags.knownHosts": (_OWN_HOST, f"code.example.com {HOST_KEY} new"),
    "dags.gitHost": (_OWN_HOST, "gitlab"),
    "dags.moreRepositories.<name>.tag": (_BUNDLE, "v1"),
    "dags.moreRepositories.<name>.commit": (_BUNDLE, "0" * 40),
    "images.airflow.version": (_OWN_IMAGE, "3.3.2"),
    "images.airflow.tag": ({"dags": SSH, "images": {"airflow": {"tag": "3.2.2"}}}, "3.3.2"),
    "chart.version": ({"dags": SSH}, "1.21.0"),
    "access.login.provider": (login("okta"), "keycloak"),
    "access.login.domains": (login("oidc"), ["example.org"]),
    "access.login.roles": (login("okta"), {"staff": "Admin"}),
    "chart.path": ({"dags": SSH}, str(CONTRACT_CHART)),
    **{
        f"web.{route}.dataPlane.networks": (
            {
                "dags": SSH,
                "web": {"host": "a.example.com", route: {**more, "dataPlane": {"networks": ["10.0.0.0/20"]}}},
            },
            ["10.1.0.0/20"],
        )
        for route, more in (("gateway", {"name": "a"}), ("ingress", {}))
    },
}
ELSEWHERE = {
    "web.tls.external": "goes with no other key of web.tls: tests/unit/chart/test_web.py",
    "dags.registerDeployKey": "needs a package that is an extra: tests/unit/parts/test_deploy_key_registration.py",
}


def put(config: Config, path: str, value: object) -> Config:
    """The configuration with another value at a path; None removes it. `<name>` is the first key at that place."""
    changed = copy.deepcopy(config)
    *parents, last = path.split(".")
    place = changed
    for step in parents:
        place = place.setdefault(next(iter(place)) if step == "<name>" else step, {})
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value
    return changed


def at(config: Config, path: str) -> Any:
    found: Any = config
    for step in path.split("."):
        key = next(iter(found), None) if step == "<name>" and isinstance(found, dict) else step
        found = found.get(key) if isinstance(found, dict) else None
    return found


@cache
def stacks() -> list[Config]:
    """Stacks of the reference, which together set every setting."""
    found = []
    for example in examples():
        config = {key.removeprefix("airflow:"): value for key, value in yaml.safe_load(example.text).items()}
        found.append({"dags": SSH, **config})
    return found


def read(config: Config) -> Settings | None:
    try:
        return load("test", {**config, **dict.fromkeys(SECRETS, "")}, SECRETS.keys(), secrets_required=False)
    except SettingsError:
        return None


def others(path: str, value: Any) -> Iterator[Any]:
    """Other values of the same type."""
    annotation: Any = LEAVES[path].annotation
    yield None
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value * 2)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (each.value for each in annotation)
    elif isinstance(value, str):
        yield from (f"{value}x", f"x{value}", "1" * 40)


def changed(path: str) -> tuple[Settings, Settings]:
    """A stack, and the same stack with another value of one setting that changes the deployment."""
    special = [VALUES[path]] if path in VALUES else []
    configs = [
        (each, other) for each in stacks() if (value := at(each, path)) is not None for other in others(path, value)
    ]
    for config, value in special or configs:
        before, after = read(config), read(put(config, path, value))
        if before and after and (chart_values(before) != chart_values(after) or resources(before) != resources(after)):
            return before, after
    raise AssertionError(
        f"airflow:{path} has no effect: use it in chart/ or parts/, and set it in docs/reference-examples.yaml"
    )


def resources(settings: Settings) -> dict[str, object]:
    recording = record_stack(settings, "test")
    return {
        **{urn: (each.inputs, each.protect) for urn, each in recording.resources.items()},
        "outputs": recording.outputs,
    }


def under(path: str, prefixes: Iterable[str]) -> bool:
    return any(f"{path}.".startswith(f"{prefix}.") for prefix in prefixes)


@pytest.mark.parametrize("path", sorted(LEAVES.keys() - ELSEWHERE.keys()))
def test_a_changed_setting_changes_the_deployment_and_diff_says_so(path: str) -> None:
    before, after = changed(path)
    if not under(path, setting_changes.IN_OBJECTS):
        sides = (RenderedStack(each.model_dump(mode="json", by_alias=True), {}) for each in (before, after))
        assert list(setting_changes.setting_effects(*sides)), (
            f"airflow:{path}: write its sentence in SENTENCES of cli/diff/setting_changes.py"
        )


@pytest.mark.parametrize("path", LEAVES)
def test_adopt_knows_the_source_of_a_setting(path: str) -> None:
    tables = (official_chart.ROWS, official_chart.RULES, official_chart.WITHOUT_SOURCE)
    found = sum(under(path, table) for table in tables)
    assert found == 1, f"airflow:{path}: give it one row in ROWS or WITHOUT_SOURCE of cli/adopt/official_chart.py"
