"""Rules for chart values by their keys: what the Kubernetes API, or a pod, makes of them. Pure.

Sources: k8s.io/kubernetes 1.34, `pkg/apis/*/validation`; `tests/engine/test_dry_run.py` sends renders to an API server.
A text with `{{` is a template of the chart, and is not checked.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from airflow_stack.settings.kubernetes_rules import (
    HOST,
    KEY,
    LABEL,
    LABEL_VALUE,
    SUBDOMAIN,
    VARIABLE,
    Amount,
    matches,
    quantity,
    wrong_amount,
)
from airflow_stack.settings.kubernetes_types import Affinity, wrong_fields

Found = Iterator[tuple[str, str]]
"""Problems: the path below the value, with a leading dot or bracket, and the rest of a sentence."""
Rule = Callable[[Any], Found]


ABOVE_LIMIT = "is above the limit of "


def is_template(value: object) -> bool:
    """Whether the chart reads a value as a template."""
    return isinstance(value, str) and "{{" in value


def _objects(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401  any value of a stack
    for index, each in enumerate(value if isinstance(value, list) else []):
        if isinstance(each, Mapping):
            yield f"[{index}]", each


def _list_of_objects(value: Any) -> Found:  # noqa: ANN401
    if not isinstance(value, list):
        yield "", "must be a list"
        return
    for index, each in enumerate(value):
        if not isinstance(each, Mapping):
            yield f"[{index}]", "must be an object"


def _twice(value: Any, key: str) -> Found:  # noqa: ANN401
    seen = set()
    for path, each in _objects(value):
        name = each.get(key)
        if isinstance(name, str) and name in seen:
            yield f"{path}.{key}", f"{name!r} is given twice"
        seen.add(name if isinstance(name, str) else None)


def _named(pattern: str, what: str) -> Rule:
    def rule(value: Any) -> Found:  # noqa: ANN401
        if value is not None and value != "" and not is_template(value) and not matches(pattern, value):
            yield "", f"must be {what}"

    return rule


def resources(value: Any) -> Found:  # noqa: ANN401
    """Amounts of a container: usable, and no request above its limit (core validation, ValidateResourceRequirements)."""
    if not isinstance(value, Mapping):
        return
    amounts: dict[str, dict[str, Any]] = {}
    for part in ("requests", "limits"):
        given = value.get(part) or {}
        if not isinstance(given, Mapping):
            yield f".{part}", "must be an object such as {memory: 512Mi}"
            continue
        amounts[part] = dict(given)
        for name, amount in given.items():
            if amount is not None and (wrong := _wrong_amount(str(name), amount)):
                yield f".{part}.{name}", wrong
    for name, request in amounts.get("requests", {}).items():
        limit = amounts.get("limits", {}).get(name)
        if (wanted := quantity(request)) is not None and (most := quantity(limit)) is not None and wanted > most:
            yield f".requests.{name}", f"{ABOVE_LIMIT}{limit}"


def _wrong_amount(name: str, amount: object) -> str:
    if name in ("cpu", "memory"):
        return wrong_amount(Amount(name), amount)
    if (
        name != "ephemeral-storage"
        and not name.startswith("hugepages-")
        and ("/" not in name or not matches(KEY, name))
    ):
        return "is not a resource of a container, such as cpu, memory or nvidia.com/gpu"
    number = quantity(amount)
    if number is None or number < 0:
        return "must be a Kubernetes quantity of 0 or more"
    return "must be a whole number" if "/" in name and number % 1 else ""


def _keys(value: Any, values: str, what: str) -> Found:  # noqa: ANN401
    if value is None or is_template(value):
        return
    if not isinstance(value, Mapping):
        yield "", "must be an object"
        return
    for key, text in value.items():
        if not is_template(key) and not matches(KEY, key):
            yield f".{key}", "is not a key that Kubernetes accepts, such as team or example.com/team"
        elif text is not None and not isinstance(text, str):
            yield f".{key}", "must be text; put it in quotes"
        elif text is not None and not is_template(text) and not matches(values, text):
            yield f".{key}", f"must be {what}"


def labels(value: Any) -> Found:  # noqa: ANN401
    """Labels, and the labels of a node selector."""
    yield from _keys(value, LABEL_VALUE, "a label value of letters, digits, -, _ and ., at most 63")


def annotations(value: Any) -> Found:  # noqa: ANN401
    """Annotations: any text."""
    yield from _keys(value, r"(?s:.*)", "")


def environment(value: Any) -> Found:  # noqa: ANN401
    """Variables of a container, each once."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        name = each.get("name")
        if not is_template(name) and not matches(VARIABLE, name):
            yield f"{path}.name", "must be the name of an environment variable"
        if each.get("value") is not None and not isinstance(each["value"], str):
            yield f"{path}.value", "must be text; put it in quotes"
        source = each.get("valueFrom")
        if source is not None and (
            not isinstance(source, Mapping) or len(source) != 1 or each.get("value") not in (None, "")
        ):
            yield f"{path}.valueFrom", "must be one source, such as secretKeyRef, without a value beside it"
    yield from _twice(value, "name")


def mounts(value: Any) -> Found:  # noqa: ANN401
    """Mounts of a container: one for a path."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        if not is_template(each.get("name")) and not matches(LABEL, each.get("name")):
            yield f"{path}.name", "must be the name of a volume"
        where = each.get("mountPath")
        if not isinstance(where, str) or not where or ":" in where:
            yield f"{path}.mountPath", "must be a path without a colon"
    yield from _twice(value, "mountPath")


def volumes(value: Any) -> Found:  # noqa: ANN401
    """Volumes of a pod: a name and one source each."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        if not is_template(each.get("name")) and not matches(LABEL, each.get("name")):
            yield f"{path}.name", "must be a name of lowercase letters, digits and -, at most 63"
        if len(each.keys() - {"name"}) > 1:
            yield path, "must have one source"
    yield from _twice(value, "name")


def containers(value: Any) -> Found:  # noqa: ANN401
    """More containers of a pod."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        if not is_template(each.get("name")) and not matches(LABEL, each.get("name")):
            yield f"{path}.name", "must be a name of lowercase letters, digits and -, at most 63"
        image = each.get("image")
        if not isinstance(image, str) or not image or image != image.strip():
            yield f"{path}.image", "must name an image"
    yield from _twice(value, "name")


def tolerations(value: Any) -> Found:  # noqa: ANN401
    """Tolerations of a pod."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        key, operator, effect = each.get("key"), each.get("operator") or "Equal", each.get("effect") or ""
        if key and not matches(KEY, key):
            yield f"{path}.key", "must be the key of a taint, such as dedicated"
        if operator not in ("Equal", "Exists"):
            yield f"{path}.operator", "must be Equal or Exists"
        if not key and operator != "Exists":
            yield f"{path}.operator", "must be Exists where no key is given"
        if operator == "Exists" and each.get("value"):
            yield f"{path}.value", "must be left out with the operator Exists"
        elif each.get("value") is not None and not matches(LABEL_VALUE, each["value"]):
            yield f"{path}.value", "must be a label value in quotes"
        if effect not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
            yield f"{path}.effect", "must be NoSchedule, PreferNoSchedule or NoExecute"
        if each.get("tolerationSeconds") is not None and effect != "NoExecute":
            yield f"{path}.tolerationSeconds", "is for the effect NoExecute"


def spread(value: Any) -> Found:  # noqa: ANN401
    """Topology spread constraints of a pod."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        skew = each.get("maxSkew")
        if isinstance(skew, bool) or not isinstance(skew, int) or skew < 1:
            yield f"{path}.maxSkew", "must be a whole number of 1 or more"
        if not matches(KEY, each.get("topologyKey")):
            yield f"{path}.topologyKey", "must be a label of nodes, such as topology.kubernetes.io/zone"
        if each.get("whenUnsatisfiable") not in ("DoNotSchedule", "ScheduleAnyway"):
            yield f"{path}.whenUnsatisfiable", "must be DoNotSchedule or ScheduleAnyway"


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
    field = r"(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[1-9][0-9]*)?"
    fields = rf"{field}(,{field})*"
    macros = r"@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+"
    if not is_template(value) and not matches(rf"{fields}( +{fields}){{4}}|{macros}", value):
        yield "", "must be a cron schedule of five fields, such as */15 * * * *"


def host_aliases(value: Any) -> Found:  # noqa: ANN401
    """Lines of /etc/hosts."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        if not _is_address(each.get("ip")):
            yield f"{path}.ip", "must be an IP address"
        for name in each.get("hostnames") or []:
            if not matches(SUBDOMAIN, name):
                yield f"{path}.hostnames", f"{name!r} is not a host name"


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(ipaddress.ip_address(value))
    except ValueError:
        return False


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


def extra_environment(value: Any) -> Found:  # noqa: ANN401
    """Variables as a text of YAML."""
    if not isinstance(value, str) or is_template(value):
        return
    import yaml  # only a stack with this value pays for its import

    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        yield "", "is not YAML"
        return
    if read is not None:
        yield from environment(read)


_NAME = _named(SUBDOMAIN, "a name of lowercase letters, digits, - and ., at most 253")
_SECONDS, _COUNT, _PORT = whole(0), whole(1), whole(1, 65535)
RULES: Mapping[str, Rule] = {
    "resources": resources,
    **dict.fromkeys(("labels", "nodeSelector", "podLabels", "namespaceLabels", "matchLabels"), labels),
    "env": environment,
    "extraEnv": extra_environment,
    **dict.fromkeys(("volumeMounts", "extraVolumeMounts"), mounts),
    **dict.fromkeys(("volumes", "extraVolumes"), volumes),
    **dict.fromkeys(("extraContainers", "extraInitContainers"), containers),
    "affinity": partial(wrong_fields, Affinity),
    "tolerations": tolerations,
    "topologySpreadConstraints": spread,
    "hostAliases": host_aliases,
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
        return annotations
    return RULES.get(key)
