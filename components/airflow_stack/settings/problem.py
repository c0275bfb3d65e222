"""The one form of a wrong setting, as data. `inputs/wording.py` turns it into text for a stack file, a program or a served component.

Fails closed: value and reason are redacted when a problem is made, so that no text made of one can show a secret.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

HIDDEN: Final = "[hidden]"
REQUIRED: Final = "is required"
# In URLs: user and password, a user alone over HTTPS, and whatever stands before a later @. The user of `ssh://git@host` stays.
_CREDENTIALS = (
    re.compile(r"(^|://|')[^/@\s'\"{]*:(?!\d{1,5}/)[^/].*@", re.DOTALL),
    re.compile(r"(https?://)[^/@\s]+@"),
    re.compile(r"(\w://)(?![\w.-]+@[^\s'\"@]*(?:[\s'\"]|$))[^\s'\"]+@"),
)
_WITHOUT_SCHEME = re.compile(r"(^|[\s'\"])(?!\w+://)[^\s'\"@]*[:/][^\s'\"]*@(?!sha256:)(?=[^\s'\"]*[./:])")
_QUERY = re.compile(r"([/.:@][^\s'\"?#]*[?#]|[?&][\w.-]+=)[^\s'\"]+")
_LOOKS_SECRET = re.compile(r"pass|secret|token|key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Set:
    """Step of a fix: give the setting another value.

    Args:
        path: Path of the setting.
        value: Its value, or a placeholder in `<>` where no value can be proposed.
    """

    path: str
    value: str = "<value>"


@dataclass(frozen=True)
class Remove:
    """Step of a fix: leave the setting out.

    Args:
        path: Path of the setting.
        is_key: Whether the path is one key with dots in it.
    """

    path: str
    is_key: bool = False


@dataclass(frozen=True)
class SetSecret:
    """Step of a fix: set a secret."""

    key: str


Step = Set | Remove | SetSecret | str
"""A change of one setting, or a sentence where no change of a setting helps."""


@dataclass(frozen=True)
class Problem:
    """One wrong setting.

    Args:
        path: Path of the setting in camelCase, such as `dags.repository`.
        reason: Rest of a sentence that begins with the path.
        fix: Steps that correct it, in order.
        otherwise: Another way to correct it, as a sentence without capital and stop.
        allowed: Values that are allowed.
        value: The value that was given; None: none is shown. Kept as redacted text of at most 80 characters.
        is_unknown: Whether the last key of the path is no setting, and is shown as it was given.
    """

    path: str
    reason: str
    fix: tuple[Step, ...] = ()
    otherwise: str = ""
    allowed: str = ""
    value: object = None
    is_unknown: bool = False

    def __post_init__(self) -> None:
        """Redact what was given."""
        object.__setattr__(self, "reason", redacted(self.reason))
        if self.value is not None and not isinstance(self.value, _Shown):
            object.__setattr__(self, "value", _shown(self.path, self.value))


def at_most_one(path: str, **alternatives: object) -> Iterator[Problem]:
    """The problem of alternatives of which more than one is given, by their names below `path`."""
    given = [name for name, value in alternatives.items() if value is not None]
    if len(given) > 1:
        reason = f"give one of {', '.join(alternatives)}; {' and '.join(given)} are set"
        yield Problem(path, reason, tuple(Remove(f"{path}.{name}") for name in given[1:]))


class _Shown(str):
    """A value as it may be shown."""

    __slots__ = ()


def redacted(text: str) -> str:
    """The text without passwords and tokens in URLs; nothing of it where it holds a private key."""
    for credential in _CREDENTIALS:
        text = credential.sub(rf"\1{HIDDEN}@", text)
    return HIDDEN if "PRIVATE KEY" in text else text


def _shown(path: str, value: object) -> _Shown:
    """The value on one line; hidden under a path that looks like a secret's, unless it is a switch or a generation."""
    plain = isinstance(value, bool) or (path.startswith("rotation.") and isinstance(value, float | int))
    if value == HIDDEN or (_LOOKS_SECRET.search(path) and not plain):
        return _Shown(HIDDEN)
    try:
        text = value if isinstance(value, str) else json.dumps(_without_secrets(value), default=str)
    except (TypeError, ValueError, RecursionError):  # keys that are no text, a number of 5000 digits, endless nesting
        text = f"something of type {type(value).__name__}"
    text = _QUERY.sub(rf"\1{HIDDEN}", _WITHOUT_SCHEME.sub(rf"\1{HIDDEN}@", redacted(text)))
    if path.lower().endswith("repository"):
        text = re.sub(r"([?#]).+", rf"\1{HIDDEN}", text, flags=re.DOTALL)
    return _Shown(text if text == HIDDEN else repr(text if len(text) <= 80 else f"{text[:77]}…"))


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {k: HIDDEN if _LOOKS_SECRET.search(str(k)) else _without_secrets(v) for k, v in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value
