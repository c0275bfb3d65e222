"""What differs between the objects of two sides, field by field.

Lists of named things (containers, variables, ports) are matched by their names and configuration files are read, so that an entry that was added is
one change. Checksums are no change of their own: they are what another change makes of a pod.
"""

import configparser
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from airflow_stack.cli.diff.quoting import HIDDEN, clean, is_secret_name, shown
from airflow_stack.cli.diff.renderings import Manifest, Side

SECRET = "[secret]"  # noqa: S105  what is shown of one
Path = tuple[str, ...]
_ABSENT = object()
_CHECKSUM = re.compile(r"^checksum/")
_VERSION_LABELS = {"chart", "helm.sh/chart"}
_NAMES = ("name", "mountPath", "containerPort", "secretName", "host")


@dataclass(frozen=True)
class Field:
    """One field that differs; `None` where there is none."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Change:
    """One object that is not the same on both sides."""

    key: str
    what: str
    """`added`, `removed` or `changed`."""
    fields: tuple[Field, ...] = field(default=())


def changes(before: Side, after: Side) -> list[Change]:
    """Every object that differs, those of one kind together; a change of checksums alone is a change without fields."""
    old, new = _normal(before), _normal(after)
    found = []
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            there = new.get(key, old.get(key, {}))
            found.append(Change(key, "added" if key in new else "removed", tuple(_summary(key, there))))
        elif old[key] != new[key]:
            found.append(Change(key, "changed", tuple(fields(old[key], new[key], secret=key.startswith("Secret/")))))
    return found


def fields(old: object, new: object, *, secret: bool = False, settings: bool = False) -> Iterator[Field]:
    """The fields that differ between two normal manifests, or settings; checksums and chart versions aside."""
    for path, left, right in _differences(old, new, ()):
        if _is_noise(path):
            continue
        if secret and path[0] in ("data", "stringData"):
            yield Field(_dotted(path), *(None if side is _ABSENT else SECRET for side in (left, right)))
        else:
            yield _field(path, left, right, settings=settings)


def checksums(old: object, new: object) -> list[str]:
    """The names of the checksums that differ; one that only one side has is another way of reading, not another content."""
    both = (path for path, *values in _differences(old, new, ()) if _ABSENT not in values)
    return sorted({path[-1].removeprefix("checksum/") for path in both if path and _CHECKSUM.match(path[-1])})


def normal(value: Any) -> Any:  # noqa: ANN401  any part of any manifest
    """The value with lists of named things as maps; what is empty is left out."""
    if isinstance(value, Mapping):
        # In order: a map of the engine's has none.
        inner = sorted((str(key), normal(part)) for key, part in value.items())
        return {key: part for key, part in inner if part not in (None, {}, [])}
    if isinstance(value, list):
        for name in _NAMES:
            names = [str(item[name]) for item in value if isinstance(item, Mapping) and name in item]
            if value and len(set(names)) == len(value):
                return {f"[{key}]": normal(item) for key, item in zip(names, value, strict=True)}
        return [normal(item) for item in value]
    return value


def _normal(side: Side) -> dict[str, Any]:
    """The manifests by key; the stack's own namespace goes without saying."""
    home = side.settings.get("namespace")
    found = {}
    for key, manifest in side.objects.items():
        metadata = {k: v for k, v in manifest["metadata"].items() if k != "namespace" or v != home}
        whole = {**manifest, "metadata": metadata}
        if manifest["kind"] == "ConfigMap":
            whole["data"] = {name: _read(name, text) for name, text in (manifest.get("data") or {}).items()}
        found[key] = normal(whole)
    return found


def _read(name: str, text: str) -> object:
    """A configuration file as what it says; other text as it is."""
    try:
        if name.endswith((".yaml", ".yml")):
            return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
        if name.endswith(".cfg"):
            parser = configparser.RawConfigParser(strict=False)
            parser.read_string(text)
            return {section: dict(parser[section]) for section in parser.sections()}
    except (yaml.YAMLError, configparser.Error):
        pass
    return text


def _differences(old: object, new: object, path: Path) -> Iterator[tuple[Path, object, object]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
    elif old is _ABSENT or new is _ABSENT:
        there = new if old is _ABSENT else old
        if isinstance(there, Mapping) and not path[-1].startswith("[") and path[:-1] != ("data",):
            for key, value in there.items():  # each entry by its own name, but a named thing and a file as one
                left, right = (_ABSENT, value) if old is _ABSENT else (value, _ABSENT)
                yield from _differences(left, right, (*path, key))
        else:
            yield path, old, new
    elif old != new:
        yield path, old, new


def _is_noise(path: Path) -> bool:
    return bool(_CHECKSUM.match(path[-1])) or (path[-2:-1] == ("labels",) and path[-1] in _VERSION_LABELS)


def _field(path: Path, old: object, new: object, *, settings: bool) -> Field:
    name = next((step.strip("[]") for step in reversed(path) if step != "value"), "")
    # A name says that a value is secret only where people name values themselves.
    theirs = "env" in path or path[0] == "data" or (settings and path[0] in ("environment", "values"))
    named = name if theirs and "valueFrom" not in path else ""
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new) and not is_secret_name(named):
        return Field(_dotted(path), *_lines(clean(old), clean(new)))
    texts = [None if value is _ABSENT else _text(value, named) for value in (old, new)]
    if path[:-1] == ("data",) and _ABSENT in (old, new):
        texts = [None if text is None else "a file" for text in texts]
    return Field(_dotted(path), *texts)


def _text(value: object, name: str) -> str:
    if isinstance(value, Mapping) and set(value) <= {"name", "value"} and "value" in value:
        return HIDDEN if is_secret_name(str(value.get("name", name))) else shown(value["value"])
    return shown(value, name)


def _lines(old: str, new: str) -> tuple[str, str]:
    """The lines that only one of two texts has."""
    compared = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    kept = ["\n".join(line[2:] for line in compared if line[:1] == sign) for sign in "-+"]
    return kept[0], kept[1]


def _dotted(path: Path) -> str:
    return clean("".join(step if step.startswith("[") else f".{step}" for step in path).lstrip("."))


def _summary(key: str, manifest: Manifest) -> Iterator[Field]:
    """Of an object that is new or gone: what it would take to know it again."""
    spec = manifest.get("spec", {})
    template = spec.get("template", {}).get("spec", {}) if isinstance(spec, Mapping) else {}
    if key.startswith("Secret/"):
        yield Field("keys", None, ", ".join(sorted({**manifest.get("data", {}), **manifest.get("stringData", {})})))
    for path, value in (("spec.replicas", spec.get("replicas")), ("spec.resources", spec.get("resources"))):
        if value is not None:
            yield Field(path, None, shown(value))
    for name, container in template.get("containers", {}).items():
        yield Field(f"containers{name}.image", None, shown(container.get("image", "")))
