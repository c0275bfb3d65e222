"""Secrets that stand in the values of a release, and the `helm upgrade` that names their Secrets instead.

Until then they are in Helm's record, and `pulumi import` would copy them into the state in plain text.
"""

from collections.abc import Mapping
from typing import Any

from airflow_stack.cli.adopt.model import Given, Live

# Value, the value that names a Secret instead, and the end of the name of the one that the chart made.
_BY_NAME = {
    "fernetKey": ("fernetKeySecretName", "fernet-key"),
    "apiSecretKey": ("apiSecretKeySecretName", "api-secret-key"),
    "jwtSecret": ("jwtSecretName", "jwt-secret"),
    "data.metadataConnection": ("data.metadataSecretName", "metadata"),
    "data.brokerUrl": ("data.brokerUrlSecretName", "broker-url"),
    "redis.password": ("redis.passwordSecretName", "redis-password"),
    "dags.gitSync.sshKey": ("dags.gitSync.sshKeySecret", "ssh-secret"),
    "postgresql.auth.password": ("postgresql.auth.existingSecret", "postgresql"),
    "postgresql.auth.postgresPassword": ("postgresql.auth.existingSecret", "postgresql"),
    "registry.connection": ("registry.secretName", "registry"),
    "elasticsearch.connection": ("elasticsearch.secretName", "elasticsearch"),
    "opensearch.connection": ("opensearch.secretName", "opensearch"),
}
# Read by nothing any more, or once only.
_NOT_NEEDED = (
    "webserverSecretKey",
    "extraSecrets",
    "createUserJob.defaultUser.password",
    "webserver.defaultUser.password",
    "defaultUser\\.password",
    "data.resultBackendConnection",
)


def replacements(live: Live) -> dict[str, str]:
    """What to set in the values so that no secret is left in them, by the path: the name of a Secret, or `null`."""
    found: dict[str, str] = {}
    for path, (by_name, suffix) in _BY_NAME.items():
        if _has(live.values, path):
            found |= {path: "null", by_name: live.secret(None, suffix)}
    if "redis.passwordSecretName" in found:  # the chart asks for both (check-values)
        found.setdefault("data.brokerUrlSecretName", live.secret(None, "broker-url"))
    found |= {path: "null" for path in _NOT_NEEDED if _has(live.values, path)}
    # The chart makes these two anew with each upgrade, unless they are named.
    for path in ("apiSecretKey", "jwtSecret") if found else ():
        by_name, suffix = _BY_NAME[path]
        if not _has(live.values, by_name) and live.secret(None, suffix) in live.secrets:
            found[by_name] = live.secret(None, suffix)
    return found


def upgrade(live: Live, set_: Mapping[str, str], chart: str = "") -> str:
    """The command; it holds names alone.

    With --reuse-values Helm would keep what is set to null, as a default of the chart (action/upgrade.go, `reuseValues`).
    """
    pairs = " ".join(f"--set '{path}={value}'" for path, value in set_.items())
    source = chart or f"airflow --repo https://airflow.apache.org --version {live.chart_version}"
    return f"helm upgrade {live.release} {source} --namespace {live.namespace} --reset-then-reuse-values {pairs}"


def keep(live: Live, set_: Mapping[str, str]) -> str:
    """The command by which Helm leaves those Secrets that it made as part of the release; empty where there are none."""
    tracked = {each["metadata"]["name"] for each in live.manifest if each["kind"] == "Secret"}
    extra = live.values.get("extraSecrets") or {}
    names = " ".join(f"secret/{name}" for name in sorted(tracked & {*set_.values(), *extra}))
    return (
        f"kubectl annotate --namespace {live.namespace} {names} helm.sh/resource-policy=keep --overwrite\n"
        if names
        else ""
    )


def _has(values: Mapping[str, Any], path: str) -> bool:
    if "\\." in path:
        return path.replace("\\.", ".") in values
    if path.endswith("Connection"):  # without a password there is nothing to hide
        path += ".pass"
    return Given(values).take(path) not in (None, {}, "")
