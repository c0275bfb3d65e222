"""Placement and volumes of every pod become settings with the same meaning; what has none stays in `airflow:values`."""

from typing import Any

import pytest

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.adopt import official_chart
from airflow_stack.cli.adopt.leaves import leaf_paths, leftovers
from airflow_stack.inputs.validation import load
from airflow_stack.settings.models import Settings
from tests.support.cases import SSH

PLACEMENT: dict[str, Any] = {
    "nodeSelector": {"pool": "airflow"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {}}}
            ]
        }
    },
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
}
VOLUMES: dict[str, Any] = {
    "volumes": [
        {"name": "ca", "configMap": {"name": "ca", "items": [{"key": "a", "path": "b"}]}},
        {"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}},
        {"name": "keytab", "secret": {"secretName": "keytab"}},
    ],
    "volumeMounts": [
        {"name": "ca", "mountPath": "/ca"},
        {"name": "shared", "mountPath": "/data"},
        {"name": "keytab", "mountPath": "/etc/keytab", "subPath": "keytab", "readOnly": True},
    ],
}
STAY: dict[str, dict[str, Any]] = {
    "a volume with two mounts": {
        "volumes": [{"name": "a", "emptyDir": {}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}, {"name": "a", "mountPath": "/b"}],
    },
    "a folder of the host": {
        "volumes": [{"name": "a", "hostPath": {"path": "/a"}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a"}],
    },
    "a mount with a field that the setting has not": {
        "volumes": [{"name": "a", "emptyDir": {}}],
        "volumeMounts": [{"name": "a", "mountPath": "/a", "mountPropagation": "None"}],
    },
    "a volume that one component mounts": {"volumes": [{"name": "a", "emptyDir": {}}]},
    "a spread that counts no pods": {
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}]
    },
}


def loaded(settings: dict[str, Any]) -> Settings:
    return load("test", {**settings, "dags": SSH}, set(), secrets_required=False)


def test_the_placement_of_the_chart_becomes_the_placement_of_every_pod() -> None:
    adoption = official_chart.convert(PLACEMENT)
    assert adoption.settings["placement"] == PLACEMENT
    assert chart_values(loaded(adoption.settings)).items() >= PLACEMENT.items()


def test_volumes_with_a_mount_become_settings_that_mount_them_alike() -> None:
    adoption = official_chart.convert(VOLUMES)
    assert adoption.settings["volumes"].keys() == {"ca", "shared", "keytab"}
    assert "values" not in adoption.settings
    found = chart_values(loaded(adoption.settings))
    assert sorted(found["volumes"], key=str) == sorted(VOLUMES["volumes"], key=str)
    writable = {mount["mountPath"] for mount in found["volumeMounts"] if not mount["readOnly"]}
    assert writable == {"/data"}, "ConfigMaps and Secrets are read-only with either"


@pytest.mark.parametrize("values", STAY.values(), ids=STAY)
def test_what_the_settings_cannot_express_stays_in_the_values(values: dict[str, Any]) -> None:
    assert official_chart.convert(values).settings["values"] == values


@pytest.mark.parametrize(
    "values",
    [
        {"volumes": "a", "volumeMounts": [1, "a", None]},
        {"volumes": [1, "a", None, {"emptyDir": {}}], "volumeMounts": [{"mountPath": 1}]},
        {"nodeSelector": ["a"], "tolerations": {"a": 1}, "affinity": "a", "topologySpreadConstraints": 1},
    ],
    ids=repr,
)
def test_values_of_a_wrong_form_are_not_lost(values: dict[str, Any]) -> None:
    adoption = official_chart.convert(values)
    assert leftovers(values, adoption) == []
    assert list(leaf_paths(values))
