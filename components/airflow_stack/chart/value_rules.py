"""Rules for chart values by their keys: what the Kubernetes API, or a pod, makes of them. Pure.

Sources: k8s.io/kubernetes 1.34, `pkg/apis/*/validation`; `tests/engine/test_dry_run.py` sends renders to an API server.
A text with `{{` is a template of the chart, and is not checked.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from airflow_stack.settings.kubernetes_rules import HOST, SUBDOMAIN, Amount, matches, wrong_amount
from airflow_stack.settings.kubernetes_types import Affinity, wrong_fields

from . import pod_rules
from .pod_rules import Found, Rule, is_template


def _named(pattern: str, what: str) -> Rule:
    def rule(value: Any) -> Found:  # noqa: ANN401
        if value is not None and value != "" and not is_template(value) and not matches(pattern, value):
            yield "", f"must be {what}"

    return rule


def disruption_budget(value: Any) -> Found:  # noqa: ANN401
    """The numbers of a disruption budget."""
    given = [
        each
        for each in ("minAvailable", "maxUnavailable")
        if isinstance(value, Mapping) and value.get(each) is not None
    ]
    if len(given) > 1:
        yield "", "give minAvailable or maxUnavailable; of the chart's default, remove maxUnavailable with null"
    for each in given:
        if not _is_share(value[each]):
            yield f".{each}", "must be a number of pods, or a percentage such as 50%"


def _is_share(value: object) -> bool:
    if isinstance(value, str):
        return matches(r"\d{1,3}%", value) and int(value[:-1]) <= 100
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def schedule(value: Any) -> Found:  # noqa: ANN401
    """The schedule of a CronJob (robfig/cron, ParseStandard)."""
    macros = r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+"
    if is_template(value) or matches(macros, value):
        return
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != 5 or not all(_is_cron_field(*each) for each in zip(fields, _CRON, strict=True)):
        yield "", "must be a cron schedule of five fields, such as */15 * * * *"


_CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
"""Least and greatest number of each field: minute, hour, day, month, day of the week."""


def _is_cron_field(text: str, limits: tuple[int, int]) -> bool:
    for part in text.split(","):
        found = re.fullmatch(
            r"(?:[*?]|(\d{1,2}|[A-Za-z]{3})(?:-(\d{1,2}|[A-Za-z]{3}))?)(?:/([1-9]\d?))?", part, re.ASCII
        )
        if not found:
            return False
        numbers = [int(each) for each in found.groups()[:2] if each and each.isdigit()]
        if any(not limits[0] <= each <= limits[1] for each in numbers) or numbers != sorted(numbers):
            return False
    return True


def hosts(value: Any) -> Found:  # noqa: ANN401
    """Hosts of an Ingress."""
    for index, each in enumerate(value if isinstance(value, list) else []):
        name = each.get("name") if isinstance(each, Mapping) else each
        if name and not is_template(name) and not matches(rf"(\*\.)?{HOST}", name):
            yield f"[{index}]", f"{name!r} is not a host name"


def size(value: Any) -> Found:  # noqa: ANN401
    """The size of a volume."""
    if not is_template(value) and (wrong := wrong_amount(Amount.STORAGE, value)):
        yield "", wrong


def whole(least: int, most: int = 2**31 - 1) -> Rule:
    """A whole number between two."""

    def rule(value: Any) -> Found:  # noqa: ANN401
        if is_template(value):
            return
        # JSON and Pulumi know no other numbers than 1.0.
        is_whole = not isinstance(value, bool) and (
            isinstance(value, int) or (isinstance(value, float) and value % 1 == 0)
        )
        if not is_whole or not least <= value <= most:
            yield "", f"must be a whole number from {least}" + (f" to {most}" if most < 2**31 - 1 else "")

    return rule


def switch(value: Any) -> Found:  # noqa: ANN401
    """A switch: a text would be true in the chart's templates, `"false"` too."""
    if not isinstance(value, bool):
        yield "", "must be true or false, without quotes"


def one_of(*allowed: str) -> Rule:
    """One of a few words."""

    def rule(value: Any) -> Found:  # noqa: ANN401
        if value not in (*allowed, "") and not is_template(value):
            yield "", f"must be {', '.join(allowed[:-1])} or {allowed[-1]}"

    return rule


def airflow_3_code(value: Any) -> Found:  # noqa: ANN401
    """Python for Airflow 3: an import that fails stops each process that reads the file."""
    if isinstance(value, str) and re.search(r"^\s*(?:from|import)\s+airflow\.www\b", value, re.MULTILINE):
        yield "", "imports airflow.www, which Airflow 3 does not have: no process that reads it would start"


def sources(value: Any) -> Found:  # noqa: ANN401
    """`envFrom` as a text of YAML."""
    if not isinstance(value, str) or is_template(value) or not value.strip():
        return
    read = pod_rules.read_yaml(value)
    if not isinstance(read, list):
        yield "", "must be a list of secretRef and configMapRef"
        return
    for index, each in enumerate(read):
        references = [each[key] for key in ("secretRef", "configMapRef") if isinstance(each, Mapping) and key in each]
        if len(references) != 1 or not isinstance(references[0], Mapping) or not references[0].get("name"):
            yield "", f"item {index + 1} must have one of secretRef and configMapRef, with a name"


_NAME = _named(SUBDOMAIN, "a name of lowercase letters, digits, - and ., at most 253")
_SECONDS, _COUNT, _PORT = whole(0), whole(1), whole(1, 65535)
RULES: Mapping[str, Rule] = {
    "resources": pod_rules.resources,
    **dict.fromkeys(("labels", "nodeSelector", "podLabels", "namespaceLabels", "matchLabels"), pod_rules.labels),
    "env": pod_rules.environment,
    "extraEnv": pod_rules.extra_environment,
    **dict.fromkeys(("extraEnvFrom", "envFrom"), sources),
    **dict.fromkeys(("airflowLocalSettings", "apiServerConfig", "webserverConfig"), airflow_3_code),
    **dict.fromkeys(("volumeMounts", "extraVolumeMounts"), pod_rules.mounts),
    **dict.fromkeys(("volumes", "extraVolumes"), pod_rules.volumes),
    **dict.fromkeys(("extraContainers", "extraInitContainers"), pod_rules.containers),
    "affinity": partial(wrong_fields, Affinity),
    "tolerations": pod_rules.tolerations,
    "topologySpreadConstraints": pod_rules.spread,
    "hostAliases": pod_rules.host_aliases,
    "schedule": schedule,
    "hosts": hosts,
    **dict.fromkeys(
        ("replicas", "revisionHistoryLimit", "failedJobsHistoryLimit", "successfulJobsHistoryLimit"), whole(0)
    ),
    **dict.fromkeys(("terminationGracePeriodSeconds", "initialDelaySeconds"), _SECONDS),
    **dict.fromkeys(("timeoutSeconds", "periodSeconds", "failureThreshold", "maxReplicaCount"), _COUNT),
    **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup", "uid", "gid"), whole(0)),
    **dict.fromkeys(("containerPort", "targetPort"), _PORT),
    "nodePort": whole(30000, 32767),
    "expirationSeconds": whole(600, 2**32),
    **dict.fromkeys(
        (
            "priorityClassName",
            "schedulerName",
            "storageClassName",
            "runtimeClassName",
            "existingClaim",
            "secretName",
            "configMapName",
        ),
        _NAME,
    ),
    **dict.fromkeys(
        ("enabled", "create", "automountServiceAccountToken", "requirePersistence", "enableServiceLinks"), switch
    ),
    **dict.fromkeys(("runAsNonRoot", "allowPrivilegeEscalation", "privileged", "readOnlyRootFilesystem"), switch),
    "pullPolicy": one_of("Always", "IfNotPresent", "Never"),
}
"""Rules by the last key of a value."""


def rule_for(path: tuple[str, ...]) -> Rule | None:
    """The rule for a value."""
    key = path[-1]
    if path[-2:] == ("podDisruptionBudget", "config"):
        return disruption_budget
    if path[0] == "ports" and len(path) == 2:
        return _PORT
    if path[-2:] == ("serviceAccount", "name"):
        return _NAME
    if path[-2:] == ("persistence", "size"):
        return size
    if path[-2:] == ("service", "type"):
        return one_of("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
    if re.search("[aA]nnotations$", key):
        return pod_rules.annotations
    return RULES.get(key)
