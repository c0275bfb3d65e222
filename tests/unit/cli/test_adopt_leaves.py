"""No value of a file is lost in an adoption. `tests/render/test_adopted_leaves.py` has every value of the official chart."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.cli.adopt import community_chart, file_kind, official_chart
from airflow_stack.cli.adopt.leaves import leaf_paths, without_secrets
from airflow_stack.cli.adopt.model import Adoption, ChartValues, InstalledRelease, Values
from airflow_stack.secret_forms import secret_places
from tests.support.adopted import CANARY, MARK, SECRETS, lost, shown_secrets

GIT = {"enabled": True, "repo": "git@gitlab.com:acme/dags.git"}
COMMUNITY_FILES: dict[str, Values] = {
    "SSH": {
        "airflow": {"executor": "KubernetesExecutor"},
        "dags": {"gitSync": {**GIT, "sshSecret": "s"}},
        "ingress": {"enabled": True, "web": {"host": "airflow.example.com"}},
    },
    "HTTPS": {
        "airflow": {"executor": "CeleryExecutor"},
        "dags": {"gitSync": {**GIT, "repo": "https://git.example.com/acme/dags.git", "httpSecret": "s"}},
        "postgresql": {"enabled": False},
        "externalDatabase": {"host": "db.example.com", "passwordSecret": "p", "userSecret": "u"},
    },
    "nothing": {"airflow": {}},
}
# Keys of every component of the community chart, and of some of its parts.
_COMPONENT = (
    "enabled replicas resources nodeSelector affinity tolerations topologySpreadConstraints securityContext labels podLabels annotations "
    "podAnnotations safeToEvict podDisruptionBudget.enabled livenessProbe.enabled extraPipPackages extraContainers extraInitContainers "
    "extraVolumeMounts extraVolumes logCleanup.enabled numRuns autoscaling.enabled celery.gracefullTermination terminationPeriod capacity "
    "webserverConfig.stringOverride webserverConfig.existingSecret service.type"
).split()
_PARTS = (
    "dags.path dags.persistence.enabled dags.persistence.existingClaim dags.gitSync.enabled dags.gitSync.repo dags.gitSync.branch "
    "dags.gitSync.revision dags.gitSync.depth dags.gitSync.repoSubPath dags.gitSync.cloneDepth dags.gitSync.cloneNoTags dags.gitSync.submodules "
    "dags.gitSync.syncWait dags.gitSync.syncTimeout dags.gitSync.maxFailures dags.gitSync.httpSecret dags.gitSync.httpSecretUsernameKey "
    "dags.gitSync.httpSecretPasswordKey dags.gitSync.sshSecret dags.gitSync.sshSecretKey dags.gitSync.sshKnownHosts dags.gitSync.image.tag "
    "logs.path logs.persistence.enabled logs.persistence.size logs.persistence.storageClass logs.persistence.accessMode ingress.enabled "
    "ingress.web.host ingress.web.path ingress.web.annotations ingress.web.labels ingress.web.tls.enabled ingress.web.tls.secretName "
    "ingress.web.precedingPaths ingress.web.succeedingPaths ingress.web.ingressClassName ingress.flower.host rbac.create rbac.events "
    "serviceAccount.create serviceAccount.name serviceAccount.annotations extraManifests postgresql.enabled postgresql.postgresqlDatabase "
    "postgresql.postgresqlUsername postgresql.postgresqlPassword postgresql.existingSecret postgresql.persistence.size externalDatabase.type "
    "externalDatabase.host externalDatabase.port externalDatabase.database externalDatabase.user externalDatabase.userSecret "
    "externalDatabase.userSecretKey externalDatabase.password externalDatabase.passwordSecret externalDatabase.passwordSecretKey "
    "externalDatabase.properties redis.enabled redis.password redis.existingSecret redis.cluster.enabled externalRedis.host "
    "externalRedis.passwordSecret pgbouncer.enabled pgbouncer.image.tag flower.enabled flower.basicAuthSecret serviceMonitor.enabled "
    "prometheusRule.enabled airflow.image.repository airflow.image.tag airflow.image.pullSecret airflow.image.uid "
    "airflow.kubernetesPodTemplate.resources airflow.kubernetesPodTemplate.stringOverride airflow.sync.enabled airflow.dbMigrations.enabled"
).split()
COMMUNITY = sorted(
    {f"airflow.{key}" for key in file_kind._IN_AIRFLOW}
    | {f"{part}.{key}" for part in ("scheduler", "web", "workers", "triggerer") for key in _COMPONENT}
    | {*_PARTS, *community_chart._OFFICIAL_PATHS, *community_chart._NO_SETTING}
)


@pytest.mark.parametrize("base", COMMUNITY_FILES)
def test_no_value_of_the_community_chart_is_lost(base: str) -> None:
    values: tuple[object, ...] = (MARK, True, False, 7, [{"name": MARK}], {MARK: MARK})
    changes = [
        (tuple(path.split(".")), value)
        for path in COMMUNITY
        for value in values
        if (path, value) != ("redis.enabled", True)
    ]
    assert len(changes) > 1000
    assert lost(community_chart.convert, COMMUNITY_FILES[base], changes) == set()


def test_a_value_that_a_rule_takes_and_forgets_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(values: ChartValues, _: Adoption, __: InstalledRelease | None) -> None:
        values.take("scheduler")
        values.take("statsd.extraArgs")

    monkeypatch.setattr(official_chart, "_admin", forgetful)
    given: Values = {
        "scheduler": {"labels": {"a": "b"}, "env": [{"name": "A", "value": "b"}]},
        "statsd": {"extraArgs": ["a"]},
    }
    adoption = official_chart.convert(given)
    for path in ("scheduler.labels.a", "scheduler.env[0].name", "statsd.extraArgs"):
        assert f"{path}: is left out: no setting has it" in adoption.notes


def test_parts_of_an_item_that_no_setting_has_are_named() -> None:
    values = {
        "imagePullSecrets": [{"name": "pull", "more": 1}],
        "env": [{"name": "A", "value": "b", "extra": 1}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}}],
        "ingress": {"apiServer": {"enabled": True, "hosts": [{"name": "a.example.com", "more": 1}, {"name": "b.example.com"}]}},
    }  # fmt: skip
    notes = "\n".join(official_chart.convert(values).notes)
    for path in ("imagePullSecrets[0].more", "env[0].extra", "env[1].valueFrom.secretKeyRef.optional", "ingress.apiServer.hosts[0].more",
                 "ingress.apiServer.hosts[1]"):  # fmt: skip
        assert path in notes


def test_what_check_refuses_is_left_out_with_the_setting_to_use() -> None:
    values: Values = {
        "executor": "KubernetesExecutor",
        "scheduler": {"enabled": False, "nodeSelector": {"a": "b"}},
        "pgbouncer": {"enabled": True},
        "config": {"dag_processor": {"dag_bundle_config_list": "[]"}, "core": {"dags_folder": "/somewhere"}},
    }
    adoption = official_chart.convert(values)
    assert adoption.settings["values"] == {
        "scheduler": {"nodeSelector": {"a": "b"}},
        "config": {"dag_processor": {"dag_bundle_config_list": "[]"}},
    }
    stops = "\n".join(adoption.blockers)
    assert "scheduler.enabled: would remove it" in stops
    assert "config.core.dags_folder: is set by the program; use the setting airflow:dags.path" in stops


keys = st.sampled_from(["password", "fernet_key", "name", "value", "a", "data", "TOKEN", "b.c", "extraSecrets"])
texts = st.sampled_from(
    [
        CANARY,
        f"x --password={CANARY}",
        f"jdbc:db?password={CANARY}",
        f"a://u:{CANARY}@h",
        f"password: {CANARY}\nb: c",
        "plain",
        "",
    ]
)
data = st.recursive(
    texts | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(keys, data, max_size=3))
def test_values_without_their_secrets_have_none_left_and_lose_nothing_else(values: dict[str, Any]) -> None:
    kept, removed = without_secrets(values)
    assert list(secret_places(kept)) == []
    if not removed:
        assert json.dumps(kept) == json.dumps(values)
    assert {path.partition("[")[0] for path in leaf_paths(kept)} <= {
        path.partition("[")[0] for path in leaf_paths(values)
    }


@pytest.mark.parametrize("base", COMMUNITY_FILES)
def test_a_secret_at_any_place_of_the_community_chart_is_neither_written_nor_printed(base: str) -> None:
    shown = shown_secrets(
        community_chart.convert,
        COMMUNITY_FILES[base],
        [(tuple(path.split(".")), shape) for path in COMMUNITY for shape in SECRETS],
    )
    assert shown == {"airflow.config"}, "an object with the variables `name` and `value`"
