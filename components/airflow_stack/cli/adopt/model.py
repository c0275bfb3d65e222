"""Chart values that rules take parts of, an installed release, and the settings that are made of both. Pure."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_stack.errors import UserError

Values = dict[str, Any]

_Type = TypeVar("_Type")
_MAX_VALUES, _MAX_DEPTH = 100_000, 50


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


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is an object; an empty one otherwise."""
    return value if isinstance(value, Mapping) else {}


def value_below(values: object, path: str) -> Any:  # noqa: ANN401  chart values are of any type
    """The value at a path with dots; None if there is none."""
    for step in path.split("."):
        values = values.get(step) if isinstance(values, Mapping) else None
    return values


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

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ANN401  as above
        """The value at a path, which stays."""
        found = value_below(self._values, path)
        return default if found is None else found

    def take_text(self, path: str, default: str = "") -> str:
        """Take the text at a path."""
        return self._typed(self.take(path, default), str, "text, in quotes if it is a number", path)

    def take_switch(self, path: str) -> bool | None:
        """Take the boolean at a path; None if there is none. To Helm the text "false" would be true."""
        value = self.take(path)
        return None if value is None else self._typed(value, bool, "true or false, without quotes", path)

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
    until: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Settings of which one resolves a blocker, by its text."""
    reached: set[str] = field(default_factory=set)
    """Paths of chart values that ended in a setting, a note or a blocker, each with those below it."""

    def set(self, path: str, value: Any, *sources: str) -> None:  # noqa: ANN401  as above
        """Set a setting, unless the value is empty. `sources` are the chart values that it comes from."""
        self.reach(*sources)
        if value in (None, "", {}, []):
            return
        *parents, last = path.split(".")
        place = self.settings
        for step in parents:
            place = place.setdefault(step, {})
        place[last] = value

    def reach(self, *sources: str) -> None:
        """Count chart values as settled: they decided something that a setting expresses."""
        self.reached.update(sources)

    def note(self, source: str, text: str) -> None:
        """Say what becomes of a chart value."""
        self.reach(source)
        self.notes.append(f"{source}: {text}")

    def stop(self, source: str, text: str, *until: str) -> None:
        """Say why a chart value makes `pulumi up` unsafe, and which of the settings `until` would resolve it."""
        self.reach(source)
        self.blockers.append(f"{source}: {text}")
        if until:
            self.until[self.blockers[-1]] = until

    def drop(self, path: str, value: object, reason: str) -> None:
        """Note that a value has no setting, unless it is empty."""
        self.reach(path)
        if value not in (None, "", {}, []):
            self.note(path, reason)

    def with_own(self, own: Mapping[str, Any]) -> None:
        """Merge in settings of the user, which win. Blockers that they resolve become notes."""
        self.settings = merge(self.settings, own)
        for blocker, settings in self.until.items():
            if any(value_below(own, path) not in (None, "") for path in settings) and blocker in self.blockers:
                self.blockers.remove(blocker)
                self.notes.append(blocker)

    def needed_secrets(self) -> str:
        """Note about the Secrets that the settings name; empty if there are none."""
        names = dict.fromkeys(map(str, self.settings.get("existingSecrets", {}).values()))
        names |= dict.fromkeys(str(each.get("secret")) for each in self.settings.get("environmentFrom", {}).values())
        if not names:
            return ""
        return (
            f"Secrets {', '.join(names)}: must exist in the stack's namespace before `pulumi up`, with the chart's keys; if the namespace exists too, set "
            "airflow:createNamespace false"
        )
