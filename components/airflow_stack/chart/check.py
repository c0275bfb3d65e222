"""Check of `airflow:values`: keys that the chart knows, and nothing that the program sets or that would hold a secret.

The chart's schema is open at its top level, so that a misspelt key would pass without a message (chart 1.22.0, values.schema.json): the names are
kept here. Deeper keys are checked with the chart's own schema where the chart is a local path.
"""

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from airflow_stack.credentials import CHART_SECRETS, FLOWER, ChartSecret, Credential
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import HIDDEN, Problem, Remove

from .local_chart import UNREADABLE, values_schema
from .managed import MISSING, managed, value_at
from .merged import with_own
from .merged_check import merged_problems
from .values import chart_values

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

_MOST_LISTED = 12
"""Keys that a message lists."""

# Values that would put a secret in plain text into the Helm release.
_INLINE_SECRETS: Mapping[str, ChartSecret] = {
    **{path: each for each in CHART_SECRETS for path in each.inline},
    "flower.username": FLOWER,
}


def check_values(settings: Settings) -> Iterator[Problem]:
    """Every chart value of a stack that the chart or this program refuses, and a chart that cannot be read."""
    values = settings.values
    known = {key: value for key, value in values.items() if key in TOP_LEVEL_KEYS}
    for key in sorted(values.keys() - known.keys()):
        yield _unknown(f"values.{key}", values[key], TOP_LEVEL_KEYS, f"chart {settings.chart.version}")
    for path, secret in _INLINE_SECRETS.items():
        if value_at(values, path) not in (MISSING, None):
            reason = "would be readable in the Helm release"
            steps = (Remove(f"values.{path}"), _instead_of(secret))
            yield Problem(f"values.{path}", reason, steps, value=HIDDEN)
    ours = chart_values(settings.model_copy(update={"values": {}}))
    yield from _managed(settings)
    replaced = list(_against_ours(known, ours, "values"))
    yield from replaced
    if not replaced:
        yield from merged_problems(settings, with_own(ours, known))
    if settings.chart.path:
        yield from _against_schema(known, Path(settings.chart.path).expanduser())


def _instead_of(secret: ChartSecret) -> str:
    if isinstance(secret, Credential):
        return "let the program make that Secret, whose name it passes to the chart"
    has_setting = secret.dropped.startswith(("put ", "name "))
    return secret.dropped if has_setting else "create that Secret yourself, in the stack's namespace"


def _managed(settings: Settings) -> Iterator[Problem]:
    for row in managed(settings):
        value = value_at(settings.values, row.path)
        if value is not MISSING and (row.harmless is None or value != row.harmless):
            shown = "null" if value is None else value
            yield Problem(f"values.{row.path}", row.reason, (Remove(f"values.{row.path}"), row.step), value=shown)


def unreadable_chart(path: str, error: Exception) -> Problem:
    """The problem of a local chart that is none."""
    reason = f"is not a chart that can be read: {error}"
    return Problem("chart.path", reason, ("give a packed chart or the folder of one",), value=path)


def _against_ours(theirs: Mapping[str, Any], ours: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for key, value in theirs.items():
        if isinstance(below := ours.get(key), dict):
            if isinstance(value, Mapping):
                yield from _against_ours(value, below, f"{path}.{key}")
            else:
                reason = "would replace the object that the program sets there"
                yield Problem(
                    f"{path}.{key}",
                    reason,
                    ("give an object, which is merged into it",),
                    value="null" if value is None else value,
                )


def _against_schema(values: Mapping[str, Any], chart: Path) -> Iterator[Problem]:
    try:
        schema = values_schema(chart)
    except UNREADABLE as error:
        yield unreadable_chart(str(chart), error)
        return
    if not values:
        return
    from jsonschema import Draft7Validator  # only a stack with `values` and a local chart pays for its import

    for found in Draft7Validator(schema).iter_errors(_without_nulls(values)):
        path = ".".join(["values", *map(str, found.absolute_path)])
        if found.validator == "additionalProperties" and isinstance(known := found.schema.get("properties"), Mapping):
            for key in sorted(found.instance.keys() - known.keys()):
                yield _unknown(f"{path}.{key}", found.instance[key], known, "the chart")
            continue
        refused = any(f"{path}.".startswith(f"values.{secret}.") for secret in _INLINE_SECRETS)
        if found.validator != "required" and not refused:  # these are changes to values, not the whole of them
            reason = found.message.removeprefix(repr(found.instance)).strip()  # which may hold a password
            yield Problem(path, reason, (f"correct airflow:{path}",), value=found.instance)


def _unknown(path: str, value: object, known: Collection[str], chart: str) -> Problem:
    """The problem of a value that the chart does not have; `known` are the keys that it has there."""
    parent, _, key = path.rpartition(".")
    nearest = get_close_matches(key, known, n=1, cutoff=0.5)
    return Problem(
        path,
        f"is not a value of {chart}" + (f"; did you mean {nearest[0]!r}?" if nearest else ""),
        (Remove(path),),
        otherwise=f"rename it to {nearest[0]}" if nearest else "",
        allowed=", ".join(sorted(known))
        if len(known) <= _MOST_LISTED
        else f"the keys of {parent} in the chart's values.yaml",
        value=value,
    )


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without each null, which removes a default as in Helm, and is not measured by the schema of that default."""
    kept = {key: value for key, value in values.items() if value is not None}
    return {key: _without_nulls(value) if isinstance(value, Mapping) else value for key, value in kept.items()}
