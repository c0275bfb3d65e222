"""How values are put into text: never a secret, nothing that a terminal or Markdown would obey, and marked off by backquotes.

Text that the other modules make is their own words plus `code` of values, so that a renderer can tell the two apart.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping

HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?(_|$)|secret|token|credential|private|fernet|(api|access)_?key|_key$|^airflow_conn_|sql_alchemy_conn|broker_url",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL)


def is_secret_name(name: str) -> bool:
    """Whether a variable, an option or a key of this name would hold a secret."""
    return bool(_SECRET_NAME.search(name))


def clean(text: str) -> str:
    """The text without passwords in URLs and private keys; characters that control or reorder the display are spelt out."""
    text = _PEM.sub(HIDDEN, _IN_URL.sub(rf"\1{HIDDEN}@", text))
    return "".join(c if c in "\n\t" or unicodedata.category(c)[0] != "C" else f"\\u{ord(c):04x}" for c in text)


def shown(value: object, name: str = "") -> str:
    """A value as text; maps and lists as JSON, and what stands under a secret's name hidden."""
    if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        return HIDDEN if is_secret_name(name) else clean(str(value))
    return clean(json.dumps(_hidden(value, name), ensure_ascii=False))


def _hidden(value: object, name: str) -> object:
    if isinstance(value, Mapping):
        own = str(value.get("name", "")) if "value" in value else ""
        return {key: _hidden(inner, own if own and key == "value" else str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, name) for inner in value]
    return HIDDEN if isinstance(value, str) and value and is_secret_name(name) else value


def code(value: object) -> str:
    """A value within a sentence."""
    text = " ".join(shown(value).replace("`", "'").split())
    return f"`{text if len(text) <= 120 else f'{text[:119]}…'}`" if text else "nothing"


def listed(items: Iterable[str], most: int = 8) -> str:
    """Several things within a sentence."""
    items = list(items)
    more = len(items) - most
    if more > 0:
        items = [*items[:most], f"{more} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else "nothing"


def plural(count: int, thing: str) -> str:
    """So many things."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
