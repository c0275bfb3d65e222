"""Rules for the parts of a pod in chart values: containers, variables, volumes, placement. Pure.

Sources: k8s.io/kubernetes 1.34, `pkg/apis/core/validation`.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_stack.settings.kubernetes_rules import (
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

from .managed import MISSING

Found = Iterator[tuple[str, str]]
"""Problems: the path below the value, with a leading dot or bracket, and the rest of a sentence."""
Rule = Callable[[Any], Found]
ABOVE_LIMIT = "is above the limit of "
"""Start of the reason for a request above its limit, which follows."""


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


def _named(path: str, each: Mapping[str, Any]) -> Found:
    """The name of a volume or container."""
    if not is_template(each.get("name")) and not matches(LABEL, each.get("name")):
        yield f"{path}.name", "must be a name of lowercase letters, digits and -, at most 63"


def volumes(value: Any) -> Found:  # noqa: ANN401
    """Volumes of a pod: a name and one source each."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        yield from _named(path, each)
        if len(each.keys() - {"name"}) > 1:
            yield path, "must have one source"
    yield from _twice(value, "name")


def containers(value: Any) -> Found:  # noqa: ANN401
    """More containers of a pod."""
    yield from _list_of_objects(value)
    for path, each in _objects(value):
        yield from _named(path, each)
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


def extra_environment(value: Any) -> Found:  # noqa: ANN401
    """Variables as a text of YAML."""
    if not isinstance(value, str) or is_template(value):
        return
    read = read_yaml(value)
    if read is MISSING:
        yield "", "is not YAML"
    elif read is not None:
        yield from environment(read)


def read_yaml(text: str) -> Any:  # noqa: ANN401  a chart value
    """What a text of YAML holds; `MISSING`: it is not YAML."""
    import yaml  # only a stack with such a value pays for its import

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return MISSING
