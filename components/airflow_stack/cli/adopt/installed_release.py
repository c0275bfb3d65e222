"""Reads a release from a cluster: Helm's own record of it, and the Secrets beside it. Changes nothing.

Of the Secrets only names and keys leave this module, and of a metadata connection its dialect.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import yaml

from airflow_stack.cli.adopt.model import Live
from airflow_stack.cli.kubernetes_client import KubernetesClient, KubernetesObject, select_context
from airflow_stack.credentials import METADATA_CONNECTION
from airflow_stack.errors import UserError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(release: str, namespace: str, context: str | None, env: Mapping[str, str]) -> Live:
    """A release as it is deployed.

    Raises:
        UserError: there is none, or the cluster cannot be asked.
    """
    client = KubernetesClient(select_context(None, context, env))
    secrets = client.list_objects(f"/api/v1/namespaces/{namespace}/secrets")
    return of_secrets(release, namespace, secrets)


def of_secrets(release: str, namespace: str, secrets: Sequence[KubernetesObject]) -> Live:
    """A release by all Secrets of its namespace.

    Raises:
        UserError: none of them is Helm's record of a release that is deployed, or an operation on it runs.
    """
    records, others = [], {}
    for secret in secrets:
        if _label(secret, "owner") == "helm":
            records += [secret] if _label(secret, "name") == release else []
        else:
            others[secret["metadata"]["name"]] = secret.get("data") or {}
    names = {_label(secret, "name") for secret in secrets if secret.get("type") == "helm.sh/release.v1"}
    kept = _deployed(release, namespace, records, names, secrets)
    record = _record(kept)
    chart = record["chart"]["metadata"]
    return Live(
        release=release,
        namespace=namespace,
        revision=record["version"],
        chart=chart["name"],
        chart_version=chart["version"],
        airflow_version=chart.get("appVersion", ""),
        values=record.get("config") or {},
        manifest=[each for each in yaml.load_all(record["manifest"], Loader=_LOADER) if each],
        secrets={name: frozenset(data) for name, data in others.items()},
        connections={
            name: _dialect(data[url]) for name, data in others.items() if (url := METADATA_CONNECTION.key) in data
        },
        other_releases=tuple(sorted(names - {release, ""})),
        managers=_managers(kept),
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
            f"Helm takes an operation on release {release!r} for running ({_label(pending[0], 'status')}); let it end, or `helm rollback {release} "
            f"--namespace {namespace}`"
        )
    deployed = [each for each in records if _label(each, "status") == "deployed"]
    if not deployed:
        there = f"; there are {', '.join(sorted(names - {''}))}" if names - {""} else ""
        if any(manager.startswith("argocd") for secret in secrets for manager in _managers(secret)):
            there += ". Argo CD deploys into it, and leaves no record of Helm's: what it deploys cannot be adopted in place, but its values can (--values)"
        raise UserError(
            f"namespace {namespace!r} has no release {release!r} that Helm deployed{there}; `helm list --all-namespaces` shows all"
        )
    return max(deployed, key=lambda each: int(_label(each, "version") or 0))


def _record(secret: KubernetesObject) -> dict[str, Any]:
    """Helm's record: JSON, gzipped, in Base64, in the Base64 of every Secret."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        record: dict[str, Any] = json.loads(gzip.decompress(packed))
    except (KeyError, ValueError, OSError, EOFError, zlib.error):
        raise UserError("Helm's record of the release cannot be read; does `helm status` know it?") from None
    return record


def _dialect(connection: str) -> str:
    with suppress(ValueError):
        return base64.b64decode(connection).decode().partition(":")[0].partition("+")[0]
    return ""
