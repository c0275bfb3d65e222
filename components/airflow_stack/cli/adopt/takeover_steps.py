"""What a person does to take a release over: the import file, and the commands in their order. No command holds or shows a secret."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack.cli.adopt.model import Adoption, Live
from airflow_stack.cli.recording import Recording
from airflow_stack.credentials import ASYNC_METADATA_CONNECTION, METADATA_CONNECTION

_RELEASE = "kubernetes:helm.sh/v3:Release"
_ASYNC = (
    "import base64, json, sys; s = json.load(sys.stdin); d = s[\"data\"]; c = base64.b64decode(d[\"connection\"]).decode(); "
    "d[\"asyncConnection\"] = base64.b64encode((\"postgresql+asyncpg:\" + c.partition(\":\")[2].replace(\"sslmode=\", \"ssl=\")).encode()).decode(); "
    "json.dump(s, sys.stdout)"
)  # fmt: skip


def import_file(recording: Recording, live: Live) -> dict[str, Any]:
    """What `pulumi import --file` reads: the release, and the components above it, as the program registers them."""
    urn = recording.urn(_RELEASE)
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
        entry |= {"id": f"{live.namespace}/{live.release}"} if registered.type == _RELEASE else {"component": True}
        resources.append(entry)
    return {"resources": resources}


def kept(live: Live, adoption: Adoption) -> list[str]:
    """Secrets that the program names and Helm would delete, for the chart made them as part of the release."""
    tracked = {each["metadata"]["name"] for each in live.manifest if each["kind"] == "Secret"}
    named = {
        *adoption.settings.get("existingSecrets", {}).values(),
        *adoption.settings.get("images", {}).get("pullSecrets", ()),
    }
    auth = adoption.settings.get("values", {}).get("postgresql", {}).get("auth", {})
    return sorted(tracked & {*named, auth.get("existingSecret")})


def before_import(live: Live, adoption: Adoption, removed: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each step until the import: why, and the command."""
    keep = [f"secret/{name}" for name in kept(live, adoption)]
    keep += [f"persistentvolumeclaim/{name}" for kind, name in removed if kind == "PersistentVolumeClaim"]
    if keep:
        yield (
            "Helm is to leave these when the release no longer makes them",
            f"kubectl annotate --namespace {live.namespace} {' '.join(keep)} helm.sh/resource-policy=keep --overwrite",
        )
    metadata = adoption.settings.get("existingSecrets", {}).get(METADATA_CONNECTION.setting)
    if metadata and ASYNC_METADATA_CONNECTION.key not in live.secrets.get(metadata, frozenset()):
        yield (
            f"Airflow 3 reads the connection for asyncpg too: a second key in {metadata}",
            f"kubectl get secret {metadata} --namespace {live.namespace} --output json | python3 -c {shlex.quote(_ASYNC)} | kubectl replace --filename -",
        )


def set_secrets(secrets: Mapping[str, str], source: str, stack: str) -> Iterator[tuple[str, str]]:
    """How each secret of a values file gets into the stack, unseen."""
    for setting, where in secrets.items():
        into = f"pulumi config set --secret airflow:{setting} --stack {stack}"
        if not where:
            yield f"airflow:{setting}", into
        elif where.startswith("Secret "):
            yield f"airflow:{setting}, which is in {where}", into
        else:
            yield f"airflow:{setting}", f"airflow-stack adopt {source} --value {shlex.quote(where)} | {into}"
