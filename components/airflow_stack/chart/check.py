"""What `airflow:values`, the escape hatch, may hold: keys that the chart knows, and no secrets.

The names of the top level are kept here, for the chart's schema is open there and a misspelt key would pass in silence (chart 1.22.0,
values.schema.json). Deeper keys are checked against the chart's own schema where the chart is a local path.
"""

import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from airflow_stack.chart.values import chart_values
from airflow_stack.choices import DagDelivery
from airflow_stack.settings.models import Settings

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
        "redis.password postgresql.auth.password postgresql.auth.postgresPassword dags.gitSync.sshKey registry.connection "
        "extraSecrets elasticsearch.connection opensearch.connection flower.username flower.password createUserJob.defaultUser "
        "webserver.defaultUser kerberos.keytabBase64Content pgbouncer.ssl.key"
    ).split(),
    "would stand in plain text in the Helm release",
)
_MANAGED = {
    "executor": "airflow:executor",
    "airflowVersion": "airflow:images",
    "env": "airflow:environment",
    "secret": "airflow:environmentFrom",
    "dags.gitSync.branch": "airflow:dags.branch",
    "dags.gitSync.ref": "airflow:dags",
    "dags.gitSync.repo": "airflow:dags.repository",
    "dags.gitSync.enabled": "airflow:dags.delivery",
    "fullnameOverride": "airflow:namespace",
    "nameOverride": "airflow:namespace",
    "useStandardNaming": "airflow:namespace",
    "createUserJob.enabled": "airflow:admin.create",
    "migrateDatabaseJob.enabled": "airflow:images",
}
_BUNDLES = "dagProcessor.dagBundleConfigList"


@dataclass(frozen=True)
class ValueProblem:
    """One setting that is refused: a chart value, or the chart that it was to be checked against."""

    path: str
    value: object
    reason: str
    way_out: str
    allowed: str | None = None


def check_values(settings: Settings) -> Iterator[ValueProblem]:
    """Every chart value of a stack that the chart or this program refuses; a chart that cannot be read is one too."""
    values = settings.values
    known = {key: value for key, value in values.items() if key in TOP_LEVEL_KEYS}
    for key in sorted(values.keys() - known.keys()):
        nearest = get_close_matches(key, TOP_LEVEL_KEYS, n=1, cutoff=0.5)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        yield ValueProblem(
            f"values.{key}",
            values[key],
            f"is not a value of chart {settings.chart.version}{hint}",
            f"pulumi config rm --path 'airflow:values.{key}'",
            "the top-level keys of the chart's values.yaml",
        )
    for path, reason in _INLINE_SECRETS.items():
        if _lookup(values, path) is not None:
            way_out = "leave it out: the program makes that Secret and names it"
            yield ValueProblem(f"values.{path}", "[hidden]", reason, way_out)
    for path, setting in _MANAGED.items():
        if (value := _lookup(values, path)) is not None:
            yield ValueProblem(f"values.{path}", value, "is set by the program", f"use the setting {setting}")
    if settings.dags.delivery is DagDelivery.GIT_BUNDLE and (value := _lookup(values, _BUNDLES)) is not None:
        yield ValueProblem(
            f"values.{_BUNDLES}", value, "is set by the program", "use the setting airflow:dags.moreRepositories"
        )
    yield from _against_ours(known, chart_values(settings.model_copy(update={"values": {}})), "values")
    if settings.chart.path:
        yield from _against_schema(known, Path(settings.chart.path).expanduser())


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
                raise ValueError("it has no values.schema.json")
            text = member.read()
    schema = json.loads(text)
    if not isinstance(schema, dict):
        raise ValueError("its values.schema.json is no object")  # noqa: TRY004  callers catch what is wrong with a file
    return {**schema, "additionalProperties": False}


def _against_ours(theirs: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> Iterator[ValueProblem]:
    for key, value in theirs.items():
        if isinstance(below := ours.get(key), dict):
            if isinstance(value, Mapping):
                yield from _against_ours(value, below, f"{path}.{key}")
            else:
                reason = "would replace the object that the program sets there"
                yield ValueProblem(f"{path}.{key}", value, reason, "give an object, which is merged into it")


def _against_schema(values: Mapping[str, Any], chart: Path) -> Iterator[ValueProblem]:
    try:
        schema = read_schema(chart)
    except (OSError, ValueError, EOFError, tarfile.TarError, zlib.error) as unreadable:
        cause = str(unreadable).partition(":\n")[0]  # tarfile appends a line for each compression that it tried
        reason = f"is not a chart that can be read: {cause}"
        yield ValueProblem("chart.path", str(chart), reason, "give a packed chart or the folder of one")
        return
    if not values:
        return
    from jsonschema import Draft7Validator  # only a stack with `values` and a local chart pays for its import

    for error in Draft7Validator(schema).iter_errors(values):
        path = ".".join(["values", *map(str, error.absolute_path)])
        refused = any(f"{path}.".startswith(f"values.{secret}.") for secret in _INLINE_SECRETS)
        if error.validator != "required" and not refused:  # these are changes to values, not the whole of them
            reason = error.message.removeprefix(repr(error.instance)).strip()  # which may hold a password
            yield ValueProblem(path, error.instance, reason, f"correct airflow:{path}")


def _lookup(values: Mapping[str, Any], path: str) -> object:
    found: object = values
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
