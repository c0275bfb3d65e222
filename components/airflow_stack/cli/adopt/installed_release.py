"""Reads a release from a cluster: Helm's record of it, and the Secrets of its namespace. Changes nothing.

Only names and keys of the Secrets leave this module, and the dialect of a metadata connection.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from airflow_stack.cli import fast_yaml
from airflow_stack.cli.kubernetes_client import KubernetesClient, KubernetesObject, select_context
from airflow_stack.credentials import METADATA_CONNECTION
from airflow_stack.errors import UserError

from .model import InstalledRelease


def read_release(release: str, namespace: str, context: str | None, env: Mapping[str, str]) -> InstalledRelease:
    """Read a deployed release.

    Args:
        release: Name of the release.
        namespace: Its namespace.
        context: Context in the kubeconfig; None: the current one.
        env: Environment with KUBECONFIG and HOME.

    Raises:
        UserError: there is no such release, or the cluster is not readable.
    """
    client = KubernetesClient(select_context(None, context, env))
    secrets = client.list_objects(f"/api/v1/namespaces/{namespace}/secrets")
    return of_secrets(release, namespace, secrets)


def of_secrets(release: str, namespace: str, secrets: Sequence[KubernetesObject]) -> InstalledRelease:
    """The release in the Secrets of its namespace.

    Raises:
        UserError: none of them is Helm's record of the deployed release, or an operation on it is pending.
    """
    records, others = [], {}
    for secret in secrets:
        if _label(secret, "owner") == "helm":
            records += [secret] if _label(secret, "name") == release else []
        else:
            others[secret["metadata"]["name"]] = secret.get("data") or {}
    names = {_label(secret, "name") for secret in secrets if secret.get("type") == "helm.sh/release.v1"}
    newest = _deployed(release, namespace, records, names, secrets)
    record = _record(newest)
    chart = record["chart"]["metadata"]
    return InstalledRelease(
        name=release,
        namespace=namespace,
        revision=record["version"],
        chart=chart["name"],
        chart_version=chart["version"],
        airflow_version=chart.get("appVersion", ""),
        values=record.get("config") or {},
        manifest=[each for each in fast_yaml.load_all(record["manifest"]) if each],
        secrets={name: frozenset(data) for name, data in others.items()},
        connections={
            name: _dialect(data[url]) for name, data in others.items() if (url := METADATA_CONNECTION.key) in data
        },
        other_releases=tuple(sorted(names - {release, ""})),
        managers=_managers(newest),
    )


def _managers(secret: KubernetesObject) -> frozenset[str]:
    return frozenset(entry.get("manager", "") for entry in secret["metadata"].get("managedFields") or [])


def _label(secret: KubernetesObject, key: str) -> str:
    return str((secret["metadata"].get("labels") or {}).get(key, ""))


def _deployed(
    release: str, namespace: str, records: list[KubernetesObject], names: set[str], secrets: Sequence[KubernetesObject]
) -> KubernetesObject:
    if pending := [each for each in records if _label(each, "status").startswith("pending-")]:
        raise UserError(
            f"an operation on release {release!r} is pending ({_label(pending[0], 'status')}); wait until it has ended, or run `helm rollback {release} "
            f"--namespace {namespace}`"
        )
    deployed = [each for each in records if _label(each, "status") == "deployed"]
    if not deployed:
        others = f"; releases: {', '.join(sorted(names - {''}))}" if names - {""} else ""
        if any(manager.startswith("argocd") for secret in secrets for manager in _managers(secret)):
            others += ". Argo CD deploys into it without a record of Helm: its deployment cannot be adopted in place, but its values can be converted (--values)"
        raise UserError(
            f"namespace {namespace!r} has no release {release!r} that Helm deployed{others}; `helm list --all-namespaces` shows all"
        )
    return max(deployed, key=lambda each: int(_label(each, "version") or 0))


def _record(secret: KubernetesObject) -> dict[str, Any]:
    """Helm's record: JSON, gzipped, in Base64, in the Base64 of the Secret."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        record: dict[str, Any] = json.loads(gzip.decompress(packed))
    except (KeyError, ValueError, OSError, EOFError, zlib.error):
        raise UserError("Helm's record of the release is not readable; check it with `helm status`") from None
    return record


def _dialect(connection: str) -> str:
    with suppress(ValueError):
        return base64.b64decode(connection).decode().partition(":")[0].partition("+")[0]
    return ""
