"""Rule against plaintext secrets in a release's values, a pod's environment or a ConfigMap. It never shows a value.

It recognizes secrets by content (a private key, a URL with a password, a token of a known form), by place (the chart's keys for secrets,
`extraSecrets`) and by name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import yaml

from airflow_stack.credentials import CHART_SECRETS

from .model import RELEASE, Resource, Rule, Violation, at, leaves
from .workload_rules import containers

Path = tuple[str, ...]

_IS_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\w://[^/@\s:]*:[^/@\s]+@"
    r"|\b(gh[pousr]_\w{20}|github_pat_\w{20}|glpat-[\w-]{16}|xox[abprs]-[\w-]{10}|AKIA[0-9A-Z]{16})"
)
_CHART_KEYS = frozenset(path for each in CHART_SECRETS for path in each.plain_text)
_PASSWORD = re.compile(r"(^|[a-z_-])(Pass|pass|Passwd|passwd|Password|password|Passphrase|passphrase)$")
_NAMED_SECRET = re.compile(
    r"(PASS|PASSWD|PASSWORD|PASSPHRASE|TOKEN|SECRET|CREDENTIALS?|DSN|(API|SECRET|ACCESS|PRIVATE|SSH|FERNET|SIGNING|ENCRYPTION|ACCOUNT)_?KEY)$"
)
# Airflow's options that contain a secret under another name.
_AIRFLOW_SECRET = re.compile(r"(SQL_ALCHEMY_CONN(_ASYNC)?|BROKER_URL|RESULT_BACKEND)$")
_METADATA = frozenset(("annotations", "podAnnotations", "airflowPodAnnotations", "labels"))


def secret_name(name: str) -> bool:
    """Whether a variable or option of this name contains a secret. References to a secret do not count."""
    upper = name.upper()
    if reference := re.match(r"(.+)_(CMD|SECRET)$", upper):  # Airflow's `_CMD` and `_SECRET`
        return not (secret_name(reference[1]) or _AIRFLOW_SECRET.search(reference[1])) and upper.endswith("SECRET")
    return bool(_NAMED_SECRET.search(upper))


def _is_secret(name: str, text: str) -> bool:
    """Whether a named text is a secret, or JSON that contains one, like connections and `backend_kwargs`."""
    if text.strip().lower() in ("", "true", "false", "none"):
        return False
    if _IS_SECRET.search(text) or secret_name(name):
        return True
    with suppress(ValueError):
        inner = json.loads(text) if text.lstrip().startswith("{") else None
        return any(_is_secret(path[-1], value) for path, value in leaves(inner) if path)
    return False


def _in_environment(variables: object, path: Path) -> Iterator[Path]:
    for variable in variables if isinstance(variables, list) else []:
        name, value = (
            (variable.get(key) for key in ("name", "value")) if isinstance(variable, Mapping) else (None, None)
        )
        if isinstance(name, str) and isinstance(value, str) and _is_secret(name, value):
            yield (*path, name)


def _in_values(values: Mapping[str, Any]) -> Iterator[Path]:
    with suppress(yaml.YAMLError):
        yield from _in_environment(yaml.safe_load(at(values, "extraEnv", "")), ("extraEnv",))
    for path, text in leaves(values):
        name, dotted = path[-1], ".".join(path)
        named = dotted in _CHART_KEYS or bool(_PASSWORD.search(name))
        if path[0] == "config":
            named = secret_name(name)
        elif path[0] == "extraSecrets":
            named = "data" in path or "stringData" in path
        elif _METADATA & set(path):
            named = False
        if _is_secret("", text) or (named and text.strip()):
            yield path
    for path in _lists_of_variables(values, ()):
        yield from _in_environment(_follow(values, path), path)


def _lists_of_variables(value: object, path: Path) -> Iterator[Path]:
    """Every `env` of the chart's components and of extra containers."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "env" and isinstance(inner, list):
                yield (*path, key)
            yield from _lists_of_variables(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lists_of_variables(inner, (*path, str(index)))


def _follow(value: Any, path: Path) -> object:  # noqa: ANN401  any value of a chart
    for step in path:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def _plaintext(resource: Resource) -> Iterator[Violation]:
    found: list[Path] = []
    if resource.type == RELEASE:
        found += (("values", *path) for path in _in_values(resource.at("values", {})))
    elif resource.type == "kubernetes:core/v1:ConfigMap":
        found += (
            ("data", key)
            for key, text in resource.at("data", {}).items()
            if isinstance(text, str) and _is_secret(key, text)
        )
    for path, container in containers(resource):
        found += _in_environment(at(container, "env", []), (path, "env"))
        found += (
            (path, *inner)
            for inner, text in leaves({k: container.get(k) for k in ("command", "args")})
            if _IS_SECRET.search(text)
        )
    for place in dict.fromkeys(found):
        yield Violation(
            ".".join(place),
            "looks like a plaintext secret, which the Helm release stores, and kubectl and previews show",
            "put it into a Secret and reference that, with airflow:environmentFrom or the chart's ...SecretName values; then replace the exposed secret",
        )


RULES = (
    Rule("no-plaintext-secrets", "No secret is plaintext.", "https://github.com/pulumi/pulumi/issues/9781", _plaintext),
)  # fmt: skip
