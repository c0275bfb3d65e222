"""Rule against admins without a login of their own: default passwords, anonymous roles, and APIs without authentication."""

import ast
import re
from collections.abc import Iterator

from .model import Resource, Rule, Violation, at, leaves, truth
from .places import option, variables, without_comments

_WITHOUT_RIGHTS = ("", "Public", "Viewer", "None")
"""Roles of FAB that change nothing (https://airflow.apache.org/docs/apache-airflow-providers-fab/stable/auth-manager/access-control.html)."""
_OPEN_BACKEND = re.compile(r"auth\.backend\.default\b")
"""`airflow.api.auth.backend.default` and the provider's: every request of the REST API is allowed."""
_PUBLIC_ROLE = re.compile(r"\bAUTH_ROLE_PUBLIC\b")
_LITERAL = re.compile(
    r"""^\s*(?:\w+\.)*AUTH_ROLE_PUBLIC\s*(?::\s*[\w\[\]| .]+)?=\s*(['"]?)(\w*)\1\s*(?:#.*)?$""", re.MULTILINE
)
_WEAK = ("admin", "airflow", "password")


def _without_login(resource: Resource) -> Iterator[Violation]:
    yield from _simple_auth_manager(resource)
    yield from _open_api(resource)
    for each in variables(resource):
        if each.name == "AUTH_ROLE_PUBLIC" and each.value not in _WITHOUT_RIGHTS:
            yield _anonymous(each.path)
        if each.name == "_AIRFLOW_WWW_USER_PASSWORD" and each.value in _WEAK:
            yield _guessable(each.path)
    if resource.is_airflow:
        yield from _default_users(resource)
        yield from _flower(resource)
        for path, text in leaves(resource.at("values", {})):
            if _PUBLIC_ROLE.search(text) and gives_rights(text):
                yield _anonymous(f"values.{'.'.join(path)}")
    elif resource.type == "kubernetes:core/v1:ConfigMap":
        for key, text in resource.at("data", {}).items():
            if isinstance(text, str) and _PUBLIC_ROLE.search(text) and gives_rights(text):
                yield _anonymous(f"data.{key}")


def gives_rights(config: str) -> bool:
    """Whether a `webserver_config.py` gives users without a login more than the role Public or Viewer.

    Args:
        config: Text of the file, which may be a template of Helm. What cannot be read counts as more.
    """
    try:
        tree = ast.parse(config)
    except (SyntaxError, ValueError, RecursionError):
        lines = [line for line in without_comments(config).splitlines() if _PUBLIC_ROLE.search(line)]
        known = [match[2] for line in lines if (match := _LITERAL.match(line))]
        return len(known) < len(lines) or any(role not in _WITHOUT_RIGHTS for role in known)
    assigned: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
            pairs = [(node.target, node.value)] if node.value else []
        else:
            continue
        assigned += (value for target, value in pairs if _PUBLIC_ROLE.search(ast.unparse(target)))
    # Another mention, such as a dictionary or `globals().update(...)`, may set it too.
    mentions = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "AUTH_ROLE_PUBLIC"]
    mentions += [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == "AUTH_ROLE_PUBLIC"]  # type: ignore[misc]
    return bool(mentions) or any(
        not (isinstance(value, ast.Constant) and str(value.value) in _WITHOUT_RIGHTS) for value in assigned
    )


def _simple_auth_manager(resource: Resource) -> Iterator[Violation]:
    for path, value in option(resource, "core", "simple_auth_manager_all_admins"):
        if value is None or truth(value):
            yield Violation(
                path,
                "everyone is an admin without a login",
                "remove it; the program's auth manager requires a password",
                value and True,
            )


def _open_api(resource: Resource) -> Iterator[Violation]:
    for section, name in (("api", "auth_backends"), ("api", "auth_backend"), ("fab", "auth_backends")):
        for path, value in option(resource, section, name):
            if value and _OPEN_BACKEND.search(value):
                yield Violation(
                    path,
                    "the REST API allows every request without a login, also those of an admin",
                    "remove it: the default requires a login; or use airflow.providers.fab.auth_manager.api.auth.backend.session",
                )


def _default_users(resource: Resource) -> Iterator[Violation]:
    values = resource.at("values", {})
    given = at(values, "webserver.defaultUser") is not None
    users = {
        "createUserJob": truth(at(values, "createUserJob.enabled", True)),
        "webserver": truth(at(values, "webserver.defaultUser.enabled", given)),
    }
    for parent, is_made in users.items():
        if is_made and str(at(values, f"{parent}.defaultUser.password", "admin")).lower() in _WEAK:
            yield _guessable(f"values.{parent}.defaultUser.password")


def _flower(resource: Resource) -> Iterator[Violation]:
    values = resource.at("values", {})
    named = at(values, "flower.secretName") or (at(values, "flower.username") and at(values, "flower.password"))
    if (
        truth(at(values, "flower.enabled", False))
        and not named
        and "Celery" in str(at(values, "executor", "CeleryExecutor"))
    ):
        yield Violation(
            "values.flower.secretName",
            "everyone who reaches Flower controls the workers without a login",
            "put `user:password` into a Secret, key basicAuth, and name it here; or switch Flower off",
            "not set",
        )


def _anonymous(path: str) -> Violation:
    return Violation(
        path,
        "users without a login get the rights of a role (AUTH_ROLE_PUBLIC)",
        "remove AUTH_ROLE_PUBLIC, or set it to Public or Viewer",
    )


def _guessable(path: str) -> Violation:
    return Violation(
        path,
        "anyone who reaches the login page can log in as admin with a known password",
        "let the program create the user (airflow:admin), with a random password: pulumi stack output adminPassword --show-secrets",
    )


RULES = (
    Rule(
        "no-default-admin",
        "Every admin logs in, with a password that is not the default.",
        "https://github.com/apache/airflow/pull/72209",
        _without_login,
    ),
)
