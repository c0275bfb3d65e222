"""Changed and replacing paths of an object: `Diff` in provider.go of the official provider."""

from airflow_stack.cli.immutable_fields import REPLACED_BY_PROVIDER
from sandbox.plugins.property_values import Path, Properties, Value, changes, dotted
from sandbox.plugins.protocol import ResourceDiff

_ALWAYS = ("metadata.name", "metadata.namespace")


def diff_object(live: Properties, new: Properties, *, mutable: bool) -> ResourceDiff:
    """Compare the state of an object, pruned to the shape of its inputs, with new inputs."""
    secret = ("type", "data", "stringData") if new.get("kind") == "Secret" and not mutable else ()
    replacing = [
        tuple(each.split(".")) for each in (*_ALWAYS, *REPLACED_BY_PROVIDER.get(new.get("kind", ""), ()), *secret)
    ]
    paths, replaces = {}, []
    for path, kind in changes(live, new):
        value = None if kind == "DELETE" else _at(new, path)
        # A null in the inputs is a deletion, even of a missing value. Deleted values were inputs, other old values are from the state.
        paths[dotted(path)] = ("DELETE", True) if value is None else (kind, False)
        if any(_touches(path, value, each) for each in replacing):
            replaces.append(dotted(path))
    return ResourceDiff(paths, replaces)


def _touches(path: Path, value: Value, replacing: tuple[str, ...]) -> bool:
    if path[: len(replacing)] == replacing:
        return True
    return path == replacing[: len(path)] and _at(value, replacing[len(path) :]) is not None


def _at(value: Value, path: Path) -> Value:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return None
    return value
