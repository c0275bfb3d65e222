"""What adoption works on and what it comes to: chart values out of which each rule takes its part, and the settings that are made of them."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from airflow_stack.errors import UserError

Values = dict[str, Any]

_Type = TypeVar("_Type")
_MOST = 100_000
_SECRET_NAME = re.compile(
    r"(pass|password|passwd|(?<!existing)secret|secretkey|token|private_?key|credentials?|access_?key(_?id)?|conn)$",
    re.IGNORECASE,
)
_SECRET_NUMBER = re.compile(r"pass(word|wd)?$", re.IGNORECASE)
_REFERENCE = {"name", "secretName", "key", "items", "optional", "defaultMode"}  # of a Secret, in a volume and elsewhere
_SECRET_TEXT = re.compile(r"://[^/@\s]*:[^@\s]+@|PRIVATE KEY")


def plain(value: Any, words: str) -> Any:  # noqa: ANN401  chart values are of any type
    """What YAML holds, as JSON would: anchors are written out, and dates, sets, and keys that are no text are refused.

    Raises:
        UserError: it holds what no values file can, or too much of it; `words` say what it is.
    """
    counted = iter(range(_MOST))

    def copied(value: Any, depth: int) -> Any:  # noqa: ANN401
        if next(counted, None) is None or depth > 50:
            raise UserError(f"{words} is too large, or nested too deep")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise UserError(f"{words} has a key that is not text; put it in quotes")
            return {key: copied(below, depth + 1) for key, below in value.items()}
        if isinstance(value, list):
            return [copied(below, depth + 1) for below in value]
        if value is None or isinstance(value, str | int | float):
            return value
        raise UserError(f"{words} has a value of type {type(value).__name__}; put it in quotes")

    return copied(value, 0)


def looks_secret(name: str, value: object) -> bool:
    """Whether a text is better not shown or written: by its name, or by what it looks like; a number by its name alone."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(_SECRET_NUMBER.search(name))
    if not isinstance(value, str) or not value:
        return False
    return bool(
        _SECRET_NAME.search(name) or name.startswith(("AIRFLOW_CONN_", "AIRFLOW_VAR_")) or _SECRET_TEXT.search(value)
    )


class Given:
    """Chart values. What is taken is gone; what nobody took is left. What is not of the type that a rule reads is an error that names it."""

    def __init__(self, values: Mapping[str, Any], where: str = "") -> None:
        self._values: Values = copy.deepcopy(dict(values))
        self._where = where

    def take(self, path: str, default: Any = None) -> Any:  # noqa: ANN401  chart values are of any type
        """The value at a path such as `dags.gitSync.repo`, once."""
        *parents, last = path.split(".")
        place = self._values
        for number, step in enumerate(parents, 1):
            below = place.get(step)
            if below is None:
                return default
            place = self._typed(below, dict, "an object", ".".join(parents[:number]))
        value = place.pop(last, None)
        return default if value is None else value

    def text(self, path: str, default: str = "") -> str:
        """The text at a path, once."""
        return self._typed(self.take(path, default), str, "text, in quotes where it is a number", path)

    def part(self, path: str) -> Values:
        """The object at a path, once; empty where there is none."""
        return self._typed(self.take(path, {}), dict, "an object", path)

    def items(self, path: str, key: str = "name") -> "list[Given]":
        """The objects of a list, once; a text in it stands for an object with that one key."""
        found = self._typed(self.take(path, []), list, "a list", path)
        objects = [{key: each} if isinstance(each, str) else each for each in found]
        named = [(each, f"{path}[{number}]") for number, each in enumerate(objects)]
        return [Given(self._typed(each, dict, "an object", here), f"{self._where}{here}.") for each, here in named]

    def _typed(self, value: Any, type_: type[_Type], words: str, path: str) -> _Type:  # noqa: ANN401  as above
        if isinstance(value, type_):
            return value
        raise UserError(f"{self._where}{path}: must be {words}, as in the chart's values.yaml")

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


def without_secrets(values: Mapping[str, Any], path: str = "") -> tuple[Values, list[str]]:
    """The values without what looks like a secret, and the paths of that; of a list that holds one nothing is left."""
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
    """Whether a text or number is a secret, a list holds one, or an object is one by its name."""
    if isinstance(value, list):
        return any(_is_variable(each) or _holds_secret(name, each) for each in value)
    if isinstance(value, dict):
        return bool(_SECRET_NAME.search(name)) and not value.keys() <= _REFERENCE
    return looks_secret(name, value)


def _is_variable(item: object) -> bool:
    """Whether an item of a list is an environment variable that is a secret, or an object that has one."""
    if not isinstance(item, dict):
        return False
    return looks_secret(str(item.get("name", "")), item.get("value")) or bool(without_secrets(item)[1])


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
    managers: frozenset[str] = frozenset()
    """What wrote Helm's record, by its program's name, such as `helm` or `helm-controller`."""

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
