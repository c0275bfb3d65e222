"""Recognizes secrets in plain text by name, by form and by place: the one definition for `adopt`, `check` and the policies. Pure.

A reference is no secret: the name of a Secret, Airflow's options `_cmd` and `_secret`, a file, or a variable such as `$(PASSWORD)`.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from airflow_stack.credentials import CHART_SECRETS

Path = tuple[str, ...]
"""Keys and indexes that lead to a value."""

_CHART_PATHS = frozenset(path for each in CHART_SECRETS for path in each.plain_text)
_PASSWORD = "PASSWORD|PASSWD|PASSPHRASE"  # noqa: S105  names, not a password
_NAME = re.compile(
    rf"({_PASSWORD}|(?<!BY)(?<!COM)(?<!SUR)(?<!TRES)PASS|(^|_)PWD?|TOKEN|SECRET|CREDENTIALS?|DSN|(^|_)CONN|BASIC_AUTH"
    r"|(API|SECRET|ACCESS|PRIVATE|SSH|FERNET|SIGNING|ENCRYPTION|ACCOUNT|MASTER|DEPLOY)_?KEYS?)$"
)
# A password with a word behind it, such as SMTP_PASSWORD_PROD, unless that word names something else.
_PASSWORD_OF = re.compile(rf"({_PASSWORD})(_[A-Z0-9]+)+$")
_ABOUT_A_PASSWORD = re.compile(
    rf"({_PASSWORD})\w*_(FILE|PATH|CMD|COMMAND|SECRET|KEY|NAME|URL|URI|HASH_METHOD|ALGORITHM|MIN|MAX|LENGTH|POLICY|EXPIRY|EXPIRATION|RESET|HINT|FIELD|"
    r"LABEL|ENV|VAR|VARIABLE|REF|ENABLED|REQUIRED|PROMPT|COLUMN)(_|$)"
)
_ONLY_PASSWORD = re.compile(rf"({_PASSWORD}|PASS|(^|_)PWD?)$")
# Airflow's options that hold a secret under another name.
_AIRFLOW_SECRET = re.compile(r"(SQL_ALCHEMY_CONN(_ASYNC)?|BROKER_URL|RESULT_BACKEND)$")
# In values of charts, `xSecret` and `xSecretKey` name a Secret and a key in it.
_REFERENCE = re.compile(
    r"(?<!client)(?<!app)(?<!consumer)(?<!shared)(?<!webhook)(?<!cookie)(?<!session)(?<!signing)(?<!jwt)(?<!oauth)Secret(Key)?$|^secretKey$"
)
_NO_VALUE = re.compile(r"\s*(|true|false|none|null|yes|no|on|off|~|\*+)\s*", re.IGNORECASE)
_VARIABLE = re.compile(r"\s*(\$\([^()]+\)|\$\{[^{}]+\}|\$\w+|\{\{.*\}\})\s*", re.DOTALL)
_FILE = re.compile(r"(/[\w.@-]+)+/?")
_LOCATION = re.compile(r"[\w+.:-]+://\S*")

_FORM = re.compile(
    r"PRIVATE KEY-----"
    r"|\b(gh[pousr]_\w{20}|github_pat_\w{20}|glpat-[\w-]{16}|gldt-[\w-]{16}|xox[abeprs]-[\w-]{10}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}|npm_\w{30}"
    r"|dckr_pat_[\w-]{20}|hvs\.[\w-]{20}|SG\.[\w-]{16,}\.[\w-]{16,}|sk_live_\w{16}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.)"
    r"|(?<![\w+/=-])[\w-]{43}=(?![\w=])"  # a Fernet key
    r"|\w://[^/@\s:\"'?#]*:(?!\d{1,5}[/?#])(?!\$[({]|\{\{)[^@\s\"']+@"  # a URL with a password
    r"|:thin:[^/@\s]+/[^@\s]+@"  # JDBC of Oracle
    r"|https?://(?=[^/@\s]*\d)[\w-]{20,}@"  # a URL with a token as its user
    r"|\b[Aa]uthorization['\"]?\s*[:=]\s*['\"]?(Basic|Bearer)\s+[\w+/=.-]{8,}"
)
_VALUE = r"(?!\$[({\w]|\{\{|<|%\(|os\.|env\b|(?:true|false|none|null)\b)(?:\"[^\"$]+\"|'[^'$]+'|[^\s;&\"'(),{}\[\]]+(?![\w.]*[(\[]))"
# JDBC, ODBC and libpq strings, query strings, options of commands.
_ASSIGNED = re.compile(
    r"(?:^|[;&?\s\"'-])(?:\w*password|passwd|pwd|passphrase|accountkey|sharedaccesskey|sharedaccesssignature|(?:access|auth|private|refresh|bearer)[_-]?token"
    rf"|token|client[_-]?secret|secret|api[_-]?key|sig)=(?=\S){_VALUE}",
    re.IGNORECASE,
)
_OPTION = re.compile(
    rf"--?(?:\w+-)*(?:password|passwd|pass|passphrase|token|secret|api-?key)(?:\s+(?!-)|\s*=\s*){_VALUE}", re.IGNORECASE
)
_LINE = re.compile(r"^[\s-]*[\"']?(?P<name>[\w.-]+)[\"']?\s*[:=]\s*(?P<value>\S.*?)[\s,]*$", re.MULTILINE)
_ASSIGNMENT = re.compile(r"\s*[\w.-]+\s*=\s*\S+\s*")
_PAIR = re.compile(r"name:\s*[\"']?(?P<name>[\w.-]+)[\"']?\s*\n\s*value:\s*(?P<value>\S.*?)\s*$", re.MULTILINE)
_IS_CODE = re.compile(r"^\s*(import|from|def|class) \w", re.MULTILINE)
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[\w+/=\s]+")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
# Their keys with a domain, such as checksum/token, hold no secret.
_ABOUT_OBJECTS = frozenset(("annotations", "podAnnotations", "airflowPodAnnotations", "labels", "podLabels"))


def secret_name(name: str) -> bool:
    """Whether a variable, option or key of this name holds a secret."""
    if _REFERENCE.search(name):
        return False
    upper = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-.\s]", "_", name).upper()
    if reference := re.match(r"(.+)_(CMD|SECRET)$", upper):  # Airflow's `_cmd` and `_secret`
        return not (secret_name(reference[1]) or _AIRFLOW_SECRET.search(reference[1])) and upper.endswith("SECRET")
    if _NAME.search(upper):
        return True
    return bool(_PASSWORD_OF.search(upper)) and not _ABOUT_A_PASSWORD.search(upper)


def secret_text(text: str) -> bool:
    """Whether a text has the form of a secret or contains one, whatever its name."""
    if _FORM.search(text) or _ASSIGNED.search(text) or _OPTION.search(text):
        return True
    if any("PRIVATE KEY" in _decoded(found[0]) for found in _ENCODED_PEM.finditer(text)):
        return True
    if text.lstrip().startswith(("{", "[")) or "\n" in text or _ASSIGNMENT.fullmatch(text):
        return _in_document(text)
    return False


def looks_secret(name: str, value: object) -> bool:
    """Whether a value of this name is a secret: a text by its name or form, a number by its name alone."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return secret_name(name) and bool(_ONLY_PASSWORD.search(_upper(name)))
    if not isinstance(value, str) or _NO_VALUE.fullmatch(value):
        return False
    if secret_text(value):
        return True
    if _VARIABLE.fullmatch(value):
        return False
    upper = _upper(name)
    if upper.startswith("AIRFLOW_CONN_"):  # a URL or JSON without a secret is neither
        return not (_LOCATION.fullmatch(value) or value.lstrip().startswith("{"))
    if not secret_name(name):
        return False
    if re.search(r"(^|_)CONN$", upper):
        return not _LOCATION.fullmatch(value)
    return _ONLY_PASSWORD.search(upper) is not None or not _FILE.fullmatch(value)


def secret_places(value: object, path: Path = (), *, seen: set[int] | None = None) -> Iterator[Path]:
    """Paths of all secrets in chart values or other YAML data, in order.

    Items of lists with `name` and `value`, as Kubernetes has them, count by that name.

    Args:
        value: The data.
        path: Where they are.
        seen: Objects that are not visited again, such as those of YAML aliases.
    """
    if seen is not None:
        if id(value) in seen:
            return
        seen.add(id(value))
    if isinstance(value, Mapping):
        own = str(value.get("name", "")) if "value" in value else ""
        if isinstance(value.get("auths"), Mapping):  # of a Docker configuration
            yield (*path, "auths")
            return
        for key, inner in value.items():
            named = own if own and key == "value" else str(key)
            yield from _places(named, inner, (*path, str(key)), seen)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _places(path[-1] if path else "", inner, (*path, str(index)), seen)


def _places(name: str, value: object, path: Path, seen: set[int] | None) -> Iterator[Path]:
    if isinstance(value, Mapping | list):
        if path[:1] == ("extraSecrets",) and path[-1] in ("data", "stringData") and value:
            yield path
        else:
            yield from secret_places(value, path, seen=seen)
        return
    given = isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip()
    held = ".".join(path) in _CHART_PATHS or (path[0] == "extraSecrets" and bool({"data", "stringData"} & {*path}))
    if (held and given) or looks_secret("" if "/" in name and _ABOUT_OBJECTS & {*path[:-1]} else name, value):
        yield path


def shown_place(value: object, path: Path) -> str:
    """A path for messages: an item of a list with `name` and `value` by that name."""
    steps: list[str] = []
    for step in path:
        inner = value[int(step)] if isinstance(value, list) else value.get(step) if isinstance(value, Mapping) else None
        named = step == "value" and isinstance(value, Mapping) and isinstance(value.get("name"), str)
        if named and isinstance(value, Mapping):
            steps[-1] = str(value["name"])
        else:
            steps.append(step)
        value = inner
    return ".".join(steps)


def decoded(text: str) -> str:
    """The text of a Secret's `data` without its Base64.

    Raises:
        ValueError: it is not Base64 of a text. The message holds no part of it.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except ValueError:
        raise ValueError("is not Base64 of a text") from None


def _decoded(text: str) -> str:
    with suppress(ValueError):
        return decoded(text)
    return ""


def _upper(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-.\s]", "_", name).upper()


def _in_document(text: str) -> bool:
    """Whether a text is JSON or YAML with a secret, or has a line that sets one."""
    import yaml  # only texts of several lines pay for its import

    found: object = None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
    if found is None:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        with suppress(yaml.YAMLError, ValueError, RecursionError, TypeError):
            found = yaml.load(text, loader)  # noqa: S506  both loaders are safe
    if isinstance(found, Mapping | list):
        return next(secret_places(found, seen=set()), None) is not None
    is_code = bool(_IS_CODE.search(text))
    return any(
        looks_secret(line["name"], _literal(line["value"], quoted=is_code))
        for pattern in (_LINE, _PAIR)
        for line in pattern.finditer(text)
    )


def _literal(text: str, *, quoted: bool) -> str:
    """The text that a line assigns; empty if the line has an expression."""
    if found := re.fullmatch(r"[\"'](.*)[\"']", text):
        return found[1]
    return "" if quoted or re.search(r"[({\[]|^[|>]", text) else text
