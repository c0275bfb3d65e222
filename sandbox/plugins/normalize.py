"""Normal form of an object's inputs: `normalizeInputs` in the official provider's provider.go.

The official provider converts a built-in kind to its Go type and back. That drops empty and unknown fields, and makes quantities canonical. In
a Secret, only `stringData` becomes `data`. A custom resource stays unchanged, including empty maps.
"""

import base64
import importlib
import re
import typing
from contextlib import suppress
from decimal import Decimal
from typing import Any

from sandbox.plugins.kubernetes_api import IMPORTS
from sandbox.plugins.property_values import Properties, Value, has_unknown

READ_ONLY = (
    *("creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp"),
    *("generation", "managedFields", "resourceVersion", "uid"),
)

# Zero values in Go, from types.go of k8s.io/api: an optional field keeps a zero only if it is a pointer.
_ZERO_FALLS_AWAY = set(
    "hostNetwork hostPID hostIPC readOnly stdin stdinOnce tty publishNotReadyAddresses paused hostPort nodePort healthCheckNodePort "
    "minReadySeconds initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold number".split()
)
_EMPTY_TEXT_STAYS = set(
    "storageClassName volumeAttributesClassName volumeMode runtimeClassName appProtocol serviceName".split()
)
_QUANTITIES = {"limits", "requests", "hard"}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")


class _MisfitError(Exception):
    """A value has the wrong type. The official provider then leaves the whole object unchanged."""


def normalized(inputs: Properties) -> Properties:
    """Normal form of an object's inputs."""
    inputs = dict(inputs)
    if not has_unknown(inputs):
        if inputs.get("apiVersion") == "v1" and inputs.get("kind") == "Secret":
            inputs = _secret(inputs)
        elif model := _model(inputs.get("apiVersion", ""), inputs.get("kind", "")):
            with suppress(_MisfitError):
                inputs = _through(model, inputs)
    if isinstance(inputs.get("metadata"), dict):
        inputs["metadata"] = {key: value for key, value in inputs["metadata"].items() if key not in READ_ONLY}
    return inputs


def _secret(inputs: Properties) -> Properties:
    texts, data = inputs.get("stringData"), inputs.get("data")
    if texts and isinstance(texts, dict):
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        return {key: value for key, value in inputs.items() if key != "stringData"} | {"data": (data or {}) | encoded}
    if data:  # as the API server encodes it
        return inputs | {"data": {key: _encoded_again(value) for key, value in data.items()}}
    return inputs


def _encoded_again(value: Value) -> Value:
    try:
        return base64.b64encode(base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)).decode()
    except (TypeError, ValueError):
        return value


def _model(api_version: str, kind: str) -> Any:  # noqa: ANN401  classes of lightkube have no common base
    """Class of a built-in kind. None for a custom resource."""
    group, _, version = api_version.rpartition("/")
    module = f"{group.removesuffix('.k8s.io') or 'core'}_{version}".replace(".", "_")
    try:
        with IMPORTS:
            return getattr(importlib.import_module(f"lightkube.models.{module}"), kind, None)
    except ImportError:
        return None


def _through(model: Any, value: Value) -> Properties:  # noqa: ANN401  as above
    if not isinstance(value, dict):
        raise _MisfitError
    kept = {}
    for attribute, hint in typing.get_type_hints(model).items():
        name = attribute.removesuffix("_")  # lightkube's suffix for keywords of Python, such as `from`
        if (given := value.get(name)) is None:
            continue
        types = [each for each in typing.get_args(hint) if each is not type(None)]
        optional = type(None) in typing.get_args(hint)
        inner = types[0] if optional and len(types) == 1 else hint
        field = _field(name, inner, given)
        if not (optional and _falls_away(name, inner, field)):
            kept[name] = field
    return kept


def _field(name: str, hint: Any, value: Value) -> Value:  # noqa: ANN401  as above
    if typing.get_origin(hint) is list:
        if not isinstance(value, list):
            raise _MisfitError
        return [_field("", typing.get_args(hint)[0], item) for item in value]
    if hint is dict:
        if not isinstance(value, dict):
            raise _MisfitError
        return {key: canonical_quantity(item) for key, item in value.items()} if name in _QUANTITIES else value
    if name == "sizeLimit":
        return canonical_quantity(value)
    if hint in (str, bool, int):
        if type(value) is not hint:
            raise _MisfitError
        return value
    # Otherwise the value is an object of the model, a time, a number or a string.
    return _through(hint, value) if isinstance(hint, type) and typing.get_type_hints(hint) else value


def _falls_away(name: str, hint: Any, value: Value) -> bool:  # noqa: ANN401  as above
    if value == "":
        return name not in _EMPTY_TEXT_STAYS
    if isinstance(value, list) or hint is dict:
        return not value
    return not value and name in _ZERO_FALLS_AWAY


def canonical_quantity(value: Value) -> Value:
    """Canonical quantity of Kubernetes: in the largest unit with a whole number."""
    found = re.fullmatch(r"([+-]?\d*\.?\d*)(?:e([+-]?\d+)|([KMGTPE]i|[numkMGTPE])?)", str(value), re.IGNORECASE)
    if isinstance(value, bool) or not found or not re.search(r"\d", found[1]):
        raise _MisfitError
    number, unit = Decimal(found[1]) * 10 ** Decimal(found[2] or 0), found[3] or ""
    if unit in _BINARY[1:]:
        number *= 1024 ** _BINARY.index(unit)
        if number == int(number):
            return _in_units(int(number), 1024, _BINARY)
    else:
        number *= Decimal(1000) ** (_DECIMAL.index(unit) - 3)
    return _in_units(int((number * 10**9).to_integral_value("ROUND_CEILING")), 1000, _DECIMAL)


def _in_units(number: int, base: int, units: tuple[str, ...]) -> str:
    if not number:
        return "0"
    step = 0
    while step < len(units) - 1 and number % base == 0:
        number, step = number // base, step + 1
    return f"{number}{units[step]}"
