"""What adoption works on and what it comes to: chart values out of which each rule takes its part, and the settings that are made of them."""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, Any]

_SECRET_NAME = re.compile(
    r"(pass|password|passwd|secret|secretkey|token|private_?key|credentials?|access_?key(_?id)?|conn)$", re.IGNORECASE
)
_SECRET_TEXT = re.compile(r"://[^/@\s]*:[^@\s]+@|PRIVATE KEY")


def looks_secret(name: str, value: object) -> bool:
    """Whether a text is better not shown or written: by its name, or by what it looks like."""
    if not isinstance(value, str) or not value:
        return False
    return bool(
        _SECRET_NAME.search(name) or name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_")) or _SECRET_TEXT.search(value)
    )


class Given:
    """Chart values. What is taken is gone; what nobody took is left."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values: Values = copy.deepcopy(dict(values))

    def take(self, path: str, default: Any = None) -> Any:  # noqa: ANN401  chart values are of any type
        """The value at a path such as `dags.gitSync.repo`, once."""
        *parents, last = path.split(".")
        place: Any = self._values
        for step in parents:
            place = place.get(step) if isinstance(place, dict) else None
        value = place.pop(last, None) if isinstance(place, dict) else None
        return default if value is None else value

    def part(self, path: str) -> Values:
        """The object at a path, once; empty where there is none."""
        found = self.take(path)
        return found if isinstance(found, dict) else {}

    def left(self) -> Values:
        """What nobody took, without objects that are empty by now."""
        pruned: Values = _pruned(self._values)
        return pruned


def _pruned(value: Any) -> Any:  # noqa: ANN401  as above
    if not isinstance(value, dict):
        return value
    inner = {key: _pruned(below) for key, below in value.items()}
    return {key: below for key, below in inner.items() if below != {}}


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """Objects merge, anything else of the second wins."""
    inner = {
        key: merged(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **inner}


def secret_leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Paths of the texts that look like secrets, and of the lists that hold one."""
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from secret_leaves(value, here)
        elif looks_secret(key, value) or (isinstance(value, list) and any(map(_holds_secret, value))):
            yield here


def _holds_secret(item: object) -> bool:
    """Whether an item of a list is, or holds, a secret; a variable is told by its name and value."""
    if not isinstance(item, dict):
        return looks_secret("", item)
    return looks_secret(str(item.get("name", "")), item.get("value")) or any(secret_leaves(item))


@dataclass(frozen=True)
class Live:
    """A release as it runs: what Helm recorded of it, and the Secrets beside it by name and key."""

    release: str
    namespace: str
    revision: int
    chart: str
    chart_version: str
    airflow_version: str
    values: Values
    manifest: list[Values] = field(repr=False)
    secrets: Mapping[str, frozenset[str]]
    """Keys of every Secret, by its name."""
    connections: Mapping[str, str] = field(default_factory=dict)
    """Dialect of each metadata connection, such as `postgresql`, by the Secret's name."""
    other_releases: tuple[str, ...] = ()

    def secret(self, given: str | None, suffix: str) -> str:
        """The Secret that was named, or else the one that the chart made, by the end of its name."""
        names = (f"{self.release}-{suffix}", f"{self.release}-airflow-{suffix}")
        return given or next((name for name in names if name in self.secrets), names[0])


@dataclass
class Adoption:
    """What becomes of the values."""

    settings: Values = field(default_factory=dict)
    """Of a stack file, without the prefix `airflow:`. No secrets."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Secret settings of the stack, and the values that hold them now."""
    advice: list[str] = field(default_factory=list)
    """What has no setting, and what will be otherwise than before."""
    stops: list[str] = field(default_factory=list)
    """Why an `up` would not be safe."""

    def put(self, path: str, value: Any) -> None:  # noqa: ANN401  as above
        """Set a setting by its path, unless there is nothing to set."""
        if value in (None, "", {}, []):
            return
        *parents, last = path.split(".")
        place = self.settings
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value

    def drop(self, path: str, value: object, reason: str) -> None:
        """Say of a value that it has no setting, if it was given."""
        if value not in (None, "", {}, []):
            self.advice.append(f"{path}: {reason}")
