"""Property values of the engine: JSON with marks for secret and unknown values. Functions to unwrap, mark and compare them."""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

Value: TypeAlias = Any  # any JSON value
Properties: TypeAlias = dict[str, Value]
Path: TypeAlias = tuple[str | int, ...]

# Marks of the protocol: sdk/go/common/resource/sig and plugin/rpc.go of pulumi/pulumi.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a protocol constant)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

_ABSENT = object()


def is_secret(value: Value) -> bool:
    """Whether the value itself is marked secret. Marks inside it do not count."""
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def secret(value: Value) -> Value:
    """Mark a value secret unless it is."""
    return value if is_secret(value) else {_SIGNATURE: _SECRET, "value": value}


def plain(value: Value) -> Value:
    """Copy of a value without secret marks."""
    if is_secret(value):
        return plain(value["value"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Value) -> bool:
    """Whether a value has a part that is unknown in a preview."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return bool(value == UNKNOWN)


def has_secret(value: Value) -> bool:
    """Whether a value is secret or contains a secret."""
    if isinstance(value, dict):
        return is_secret(value) or any(map(has_secret, value.values()))
    return isinstance(value, list) and any(map(has_secret, value))


def with_secrets_of(value: Properties, pattern: Properties) -> Properties:
    """Mark the secrets of the pattern in plain properties. A list is marked as a whole."""
    marked = dict(value)
    for key, item in pattern.items():
        if key not in value or is_secret(value[key]):
            continue
        if isinstance(value[key], dict) and isinstance(item, dict) and not is_secret(item):
            marked[key] = with_secrets_of(value[key], item)
        elif has_secret(item):
            marked[key] = secret(value[key])
    return marked


def redacted(text: str, *messages: Value) -> str:
    """Replace the secret strings of some properties in a text, in plain and in Base64."""
    for found in sorted(set(_secret_strings(messages, False)), key=len, reverse=True):
        for notation in (found, base64.b64encode(found.encode()).decode()):
            text = text.replace(notation, "[secret]")
    return text


def _secret_strings(value: Value, in_secret: bool) -> Iterator[str]:
    if isinstance(value, dict):
        in_secret = in_secret or is_secret(value)
        for key, item in value.items():
            if key == "__inputs" and is_secret(item):  # a release marks all its inputs secret here
                yield from _secret_strings(item["value"], False)
            elif key != _SIGNATURE:
                yield from _secret_strings(item, in_secret)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secret_strings(item, in_secret)
    elif in_secret and isinstance(value, str) and len(value) > 3:
        yield value


def changes(old: Value, new: Value, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Paths where two values differ, each with the kind of change: ADD, UPDATE or DELETE."""
    if old is _ABSENT:
        yield path, "ADD"
    elif new is _ABSENT:
        yield path, "DELETE"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from changes(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (v[index] if index < len(v) else _ABSENT for v in (old, new))
            yield from changes(before, after, (*path, index))
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield path, "UPDATE"


def dotted(path: Sequence[str | int]) -> str:
    """Path in the engine's notation: `spec.containers[0]["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_$][\w$-]*", step):
            text += f".{step}" if text else step
        else:
            text += '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
    return text
