"""Recognizes what a file with values is before anything is read from it, and takes the values out of it. Pure.

Keys of the official chart are those of chart 1.22.0, keys of the community chart those of its version 8.9 (airflow-helm/charts).
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airflow_stack.chart.check import TOP_LEVEL_KEYS
from airflow_stack.errors import UserError

from .manifest_values import one_document, values_of_object
from .model import Values, mapping, value_below

_COMMUNITY = frozenset(
    "airflow scheduler web workers triggerer flower logs dags ingress rbac serviceAccount extraManifests pgbouncer postgresql externalDatabase "
    "redis externalRedis serviceMonitor prometheusRule".split()
)
_IN_AIRFLOW = frozenset(
    "legacyCommands image executor fernetKey webserverSecretKey config users usersTemplates usersUpdate connections connectionsTemplates "
    "connectionsUpdate variables variablesTemplates variablesUpdate pools poolsUpdate defaultNodeSelector defaultAffinity defaultTolerations "
    "defaultTopologySpreadConstraints defaultSecurityContext defaultContainerSecurityContext podAnnotations extraPipPackages "
    "protectedPipPackages extraEnv extraContainers extraInitContainers extraVolumeMounts extraVolumes clusterDomain initContainers "
    "localSettings kubernetesPodTemplate dbMigrations sync".split()
)
_OF_AIRFLOW = frozenset(
    "executor dags airflowVersion dagProcessor triggerer fernetKey fernetKeySecretName airflow".split()
)
"""Keys that hardly a chart of something else has."""
# Paths that only one chart has, below keys of both.
_ONLY_OFFICIAL = (
    "dags.gitSync.subPath dags.gitSync.ref dags.gitSync.rev dags.gitSync.credentialsSecret dags.gitSync.sshKeySecret dags.gitSync.knownHosts "
    "dags.gitSync.period ingress.apiServer workers.celery workers.kubernetes"
).split()
_ONLY_COMMUNITY = (
    "web.webserverConfig web.replicas web.service web.resources web.extraPipPackages dags.path dags.gitSync.repoSubPath dags.gitSync.sshSecret "
    "dags.gitSync.httpSecret dags.gitSync.revision dags.gitSync.syncWait workers.autoscaling workers.logCleanup externalDatabase.passwordSecret "
    "externalDatabase.properties"
).split()
_BITNAMI = (
    "auth git.dags git.plugins git.repositories worker ldap loadExamples setupDBJob commonLabels commonAnnotations extraEnvVars configuration "
    "web.replicaCount web.image scheduler.replicaCount dags.repositories dags.existingConfigmap ingress.hostname existingConfigmap"
).split()
_HEADERS = ("USER-SUPPLIED VALUES", "COMPUTED VALUES")  # `helm get values` prints one above the values
_PLACEHOLDER = re.compile(
    r"\$\{\{?[\w.:\s-]+\}?\}|#\{[\w.]+\}|@@\w+@@|ref\+\w+://|^(?:op|awssm|ssm|gcpsm|azkv|akeyless|bws)://|^vault:[\w/-]|\{\{.+\}\}"
    r"|^(\$[A-Z][A-Z0-9_]+|%%?[A-Z][A-Z0-9_]+%%?|__[A-Z0-9_]+__|<[A-Za-z][^<>]*>)$"
)
# Values that no template of the chart expands, and that become settings or secrets. Others may contain such text.
_NEVER_EXPANDED = re.compile(
    r"(executor|airflowVersion|defaultAirflow\w+|\w*[sS]ecretKey|fernetKey|jwtSecret|\w+SecretName|images|data|dags|postgresql|redis|registry|"
    r"externalDatabase|externalRedis|airflow\.(image|fernetKey|executor)|createUserJob\.defaultUser|webserver\.defaultUser|imagePullSecrets)(\.|\[|$)"
)
_ENCRYPTED = re.compile(r"^ENC\[AES256_GCM,")


class Chart(Enum):
    """Chart that values are for."""

    OFFICIAL = "official"
    COMMUNITY = "community"


@dataclass(frozen=True)
class FoundValues:
    """Values of one chart in a file."""

    chart: Chart
    values: Values
    notes: list[str] = field(default_factory=list)
    """What the file is, and what in it is not read."""
    stops: list[str] = field(default_factory=list)
    """Values that the file only names."""


def recognize(documents: list[Any], name: str) -> FoundValues:
    """The values in the documents of a file.

    Args:
        documents: Content of its YAML documents.
        name: Name of the file in messages.

    Raises:
        UserError: it has values of no chart that `adopt` knows, or none that can be used as they are.
    """
    given, notes = one_document([each for each in documents if each is not None], name)
    inside = values_of_object(given, name, lambda inner: chart_of(inner) is not None)
    _refuse_encrypted(inside.values, name)
    values, found = _below_a_dependency(_without_header(inside.values), name)
    chart = chart_of(values)
    if not chart:
        raise _of_another_chart(values, name)
    _refuse_placeholders(values, name)
    return FoundValues(chart, values, [*notes, *inside.notes, *found], inside.stops)


def chart_of(values: Mapping[str, Any]) -> Chart | None:
    """The chart that values are for; None if neither."""
    official, community = _official(values), _community(values)
    known, foreign = values.keys() & TOP_LEVEL_KEYS, values.keys() - TOP_LEVEL_KEYS - _COMMUNITY
    if _count(values, _BITNAMI) > official + community:
        return None
    if official or community:
        return Chart.OFFICIAL if official + ("executor" in values) >= community else Chart.COMMUNITY
    if "externalDatabase" in values or "web" in values or isinstance(values.get("airflow"), dict):
        return None if foreign else Chart.COMMUNITY
    return None if len(foreign) > len(known) else Chart.OFFICIAL


def _official(values: Mapping[str, Any]) -> int:
    """Number of keys that only the official chart has. Bitnami's has `executor` too."""
    return len(values.keys() & (TOP_LEVEL_KEYS - _COMMUNITY - {"executor"})) + _count(values, _ONLY_OFFICIAL)


def _community(values: Mapping[str, Any]) -> int:
    """Number of keys that only the community chart has."""
    inner, found = mapping(values.get("airflow")), _count(values, _ONLY_COMMUNITY)
    found += len(values.keys() & {"externalRedis", "extraManifests", "serviceMonitor", "prometheusRule"})
    found += len(inner.keys() & (_IN_AIRFLOW - TOP_LEVEL_KEYS))
    found += any(str(key).startswith("AIRFLOW__") for key in mapping(inner.get("config")))
    return found + isinstance(inner.get("extraEnv"), list)


def _count(values: Mapping[str, Any], paths: list[str]) -> int:
    return sum(value_below(values, path) is not None for path in paths)


def _of_another_chart(values: Values, name: str) -> UserError:
    strange = sorted(values.keys() - TOP_LEVEL_KEYS - _COMMUNITY) or sorted(values)
    kind = "they seem to be of Bitnami's" if _count(values, _BITNAMI) else "they are of another chart"
    return UserError(
        f"{name} has values of neither the official nor the community chart of Airflow ({', '.join(map(str, strange[:6]))}): {kind}. "
        "Write the settings by hand, as in docs/reference.md, or give values of one of the two charts"
    )


def _without_header(values: Values) -> Values:
    return {key: value for key, value in values.items() if key not in _HEADERS or value is not None}


def _below_a_dependency(values: Values, name: str) -> tuple[Values, list[str]]:
    """The values below one key, if the file is of a chart that has Airflow's as a dependency."""
    outside = _official(values)
    found = [key for key, inner in values.items() if isinstance(inner, dict) and _below(key, inner) > outside]
    if len(found) > 1:
        raise UserError(
            f"{name} has values of several Airflows, below {' and '.join(sorted(found))}; give those of one as a file"
        )
    if not found or _community(values) > _below(found[0], values[found[0]]):
        return values, []
    (key,) = found
    notes = [f"{name}: is of a chart that has Airflow's as a dependency; the values are those below {key}"]
    notes += [
        f"{other}: is outside of {key}, so Airflow's templates never read it" for other in sorted(values.keys() - {key})
    ]
    return _without_header(values[key]), notes


def _below(key: str, inner: Mapping[str, Any]) -> int:
    """Number of keys that show an object to be all values of an Airflow chart; 0 if it is a part of them."""
    nested = _community(inner)
    if key == "airflow":
        official = len(inner.keys() & (TOP_LEVEL_KEYS - _IN_AIRFLOW)) + _count(inner, _ONLY_OFFICIAL)
        official += isinstance(inner.get("extraEnv"), str)
        official += any(isinstance(section, Mapping) for section in mapping(inner.get("config")).values())
        return max(official, nested)
    if key in TOP_LEVEL_KEYS | _COMMUNITY:
        return 0
    return _official(inner) + nested if inner.keys() & _OF_AIRFLOW else 0


def _refuse_encrypted(values: Values, name: str) -> None:
    sops = isinstance(values.get("sops"), dict) and bool({"mac", "version", "lastmodified"} & values["sops"].keys())
    if sops or any(_ENCRYPTED.match(text) for _, text in _texts(values)):
        raise UserError(f"{name} is encrypted by sops; decrypt it first (`sops --decrypt {shlex.quote(name)}`)")


def _refuse_placeholders(values: Values, name: str) -> None:
    found = [
        path
        for path, text in _texts(values)
        if _NEVER_EXPANDED.match(path) and "\n" not in text.strip() and _PLACEHOLDER.search(text)
    ]
    if found:
        raise UserError(
            f"{name} has placeholders ({', '.join(found[:6])}); fill them in first, with the tool that does so before Helm, such as envsubst"
        )


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, f"{path}[{number}]")
