"""Steps of a takeover: the import file, and the commands in order. No command contains or shows a secret."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.cli.recording import Recording
from airflow_stack.credentials import ASYNC_METADATA_CONNECTION, METADATA_CONNECTION

from .model import Adoption, InstalledRelease

Step = tuple[str, str]
"""Reason, and command."""
_ADD_ASYNC_CONNECTION = (
    "import base64, json, sys; s = json.load(sys.stdin); d = s[\"data\"]; c = base64.b64decode(d[\"connection\"]).decode(); "
    "d[\"asyncConnection\"] = base64.b64encode((\"postgresql+asyncpg:\" + c.partition(\":\")[2].replace(\"sslmode=\", \"ssl=\")).encode()).decode(); "
    "json.dump(s, sys.stdout)"
)  # fmt: skip


def import_file(recording: Recording, release: InstalledRelease) -> dict[str, Any]:
    """Content of the file for `pulumi import --file`: the release, and the components above it, as the program registers them."""
    urn = recording.urn(RELEASE)
    chain: list[str] = []
    while urn in recording.resources:
        chain.insert(0, urn)
        urn = recording.resources[urn].parent
    resources: list[dict[str, Any]] = []
    for depth, urn in enumerate(chain):
        registered = recording.resources[urn]
        entry: dict[str, Any] = {"type": registered.type, "name": f"adopted-{depth}", "logicalName": registered.name}
        if depth:
            entry["parent"] = f"adopted-{depth - 1}"
        entry |= {"id": f"{release.namespace}/{release.name}"} if registered.type == RELEASE else {"component": True}
        resources.append(entry)
    return {"resources": resources}


def secrets_to_keep(release: InstalledRelease, adoption: Adoption) -> list[str]:
    """Secrets that the stack names and Helm would delete, because the chart created them as part of the release."""
    tracked = {each["metadata"]["name"] for each in release.manifest if each["kind"] == "Secret"}
    named = {
        *adoption.settings.get("existingSecrets", {}).values(),
        *adoption.settings.get("images", {}).get("pullSecrets", ()),
    }
    auth = adoption.settings.get("values", {}).get("postgresql", {}).get("auth", {})
    return sorted(tracked & {*named, auth.get("existingSecret")})


def before_import(release: InstalledRelease, adoption: Adoption, removed: list[tuple[str, str]]) -> Iterator[Step]:
    """The steps before the import.

    Args:
        release: The release.
        adoption: Settings of the stack.
        removed: Objects that the first `up` removes from the release, by kind and name.
    """
    keep = [f"secret/{name}" for name in secrets_to_keep(release, adoption)]
    keep += [f"persistentvolumeclaim/{name}" for kind, name in removed if kind == "PersistentVolumeClaim"]
    if keep:
        yield (
            "let Helm keep these objects when the release no longer has them",
            f"kubectl annotate --namespace {release.namespace} {' '.join(keep)} helm.sh/resource-policy=keep --overwrite",
        )
    metadata = adoption.settings.get("existingSecrets", {}).get(METADATA_CONNECTION.setting)
    if metadata and ASYNC_METADATA_CONNECTION.key not in release.secrets.get(metadata, frozenset()):
        yield (
            f"add a second key to {metadata}: Airflow 3 also reads the connection for asyncpg",
            f"kubectl get secret {metadata} --namespace {release.namespace} --output json"
            f" | python3 -c {shlex.quote(_ADD_ASYNC_CONNECTION)} | kubectl replace --filename -",
        )


def set_secrets(secrets: Mapping[str, str], source: str, stack: str, namespace: str) -> Iterator[Step]:
    """The steps that copy the secrets of a values file into the stack, without showing them.

    Args:
        secrets: Secret settings, and where their values are: a path in the values, `Secret <name>, key <key>`, or empty.
        source: Options of `airflow-stack adopt` for the values file.
        stack: Name of the stack.
        namespace: Namespace of the Secrets.
    """
    for setting, place in secrets.items():
        command = f"pulumi config set --secret airflow:{setting} --stack {shlex.quote(stack)}"
        if not place:
            yield f"set airflow:{setting}", command
        elif in_secret := re.fullmatch(r"Secret (.+), key (\S+)", place):
            name, key = in_secret.groups()
            template = shlex.quote("{{index .data " + json.dumps(key) + "}}")
            read = f"kubectl get secret {shlex.quote(name)} --namespace {shlex.quote(namespace)} --output go-template={template} | base64 --decode"
            yield f"set airflow:{setting}, from {place}", f"{read} | {command}"
        else:
            yield f"set airflow:{setting}", f"airflow-stack adopt {source} --value {shlex.quote(place)} | {command}"
