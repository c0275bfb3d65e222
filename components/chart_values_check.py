"""What `airflow:values`, the escape hatch, may hold: keys that the chart knows, and no secrets.

The names of the top level are kept here, for the chart's schema is open there and a misspelt key would pass in silence (chart 1.22.0,
values.schema.json). Deeper keys are checked against the chart's own schema where the chart is a local path.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .settings import Settings

# Top-level keys of chart 1.22.0 (values.schema.json, `properties`).
TOP_LEVEL_KEYS = frozenset(
    """
    affinity airflowConfigAnnotations airflowHome airflowLocalSettings airflowPodAnnotations airflowVersion allowJobLaunching
    allowPodLaunching apiSecretAnnotations apiSecretKey apiSecretKeySecretName apiServer cleanup config containerLifecycleHooks
    createUserJob dagProcessor dags data databaseCleanup defaultAirflowDigest defaultAirflowRepository defaultAirflowTag
    elasticsearch enableBuiltInSecretEnvVars enableServiceLinks env executor extraConfigMaps extraEnv extraEnvFrom extraSecrets
    fernetKey fernetKeySecretAnnotations fernetKeySecretName flower fullnameOverride gid imagePullSecrets images ingress jwtSecret
    jwtSecretAnnotations jwtSecretName kerberos labels limits logs migrateDatabaseJob multiNamespaceMode nameOverride
    networkPolicies nodeSelector opensearch otelCollector pgbouncer podTemplate ports postgresql priorityClasses quotas rbac redis
    registry revisionHistoryLimit scheduler schedulerName secret securityContext securityContexts statsd tolerations
    topologySpreadConstraints triggerer uid useStandardNaming volumeMounts volumes webserver webserverSecretAnnotations
    webserverSecretKey webserverSecretKeySecretName workers
    """.split()
)

# Values that would put a secret in plain text into the Helm release (section 1 of its values.yaml).
_INLINE_SECRETS = dict.fromkeys(
    (
        "fernetKey apiSecretKey jwtSecret webserverSecretKey data.metadataConnection data.resultBackendConnection data.brokerUrl "
        "redis.password postgresql.auth dags.gitSync.sshKey registry.connection extraSecrets elasticsearch.connection "
        "opensearch.connection flower.username flower.password createUserJob.defaultUser webserver.defaultUser "
        "kerberos.keytabBase64Content pgbouncer.ssl.key"
    ).split(),
    "would stand in plain text in the Helm release",
)
_MANAGED = {
    "executor": "airflow:executor",
    "airflowVersion": "airflow:images",
    "dags.gitSync.branch": "airflow:dags.branch",
    "dags.gitSync.ref": "airflow:dags",
    "dags.gitSync.repo": "airflow:dags.repository",
    "fullnameOverride": "airflow:namespace",
    "nameOverride": "airflow:namespace",
    "useStandardNaming": "airflow:namespace",
    "createUserJob.enabled": "airflow:admin.create",
    "migrateDatabaseJob.enabled": "airflow:images",
}


@dataclass(frozen=True)
class ValueProblem:
    """One chart value that is refused."""

    path: str
    value: object
    reason: str
    way_out: str
    allowed: str | None = None


def check_values(settings: Settings) -> Iterator[ValueProblem]:
    """Every chart value of a stack that the chart or this program refuses; a chart that cannot be read is one too."""
    values = settings.values
    for key in sorted(values.keys() - TOP_LEVEL_KEYS):
        nearest = get_close_matches(key, TOP_LEVEL_KEYS, n=1, cutoff=0.5)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        yield ValueProblem(
            key,
            values[key],
            f"is not a value of chart {settings.chart.version}{hint}",
            f"pulumi config rm --path 'airflow:values.{key}'",
            "the top-level keys of the chart's values.yaml",
        )
    for path, reason in _INLINE_SECRETS.items():
        if _lookup(values, path) is not None:
            yield ValueProblem(path, "[hidden]", reason, "leave it out: the program makes that Secret and names it")
    for path, setting in _MANAGED.items():
        if (value := _lookup(values, path)) is not None:
            yield ValueProblem(path, value, "is set by the program", f"use the setting {setting}")
    if settings.chart.path:
        yield from _against_schema(values, Path(settings.chart.path).expanduser())


def read_schema(chart: Path) -> dict[str, Any]:
    """The `values.schema.json` of a chart, packed or a folder, with its open top level closed.

    Raises:
        OSError: the chart is not there or cannot be read.
        ValueError: it is not a chart with a schema.
    """
    if chart.is_dir():
        text = (chart / "values.schema.json").read_bytes()
    else:
        with tarfile.open(chart) as packed:
            names = [n for n in packed.getnames() if n.count("/") == 1 and n.endswith("/values.schema.json")]
            member = packed.extractfile(names[0]) if names else None
            if member is None:
                raise ValueError("has no values.schema.json")
            text = member.read()
    return {**json.loads(text), "additionalProperties": False}


def _against_schema(values: Mapping[str, Any], chart: Path) -> Iterator[ValueProblem]:
    if not values:
        return
    from jsonschema import Draft7Validator  # only a stack with `values` and a local chart pays for its import

    try:
        schema = read_schema(chart)
    except (OSError, ValueError, tarfile.TarError) as unreadable:
        yield ValueProblem("", values, f"cannot be checked: {chart}: {unreadable}", "correct airflow:chart.path")
        return
    for error in Draft7Validator(schema).iter_errors({k: v for k, v in values.items() if k in TOP_LEVEL_KEYS}):
        if error.validator != "required":  # these are changes to values, not the whole of them
            path = ".".join(map(str, error.absolute_path))
            yield ValueProblem(path, error.instance, error.message, f"correct airflow:values.{path}")


def _lookup(values: Mapping[str, Any], path: str) -> object:
    found: object = values
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
