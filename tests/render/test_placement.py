"""One setting places every pod, and every container has the extra volumes."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.cli.manifests import stack_manifests
from airflow_stack.settings.models import Chart
from tests.support.cases import AUTHENTICATIONS, DATABASES, EXECUTORS, Config, official_chart, settings
from tests.support.manifests import Manifest, containers_of, pods

EXPRESSION = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
ANOTHER = {"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "kubernetes.io/hostname"}
PLACEMENT: Config = {
    "nodeSelector": {"pool": "airflow"},
    "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "airflow", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [EXPRESSION]}]
            }
        },
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [ANOTHER]},
    },
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"},
        {
            "maxSkew": 2,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"tier": "airflow"}},
        },
    ],
}
SPREAD = [
    {
        **PLACEMENT["topologySpreadConstraints"][0],
        "labelSelector": {"matchLabels": {"release": "airflow"}},
        "matchLabelKeys": ["component"],
    },
    PLACEMENT["topologySpreadConstraints"][1],
]
VOLUMES: Config = {
    "ca": {"configMap": {"name": "db-ca"}, "mountPath": "/home/airflow/.postgresql"},
    "keytab": {
        "secret": {"secretName": "keytab", "defaultMode": 288},
        "mountPath": "/etc/airflow.keytab",
        "subPath": "keytab",
    },
    "shared": {"persistentVolumeClaim": {"claimName": "shared"}, "mountPath": "/data", "readOnly": False},
    "tmp": {"emptyDir": {}, "mountPath": "/scratch", "readOnly": False},
}
MOUNTS = {
    ("/home/airflow/.postgresql", None, True),
    ("/etc/airflow.keytab", "keytab", True),
    ("/data", None, False),
    ("/scratch", None, False),
}
# The chart has no extra volumes for these.
WITHOUT_VOLUMES = {"airflow-redis", "airflow-statsd", "airflow-otel-collector"}
SWITCHED_ON = {
    **{component: {"enabled": True} for component in ("flower", "cleanup", "databaseCleanup")},
    "otelCollector": {"metricsEnabled": True},
}

STACKS: dict[str, Config] = {
    executor: {"executor": executor, "dags": AUTHENTICATIONS["ssh-key"]} for executor in EXECUTORS
}
STACKS |= {
    "external database": {
        "database": {
            "external": {**DATABASES["external"]["external"], "sslMode": "verify-full", "caBundle": {"configMap": "a"}}
        }
    },
    "git bundle": {"dags": {**AUTHENTICATIONS["ssh-key"], "delivery": "gitBundle"}},
}


def manifests(chart: Path, config: Config) -> list[Manifest]:
    found = settings(**config).model_copy(update={"chart": Chart(path=str(chart))})
    return stack_manifests(found, "test")


@cache
def placed(chart: Path, stack: str) -> list[Manifest]:
    """Every object of a stack with a placement; of the official chart with its optional components too."""
    values: Config = {}
    if chart == official_chart_or_none():
        values = SWITCHED_ON
    config = {**STACKS[stack], "placement": {**PLACEMENT, "priorityClassName": "high"}, "volumes": VOLUMES}
    return manifests(chart, {**config, "values": values})


def official_chart_or_none() -> Path | None:
    try:
        return official_chart()
    except KeyError:
        return None


@pytest.mark.parametrize("stack", STACKS)
def test_every_pod_is_placed(stack: str, chart: Path) -> None:
    for name, template in pods(placed(chart, stack)):
        spec = template["spec"]
        assert spec["nodeSelector"] == PLACEMENT["nodeSelector"], name
        assert spec["tolerations"] == PLACEMENT["tolerations"], name
        assert spec["affinity"] == PLACEMENT["affinity"], name
        assert spec["topologySpreadConstraints"] == SPREAD, name
        assert spec["priorityClassName"] == "high", name
        assert {"release", "component"} <= template["metadata"]["labels"].keys(), f"{name}: spread by its labels"


@pytest.mark.parametrize("stack", STACKS)
def test_every_container_has_the_extra_volumes(stack: str, chart: Path) -> None:
    for name, template in pods(placed(chart, stack)):
        if name in WITHOUT_VOLUMES:
            continue
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        assert len(volumes) == len(template["spec"]["volumes"]), f"{name}: a volume is given twice"
        for container in containers_of(template):
            mounts = container.get("volumeMounts") or []
            paths = [mount["mountPath"] for mount in mounts]
            assert len(paths) == len(set(paths)), f"{name}: a path is mounted twice"
            if not helper(container["name"]):
                found = {(m["mountPath"], m.get("subPath"), m.get("readOnly", False)) for m in mounts}
                assert found >= MOUNTS, f"{name}/{container['name']}"
                extra = {path for path, _, _ in MOUNTS}
                assert {mount["name"] for mount in mounts if mount["mountPath"] in extra} <= volumes, name


def helper(container: str) -> bool:
    """Whether a container only handles logs: the stand-in's log groomers have fewer mounts than the official ones."""
    return container.endswith("-log-groomer") or container == "serve-logs"


def test_the_certificates_of_the_database_reach_every_container_of_airflow(chart: Path) -> None:
    found = 0
    for name, template in pods(placed(chart, "external database")):
        for container in containers_of(template):
            environment = {each["name"]: each.get("value") for each in container.get("env") or []}
            # The chart's cleanup of pods takes no variables of `env`, and reads the API alone.
            if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in environment or name == "airflow-cleanup":
                continue
            found += 1
            assert environment.get("PGSSLROOTCERT") == "/opt/airflow/database-ca/ca.crt", f"{name}/{container['name']}"
            assert "/opt/airflow/database-ca" in [mount["mountPath"] for mount in container["volumeMounts"]], name
    assert found >= 6, "four components and two Jobs"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_the_values_set_for_every_pod_of_the_chart_reaches_the_jobs_and_the_database_too(
    executor: str, chart: Path
) -> None:
    values = {
        **PLACEMENT,
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "ca", "configMap": {"name": "db-ca"}},
            {"name": "mine", "emptyDir": {}},
        ],
        "volumeMounts": [
            {"name": "ca", "mountPath": "/home/airflow/.postgresql"},
            {"name": "tmp", "mountPath": "/var/run/postgresql"},
        ],
    }
    jobs = 0
    for name, template in pods(manifests(chart, {"executor": executor, "values": values})):
        spec = template["spec"]
        for field, value in PLACEMENT.items():
            assert spec[field] == value, name
        if name in WITHOUT_VOLUMES:
            continue
        jobs += spec.get("restartPolicy") == "Never" and name != "task"
        for container in containers_of(template):
            if not helper(container["name"]) and not container["name"].startswith("git-sync"):
                mounted = [mount["mountPath"] for mount in container["volumeMounts"]]
                assert {"/home/airflow/.postgresql", "/var/run/postgresql"} <= {*mounted}, f"{name}/{container['name']}"
                assert len(mounted) == len({*mounted}), name
    assert jobs == 3


def test_a_component_in_the_values_may_differ_from_the_placement(chart: Path) -> None:
    values: dict[str, Any] = {"scheduler": {"nodeSelector": {"pool": "control"}, "priorityClassName": "higher"}}
    config = {"placement": {"nodeSelector": {"pool": "airflow"}, "priorityClassName": "high"}, "values": values}
    found = {name: template["spec"] for name, template in pods(manifests(chart, config))}
    scheduler = found.pop("airflow-scheduler")
    assert (scheduler["nodeSelector"], scheduler["priorityClassName"]) == ({"pool": "control"}, "higher")
    assert {(spec["nodeSelector"]["pool"], spec["priorityClassName"]) for spec in found.values()} == {
        ("airflow", "high")
    }
