"""Differences between the objects of two renderings, field by field.

Lists of named items (containers, variables, ports) are matched by name and configuration files are parsed, so that an added entry is one
change. A checksum is no change of its own: it only shows that another object changes.
"""

import configparser
import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from airflow_stack.cli import fast_yaml

from .model import FieldChange, Manifest, ObjectChange, RenderedStack
from .quoting import HIDDEN, clean, is_secret_name, shown

SECRET = "[secret]"  # noqa: S105  shown instead of a secret value
_FieldPath = tuple[str, ...]
_ABSENT = object()
_CHECKSUM = re.compile(r"^checksum/")
_VERSION_LABELS = {"chart", "helm.sh/chart"}
_ITEM_NAMES = ("name", "mountPath", "containerPort", "secretName", "host")


def object_changes(before: RenderedStack, after: RenderedStack) -> list[ObjectChange]:
    """Every object that differs, sorted by kind and name. If only checksums differ, the change has no fields."""
    old, new = _normalized_objects(before), _normalized_objects(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            manifest = new.get(key, old.get(key, {}))
            found.append(ObjectChange(key, "added" if key in new else "removed", tuple(_summary(key, manifest))))
        elif old[key] != new[key]:
            changes = field_changes(old[key], new[key], secret=key.startswith("Secret/"))
            found.append(ObjectChange(key, "changed", tuple(changes)))
    return found


def field_changes(old: object, new: object, *, secret: bool = False, settings: bool = False) -> Iterator[FieldChange]:
    """The fields that differ, without checksums and chart versions.

    Args:
        old: Normalized manifest or settings.
        new: The same after the change.
        secret: Whether it is the manifest of a Secret.
        settings: Whether these are settings.
    """
    for path, left, right in _differences(old, new, ()):
        if _is_noise(path):
            continue
        if secret and path[0] in ("data", "stringData"):
            yield FieldChange(_dotted(path), *(None if side is _ABSENT else SECRET for side in (left, right)))
        else:
            yield _field_change(path, left, right, settings=settings)


def changed_checksums(old: object, new: object) -> list[str]:
    """Names of the checksums that differ. One that exists on one side only tells nothing about content."""
    both = (path for path, *values in _differences(old, new, ()) if _ABSENT not in values)
    return sorted({path[-1].removeprefix("checksum/") for path in both if path and _CHECKSUM.match(path[-1])})


def normalized(value: Any) -> Any:  # noqa: ANN401  any part of any manifest
    """The value with lists of named items as maps, and without empty values."""
    if isinstance(value, Mapping):
        # Sorted, because the engine's maps have no order.
        inner = sorted((str(key), normalized(part)) for key, part in value.items())
        return {key: part for key, part in inner if part not in (None, {}, [])}
    if isinstance(value, list):
        for name in _ITEM_NAMES:
            names = [str(item[name]) for item in value if isinstance(item, Mapping) and name in item]
            if value and len(set(names)) == len(value):
                return {f"[{key}]": normalized(item) for key, item in zip(names, value, strict=True)}
        return [normalized(item) for item in value]
    return value


def _normalized_objects(rendered: RenderedStack) -> dict[str, Any]:
    """The manifests by key, without the stack's own namespace in each."""
    home = rendered.settings.get("namespace")
    found = {}
    for key, manifest in rendered.objects.items():
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "namespace" or v != home}
        whole = {**manifest, "metadata": metadata}
        if manifest["kind"] == "ConfigMap":
            whole["data"] = {name: _parsed(name, text) for name, text in (manifest.get("data") or {}).items()}
        found[key] = normalized(whole)
    return found


def _parsed(name: str, text: str) -> object:
    """The content of a configuration file; other text as it is."""
    try:
        if name.endswith((".yaml", ".yml")):
            return fast_yaml.load(text)
        if name.endswith(".cfg"):
            parser = configparser.RawConfigParser(strict=False)
            parser.read_string(text)
            return {section: dict(parser[section]) for section in parser.sections()}
    except (yaml.YAMLError, configparser.Error):
        pass
    return text


def _differences(old: object, new: object, path: _FieldPath) -> Iterator[tuple[_FieldPath, object, object]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
    elif old is _ABSENT or new is _ABSENT:
        there = new if old is _ABSENT else old
        if isinstance(there, Mapping) and not path[-1].startswith("[") and path[:-1] != ("data",):
            for key, value in there.items():  # each entry on its own, but a named item or a file as one
                left, right = (_ABSENT, value) if old is _ABSENT else (value, _ABSENT)
                yield from _differences(left, right, (*path, key))
        else:
            yield path, old, new
    elif old != new:
        yield path, old, new


def _is_noise(path: _FieldPath) -> bool:
    return bool(_CHECKSUM.match(path[-1])) or (path[-2:-1] == ("labels",) and path[-1] in _VERSION_LABELS)


def _field_change(path: _FieldPath, old: object, new: object, *, settings: bool) -> FieldChange:
    name = next((step.strip("[]") for step in reversed(path) if step != "value"), "")
    # A name marks a secret only where users choose the names.
    chosen_by_user = "env" in path or path[0] == "data" or (settings and path[0] in ("environment", "values"))
    named = name if chosen_by_user and "valueFrom" not in path else ""
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new) and not is_secret_name(named):
        return FieldChange(_dotted(path), *_changed_lines(clean(old), clean(new)))
    texts = [None if value is _ABSENT else _text(value, named) for value in (old, new)]
    if path[:-1] == ("data",) and _ABSENT in (old, new):
        texts = [None if text is None else "a file" for text in texts]
    return FieldChange(_dotted(path), *texts)


def _text(value: object, name: str) -> str:
    if isinstance(value, Mapping) and set(value) <= {"name", "value"} and "value" in value:
        return HIDDEN if is_secret_name(str(value.get("name", name))) else shown(value["value"])
    return shown(value, name)


def _changed_lines(old: str, new: str) -> tuple[str, str]:
    """The lines that only one of two texts has."""
    compared = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    lines = ["\n".join(line[2:] for line in compared if line[:1] == sign) for sign in "-+"]
    return lines[0], lines[1]


def _dotted(path: _FieldPath) -> str:
    return clean("".join(step if step.startswith("[") else f".{step}" for step in path).lstrip("."))


def _summary(key: str, manifest: Manifest) -> Iterator[FieldChange]:
    """The main fields of an added or removed object."""
    spec = manifest.get("spec", {})
    template = spec.get("template", {}).get("spec", {}) if isinstance(spec, Mapping) else {}
    if key.startswith("Secret/"):
        keys = sorted({**manifest.get("data", {}), **manifest.get("stringData", {})})
        yield FieldChange("keys", None, ", ".join(keys))
    for path, value in (("spec.replicas", spec.get("replicas")), ("spec.resources", spec.get("resources"))):
        if value is not None:
            yield FieldChange(path, None, shown(value))
    for name, container in template.get("containers", {}).items():
        yield FieldChange(f"containers{name}.image", None, shown(container.get("image", "")))
