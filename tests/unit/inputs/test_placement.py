"""Wrong placements and volumes are refused with key, value, what is allowed and the way out. Right ones pass."""

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import ArgumentsError
from tests.support.cases import IMAGE, SSH, Config, problems, settings

TERM = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "a"}}}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
SPREAD = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}


def node_affinity(**requirement: object) -> Config:
    return {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}}}}


WRONG_PLACEMENTS: dict[str, Any] = {
    "a text": "pool=airflow",
    "an unknown key": {"nodeSelectors": {"pool": "airflow"}},
    "a label with a space": {"nodeSelector": {"pool": "air flow"}},
    "a label's key with a space": {"nodeSelector": {"my pool": "airflow"}},
    "a label that is a number": {"nodeSelector": {"pool": 1}},
    "tolerations that are an object": {"tolerations": {"key": "dedicated"}},
    "a misspelt effect": {"tolerations": [{"key": "a", "operator": "Exists"}, {"key": "a", "effect": "NoShedule"}]},
    "an unknown operator": {"tolerations": [{"key": "a", "operator": "In"}]},
    "an unknown key of a toleration": {"tolerations": [{"key": "a", "values": ["b"]}]},
    "a toleration of nothing": {"tolerations": [{"effect": "NoSchedule"}]},
    "a value that is ignored": {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]},
    "seconds that are ignored": {"tolerations": [{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 60}]},
    "seconds that are text": {"tolerations": [{"key": "a", "effect": "NoExecute", "tolerationSeconds": "60"}]},
    "a priority class with capitals": {"priorityClassName": "High"},
    "an unknown kind of affinity": {"affinity": {"nodeafinity": {}}},
    "no terms": {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": []}}}},
    "a term without condition": {"affinity": {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}]}}}},
    "In without values": node_affinity(key="disk", operator="In"),
    "Exists with values": node_affinity(key="disk", operator="Exists", values=["ssd"]),
    "Gt without a number": node_affinity(key="cpu", operator="Gt", values=["many"]),
    "an operator of two words": node_affinity(key="cpu", operator="Not In", values=["a"]),
    "a weight of 0": {"affinity": {"podAntiAffinity": {PREFERRED: [{"weight": 0, "podAffinityTerm": TERM}]}}},
    "pods of no label": {"affinity": {"podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}},
    "a skew of 0": {"topologySpreadConstraints": [{**SPREAD, "maxSkew": 0}]},
    "a spread over nothing": {"topologySpreadConstraints": [{"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}]},
    "a spread that is given twice": {"topologySpreadConstraints": [SPREAD, {**SPREAD, "maxSkew": 2}]},
    "minDomains without a condition": {"topologySpreadConstraints": [{**SPREAD, "minDomains": 2}]},
}
CONFIG_MAP = {"configMap": {"name": "ca"}}
WRONG_VOLUMES: dict[str, Any] = {
    "a list": [{"name": "ca", "configMap": {"name": "ca"}}],
    "no mount path": {"ca": CONFIG_MAP},
    "no source": {"ca": {"mountPath": "/ca"}},
    "two sources": {"ca": {"mountPath": "/ca", **CONFIG_MAP, "secret": {"secretName": "ca"}}},
    "an unknown source": {"ca": {"mountPath": "/ca", "hostPath": {"path": "/etc"}}},
    "a source that is a text": {"ca": {"mountPath": "/ca", "configMap": "ca"}},
    "a Secret by the key of a ConfigMap": {"ca": {"mountPath": "/ca", "secret": {"name": "ca"}}},
    "a ConfigMap with capitals": {"ca": {"mountPath": "/ca", "configMap": {"name": "CA"}}},
    "a mode above 511": {"ca": {"mountPath": "/ca", "configMap": {"name": "ca", "defaultMode": 644}}},
    "a relative mount path": {"ca": {"mountPath": "ca", **CONFIG_MAP}},
    "a mount path with ..": {"ca": {"mountPath": "/ca/../etc", **CONFIG_MAP}},
    "a mount path with a template": {"ca": {"mountPath": "/{{ .Release.Name }}", **CONFIG_MAP}},
    "an absolute subPath": {"ca": {"mountPath": "/ca", "subPath": "/ca.crt", **CONFIG_MAP}},
    "a name with a dot": {"ca.crt": {"mountPath": "/ca", **CONFIG_MAP}},
    "a name of the chart's": {"config": {"mountPath": "/ca", **CONFIG_MAP}},
    "the home of Airflow": {"ca": {"mountPath": "/opt/airflow", **CONFIG_MAP}},
    "the packages of Airflow": {"ca": {"mountPath": "/home/airflow", **CONFIG_MAP}},
    "the root": {"ca": {"mountPath": "/etc", **CONFIG_MAP}},
    "the kernel": {"ca": {"mountPath": "/proc/a", **CONFIG_MAP}},
    "one path twice": {"a": {"mountPath": "/ca", **CONFIG_MAP}, "b": {"mountPath": "/ca", **CONFIG_MAP}},
}
EXTERNAL = {"host": "db.example.com", "sslMode": "verify-full"}
WRONG_BUNDLES: dict[str, Config] = {
    "no source": {"caBundle": {"key": "a"}},
    "two sources": {"caBundle": {"configMap": "a", "secret": "b"}},
    "a connection that is not verified": {"sslMode": "require", "caBundle": {"configMap": "a"}},
    "a key with a slash": {"caBundle": {"configMap": "a", "key": "a/b"}},
}


@pytest.mark.parametrize("placement", WRONG_PLACEMENTS.values(), ids=WRONG_PLACEMENTS)
def test_a_wrong_placement_is_refused(placement: object, golden: SnapshotAssertion) -> None:
    assert str(problems({"dags": SSH, "placement": placement})) == golden


@pytest.mark.parametrize("volumes", WRONG_VOLUMES.values(), ids=WRONG_VOLUMES)
def test_a_wrong_volume_is_refused(volumes: object, golden: SnapshotAssertion) -> None:
    assert str(problems({"dags": SSH, "volumes": volumes})) == golden


@pytest.mark.parametrize("external", WRONG_BUNDLES.values(), ids=WRONG_BUNDLES)
def test_certificate_authorities_without_effect_are_refused(external: Config, golden: SnapshotAssertion) -> None:
    assert str(problems({"dags": SSH, "database": {"external": {**EXTERNAL, **external}}})) == golden


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_server_that_no_authority_vouches_for_is_refused(mode: str, golden: SnapshotAssertion) -> None:
    external = {"host": "db.example.com", "sslMode": mode}
    assert str(problems({"dags": SSH, "database": {"external": external}})) == golden
    elsewhere: list[Config] = [
        {"environment": {"PGSSLROOTCERT": "/etc/ssl/certs/ca-certificates.crt"}},
        {"volumes": {"ca": {"configMap": {"name": "ca"}, "mountPath": "/home/airflow/.postgresql"}}},
        {"images": {"airflow": {"repository": "acme/airflow"}}},
    ]
    for known in elsewhere:
        assert settings(database={"external": external}, **known)


def test_a_variable_for_the_certificate_authorities_is_not_given_twice(golden: SnapshotAssertion) -> None:
    external = {**EXTERNAL, "caBundle": {"configMap": "a"}}
    config = {"database": {"external": external}, "environment": {"PGSSLROOTCERT": "/ca.crt"}}
    assert str(problems({"dags": SSH, **config})) == golden


def test_nothing_is_mounted_among_the_read_only_files_of_git_sync(golden: SnapshotAssertion) -> None:
    volumes = {"more": {"mountPath": "/opt/airflow/dags/more", **CONFIG_MAP}}
    assert str(problems({"dags": SSH, "volumes": volumes})) == golden
    assert settings(**IMAGE, volumes=volumes).volumes["more"].mount_path == "/opt/airflow/dags/more"


@pytest.mark.parametrize("field", ["nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"])
def test_a_placement_in_the_values_too_is_refused(field: str, golden: SnapshotAssertion) -> None:
    given: Config = {
        "nodeSelector": {"pool": "a"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [SPREAD],
    }
    both = {"placement": {field: given[field]}, "values": {field: given[field]}}
    assert str(problems({"dags": SSH, **both})) == golden
    assert settings(placement={field: given[field]}, values={other: given[other] for other in given if other != field})


def test_a_program_spells_kubernetes_objects_as_kubernetes_does(golden: SnapshotAssertion) -> None:
    placement = {"tolerations": [{"key": "a", "effect": "NoExecute", "tolerationSeconds": 60}], "node_selector": {}}
    volumes = {"ca": {"mount_path": "/ca", "config_map": {"name": "ca", "defaultMode": 288}}}
    found = load("test", {"dags": SSH, "placement": placement, "volumes": volumes}, set(), by_name=True)
    assert found.placement.tolerations[0].tolerationSeconds == 60
    wrong = {"tolerations": [{"key": "a", "toleration_seconds": 60}], "nodeSelector": {}}
    error = problems({"dags": SSH, "placement": wrong}, by_name=True)
    assert str(ArgumentsError("airflow", error.problems)) == golden


@pytest.mark.parametrize(
    "source",
    [
        {"secret": {"secretName": "airflow-fernet-key"}},
        {"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "own-database"}}]}},
    ],
    ids=["secret", "projected"],
)
def test_no_volume_gives_a_credential_of_airflow_to_isolated_tasks(source: Config, golden: SnapshotAssertion) -> None:
    existing = {"metadataConnection": "own-database"}
    config = {"volumes": {"keys": {"mountPath": "/keys", **source}}, "existingSecrets": existing}
    assert str(problems({"dags": SSH, **config, "security": {"tasks": "isolated"}})) == golden
    assert settings(**config, security={"tasks": "trusted"})
