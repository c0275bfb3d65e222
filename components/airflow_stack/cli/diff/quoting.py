"""Values as text: without secrets, without control characters, and in backquotes.

A sentence consists of the program's own words and of values in backquotes, so that a renderer can tell the two apart.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping

HIDDEN = "[hidden]"
_MAX_CHARACTERS = 120
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?(_|$)|secret|token|credential|private|fernet|(api|access)_?key|_key$|^airflow_conn_|sql_alchemy_conn|broker_url",
    re.IGNORECASE,
)
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def is_secret_name(name: str) -> bool:
    """Whether a variable, option or key of this name usually holds a secret."""
    return bool(_SECRET_NAME.search(name))


def clean(text: str) -> str:
    """The text without passwords in URLs and private keys, and with control characters escaped."""
    text = _PEM.sub(HIDDEN, _PASSWORD_IN_URL.sub(rf"\1{HIDDEN}@", text))
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in text)


def shown(value: object, name: str = "") -> str:
    """A value as text, maps and lists as JSON. Values with a secret's name are hidden."""
    if _holds_text(value):
        return HIDDEN if is_secret_name(name) else clean(str(value))
    return clean(json.dumps(_without_secrets(value, name), ensure_ascii=False))


def _without_secrets(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        own = str(value.get("name", "")) if "value" in value else ""
        return {
            key: _without_secrets(inner, own if own and key == "value" else str(key)) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner, name) for inner in value]
    return HIDDEN if _holds_text(value) and is_secret_name(name) else value


def _holds_text(value: object) -> bool:
    """Whether a value is a text or a number, such as a password of digits, and not empty."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def code(value: object) -> str:
    """A value in a sentence: in backquotes, at most 120 characters."""
    text = " ".join(shown(value).replace("`", "'").split())
    return f"`{text if len(text) <= _MAX_CHARACTERS else f'{text[: _MAX_CHARACTERS - 1]}…'}`" if text else "nothing"


def listed(items: Iterable[str], most: int = 8) -> str:
    """Items in a sentence: `a, b and c`."""
    items = list(items)
    more = len(items) - most
    if more > 0:
        items = [*items[:most], f"{more} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "nothing"
