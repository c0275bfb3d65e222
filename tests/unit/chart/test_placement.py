"""Chart values of placement and volumes, and the same for the pods that the chart does not make."""

import pytest

from airflow_stack.chart.merged import at
from airflow_stack.chart.placement import own_pods
from airflow_stack.chart.values import chart_values
from tests.support.cases import AUTHENTICATIONS, DATABASES, SSH, Config, deployed, problems, settings

SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
CLUSTER = "kubernetes:postgresql.cnpg.io/v1:Cluster"


def volume(**more: object) -> Config:
    return {"ca": {"mountPath": "/ca", "configMap": {"name": "ca"}, **more}}


def test_without_a_placement_the_values_have_none() -> None:
    found = chart_values(settings())
    names = {"nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "volumes", "volumeMounts"}
    assert names.isdisjoint(found)
    assert "priorityClassName" not in str(found)


def test_what_a_setting_leaves_out_is_left_out_of_the_values() -> None:
    tolerations = [{"key": "a", "operator": "Exists"}, {"operator": "Exists"}]
    everywhere = {"topologyKey": "zone", "labelSelector": {}, "namespaceSelector": {}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [everywhere]}}
    found = chart_values(settings(placement={"tolerations": tolerations, "affinity": affinity}))
    assert found["tolerations"] == tolerations
    assert found["affinity"] == affinity, "an empty selector matches everything, and is no default"


def test_a_spread_without_selector_counts_the_pods_of_each_component() -> None:
    given = {**SPREAD, "topologyKey": "host", "labelSelector": {}}
    found = chart_values(settings(placement={"topologySpreadConstraints": [SPREAD, given]}))
    by_component = {"labelSelector": {"matchLabels": {"release": "airflow"}}, "matchLabelKeys": ["component"]}
    assert found["topologySpreadConstraints"] == [{**SPREAD, **by_component}, given]


def test_optional_components_that_the_values_switch_on_have_the_priority_too() -> None:
    placement = {"priorityClassName": "high"}
    assert "flower" not in chart_values(settings(placement=placement))
    found = chart_values(settings(placement=placement, values={"flower": {"enabled": True}}))
    assert found["flower"] == {"enabled": True, "priorityClassName": "high"}


def test_a_mount_is_read_only_unless_the_setting_says_otherwise() -> None:
    for given, expected in (({}, True), ({"readOnly": False}, False)):
        found = chart_values(settings(volumes=volume(**given)))
        assert found["volumeMounts"] == [{"name": "ca", "mountPath": "/ca", "readOnly": expected}]


def test_volumes_of_settings_values_and_git_bundles_stand_side_by_side() -> None:
    values = {"volumes": [{"name": "mine", "emptyDir": {}}], "volumeMounts": [{"name": "mine", "mountPath": "/mine"}]}
    dags = {**AUTHENTICATIONS["ssh-key"], "delivery": "gitBundle"}
    stack = settings(dags=dags, volumes=volume(), values=values)
    found = chart_values(stack)
    assert [each["name"] for each in found["volumes"]] == ["git-hosts", "git-key-dags-folder", "ca", "mine"]
    own = own_pods(stack, found)
    assert [each["name"] for each in own.volumes] == ["ca", "mine"], "the Jobs need no keys of git"


def test_git_sync_has_the_mounts_but_not_the_authorities_of_the_database() -> None:
    external = {
        **DATABASES["external"]["external"],
        "sslMode": "verify-ca",
        "caBundle": {"secret": "a", "key": "b.pem"},
    }
    found = chart_values(settings(volumes=volume(), database={"external": external}))
    assert [each["name"] for each in found["dags"]["gitSync"]["extraVolumeMounts"]] == ["ca"]
    assert {"name": "PGSSLROOTCERT", "value": "/opt/airflow/database-ca/b.pem"} in found["env"]
    assert {"name": "database-ca", "secret": {"secretName": "a"}} in found["volumes"]


def test_a_cloud_native_pg_cluster_takes_the_placement_in_its_own_form() -> None:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": {}}]}
    placement = {
        "node_selector": {"pool": "a"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"podAntiAffinity": required},
        "topology_spread_constraints": [SPREAD],
        "priority_class_name": "high",
    }
    (cluster,) = deployed(placement=placement, database={"cloud_native_pg": {}}).of_type(CLUSTER)
    spec = cluster.inputs["spec"]
    assert spec["affinity"] == {
        "nodeSelector": {"pool": "a"},
        "tolerations": [{"operator": "Exists"}],
        "additionalPodAntiAffinity": required,
    }
    instances = {"labelSelector": {"matchLabels": {"cnpg.io/cluster": "airflow-database"}}}
    assert spec["topologySpreadConstraints"] == [{**SPREAD, **instances}]
    assert spec["priorityClassName"] == "high"


NODES = "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


@pytest.mark.parametrize(
    ("affinity", "path", "reason"),
    [
        ({"nodeaffinity": {}}, "nodeaffinity", "is not a field"),
        ({"nodeAffinity": {NODES.split(".")[1]: {"nodeSelectorTerms": []}}}, NODES, "is empty"),
        ({"nodeAffinity": {NODES.split(".")[1]: {}}}, NODES, "is required"),
        (
            {
                "nodeAffinity": {
                    NODES.split(".")[1]: {"nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "is"}]}]}
                }
            },
            f"{NODES}[0].matchExpressions[0].operator",
            "must be 'In'",
        ),
    ],
    ids=str,
)
def test_a_wrong_affinity_in_the_values_is_refused_too(affinity: Config, path: str, reason: str) -> None:
    for place in ("affinity", "scheduler.affinity"):
        found = {each.path: each.reason for each in problems({"dags": SSH, "values": at(place, affinity)}).problems}
        assert reason in found[f"values.{place}.{path}"]
