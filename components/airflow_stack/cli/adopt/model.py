"""Chart values that rules take parts of, an installed release, and the settings that are made of both. Pure."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_stack.errors import UserError

Values = dict[str, Any]

_Type = TypeVar("_Type")
_MAX_VALUES, _MAX_DEPTH = 100_000, 50
_SECRET_NAME = re.compile(
    r"(pass|password|passwd|(?<!existing)secret|secretkey|token|private_?key|credentials?|access_?key(_?id)?|conn)$",
    re.IGNORECASE,
)
_SECRET_NUMBER = re.compile(r"pass(word|wd)?$", re.IGNORECASE)
# Keys of a reference to a Secret, in a volume and elsewhere.
_REFERENCE = {"name", "secretName", "key", "items", "optional", "defaultMode"}
_SECRET_TEXT = re.compile(r"://[^/@\s]*:[^@\s]+@|PRIVATE KEY")


def plain_data(value: Any, name: str) -> Any:  # noqa: ANN401  chart values are of any type
    """Content of YAML as JSON has it: without anchors, dates, sets, and keys that are not text.

    Args:
        value: The content.
        name: Its name in messages.

    Raises:
        UserError: it has a value that no values file can have, or too many values.
    """
    counted = iter(range(_MAX_VALUES))

    def copied(value: Any, depth: int) -> Any:  # noqa: ANN401
        if next(counted, None) is None or depth > _MAX_DEPTH:
            raise UserError(f"{name} is too large or nested too deep")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise UserError(f"{name} has a key that is not text; put it in quotes")
            return {key: copied(below, depth + 1) for key, below in value.items()}
        if isinstance(value, list):
            return [copied(below, depth + 1) for below in value]
        if value is None or isinstance(value, str | int | float):
            return value
        raise UserError(f"{name} has a value of type {type(value).__name__}; put it in quotes")

    return copied(value, 0)


def looks_secret(name: str, value: object) -> bool:
    """Whether a text may be a secret, by its name or its form; a number by its name alone."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(_SECRET_NUMBER.search(name))
    if not isinstance(value, str) or not value:
        return False
    return bool(
        _SECRET_NAME.search(name) or name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_")) or _SECRET_TEXT.search(value)
    )


class ChartValues:
    """Chart values. Rules take values out, and `remaining` has the rest.

    Every method raises `UserError` with the path if a value has the wrong type.

    Args:
        values: The values.
        prefix: Beginning of their paths in messages.
    """

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values: Values = copy.deepcopy(dict(values))
        self._prefix = prefix

    def take(self, path: str, default: Any = None) -> Any:  # noqa: ANN401  chart values are of any type
        """Take the value at a path such as `dags.gitSync.repo`."""
        *parents, last = path.split(".")
        place = self._values
        for number, step in enumerate(parents, 1):
            below = place.get(step)
            if below is None:
                return default
            place = self._typed(below, dict, "an object", ".".join(parents[:number]))
        value = place.pop(last, None)
        return default if value is None else value

    def take_text(self, path: str, default: str = "") -> str:
        """Take the text at a path."""
        return self._typed(self.take(path, default), str, "text, in quotes if it is a number", path)

    def take_object(self, path: str) -> Values:
        """Take the object at a path; empty if there is none."""
        return self._typed(self.take(path, {}), dict, "an object", path)

    def take_objects(self, path: str, key: str = "name") -> "list[ChartValues]":
        """Take the objects of a list. A text in it counts as an object with this one key."""
        found = self._typed(self.take(path, []), list, "a list", path)
        objects = [{key: each} if isinstance(each, str) else each for each in found]
        named = [(each, f"{path}[{number}]") for number, each in enumerate(objects)]
        return [
            ChartValues(self._typed(each, dict, "an object", here), f"{self._prefix}{here}.") for each, here in named
        ]

    def _typed(self, value: Any, type_: type[_Type], description: str, path: str) -> _Type:  # noqa: ANN401  as above
        if isinstance(value, type_):
            return value
        raise UserError(f"{self._prefix}{path}: must be {description}, as in the chart's values.yaml")

    def remaining(self) -> Values:
        """The values that were not taken, without empty objects."""
        pruned: Values = _pruned(self._values)
        return pruned


def _pruned(value: Any) -> Any:  # noqa: ANN401  as above
    if not isinstance(value, dict):
        return value
    inner = {key: _pruned(below) for key, below in value.items()}
    return {key: below for key, below in inner.items() if below != {}}


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """Both objects as one. Objects in them are merged; of other values that of `above` wins."""
    inner = {
        key: merge(below[key], value)
        for key, value in above.items()
        if isinstance(value, dict) and isinstance(below.get(key), dict)
    }
    return {**below, **above, **inner}


def without_secrets(values: Mapping[str, Any], path: str = "") -> tuple[Values, list[str]]:
    """The values without possible secrets, and the paths of these. A list with one is removed completely."""
    kept, secret = Values(), list[str]()
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if _holds_secret(key, value):
            secret.append(here)
        elif isinstance(value, dict):
            kept[key], inner = without_secrets(value, here)
            secret += inner
        else:
            kept[key] = value
    return kept, secret


def _holds_secret(name: str, value: object) -> bool:
    """Whether a text or number may be a secret, a list may hold one, or an object may be one by its name."""
    if isinstance(value, list):
        return any(_is_secret_item(each) or _holds_secret(name, each) for each in value)
    if isinstance(value, dict):
        return bool(_SECRET_NAME.search(name)) and not value.keys() <= _REFERENCE
    return looks_secret(name, value)


def _is_secret_item(item: object) -> bool:
    """Whether an item of a list is an environment variable that may be a secret, or an object with one."""
    if not isinstance(item, dict):
        return False
    return looks_secret(str(item.get("name", "")), item.get("value")) or bool(without_secrets(item)[1])


@dataclass(frozen=True)
class InstalledRelease:
    """A deployed release: Helm's record of it, and the Secrets of its namespace by name and key."""

    name: str
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
    """Dialect of each metadata connection, such as `postgresql`, by the name of its Secret."""
    other_releases: tuple[str, ...] = ()
    managers: frozenset[str] = frozenset()
    """Field managers of Helm's record, such as `helm` or `helm-controller`."""

    def secret_name(self, named: str | None, suffix: str) -> str:
        """The named Secret, or the Secret of the chart with this suffix."""
        names = (f"{self.name}-{suffix}", f"{self.name}-airflow-{suffix}")
        return named or next((name for name in names if name in self.secrets), names[0])


@dataclass
class Adoption:
    """Result of the rules."""

    settings: Values = field(default_factory=dict)
    """Settings of the stack file without the prefix `airflow:`; no secrets."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Secret settings of the stack, and where their values are now."""
    notes: list[str] = field(default_factory=list)
    """Values without a setting, and changes of behavior."""
    blockers: list[str] = field(default_factory=list)
    """Reasons why `pulumi up` would not be safe."""

    def set(self, path: str, value: Any) -> None:  # noqa: ANN401  as above
        """Set a setting, unless the value is empty."""
        if value in (None, "", {}, []):
            return
        *parents, last = path.split(".")
        place = self.settings
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value

    def drop(self, path: str, value: object, reason: str) -> None:
        """Note that a value has no setting, unless it is empty."""
        if value not in (None, "", {}, []):
            self.notes.append(f"{path}: {reason}")
