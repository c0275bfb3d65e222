"""Kubernetes objects of any kind as resources, with the official provider's rules.

Changes are told from the inputs alone, so a preview without changes asks no cluster; what drifted
is found at a refresh, by asking the API server what applying the inputs again would change.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import base64
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass

from sandbox.plugins import awaits
from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.protocol import NotReadyError, PluginError, Resource, Subject
from sandbox.plugins.wire import Path, Properties, Value, has_unknown, plain, secret, secrets_like

_OPTION = "pulumi.com/"  # the prefix of annotations that speak to the provider
_SERVER_SIDE = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")

# What a new object is needed for: provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes.
_REPLACING: dict[str, tuple[Path, ...]] = {
    "ConfigMap": (("binaryData",), ("data",)),
    "Deployment": (("spec", "selector"),),
    "Job": tuple(("spec", key) for key in ("completions", "parallelism", "selector", "template")),
    "PersistentVolumeClaim": tuple(
        ("spec", key) for key in ("accessModes", "selector", "storageClassName", "volumeName")
    ),
    "ResourceQuota": (("spec", "scopes"),),
    "RoleBinding": (("roleRef",),),
    "Secret": (("data",), ("stringData",), ("type",)),
    "Service": (("spec", "clusterIP"),),
    "StatefulSet": (
        ("spec", "podManagementPolicy"),
        ("spec", "revisionHistoryLimit"),
        ("spec", "selector"),
        ("spec", "serviceName"),
        ("spec", "volumeClaimTemplates"),
    ),
}


@dataclass(frozen=True)
class Rules:
    """The provider settings that change how objects are treated."""

    force_conflicts: bool = False
    mutable: frozenset[str] = frozenset()  # kinds among ConfigMap and Secret


class Objects(Resource):
    """Objects of one kind."""

    def __init__(self, api: Api, rules: Rules, cancelled: threading.Event, api_version: str, kind: str) -> None:
        self._api, self._rules, self._cancelled = api, rules, cancelled
        self._api_version, self._kind = api_version, kind

    def check(self, subject: Subject) -> Properties:
        inputs = {"apiVersion": self._api_version, "kind": self._kind, **subject.inputs}
        metadata = _metadata(inputs)
        if not metadata.get("name") and not has_unknown(inputs.get("metadata")):
            adopted = _option(subject.old_inputs, "autonamed") and _metadata(subject.old_inputs)["name"]
            name = adopted or f"{subject.name}-{secrets.token_hex(4)}"
            annotations = {**metadata.get("annotations", {}), f"{_OPTION}autonamed": "true"}
            metadata |= {"name": name, "annotations": annotations}
            inputs["metadata"] = secrets_like(metadata, inputs.get("metadata"))
        return self._guarded(inputs)

    def replaced_by(self, subject: Subject, path: Path) -> bool:
        if path[:2] in (("metadata", "name"), ("metadata", "namespace")):
            return True
        if self._kind in self._rules.mutable and not plain(subject.inputs).get("immutable"):
            return path[:1] == ("type",)
        return any(path[: len(each)] == each for each in _REPLACING.get(self._kind, ()))

    def delete_before_replace(self, subject: Subject) -> bool:
        new, old = _metadata(subject.inputs), _metadata(subject.old_inputs)
        same = all(new.get(key) == old.get(key) for key in ("name", "namespace"))
        return same and not _option(subject.inputs, "autonamed")

    def other_replacements(self, subject: Subject) -> list[str]:
        if self._kind != "Job" or not _option(subject.inputs, "replaceUnready"):
            return []
        try:
            live = self._live(*_where(subject.id))
            unready = live is not None and awaits.missing(self._api, live) is not None
        except awaits.NeverReadyError:
            unready = True
        except ApiError:
            unready = False
        return [f'metadata.annotations["{_OPTION}replaceUnready"]'] if unready else []

    def create(self, subject: Subject) -> tuple[str, Properties]:
        if subject.preview:
            self._dry_run(subject, new=True)
            return "", subject.inputs
        manifest = self._manifest(subject.inputs)
        metadata = manifest["metadata"]
        if self._live(metadata.get("namespace", ""), metadata["name"]):
            raise PluginError(
                f'{self._kind} "{metadata["name"]}" already exists in the cluster: import it with '
                "the resource option import_, give another name, or delete it"
            )
        live = self._api.apply(manifest, force=False)
        return _id(live), self._awaited(subject, live)

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        live = self._live(*_where(subject.id))
        if live is None:
            return None
        if not subject.outputs:
            inputs = self._guarded(_importable(live))
            return subject.id, inputs, self._outputs(inputs, live)
        inputs = self._drifted(subject.inputs, live)
        outputs = self._outputs(inputs, live)
        try:
            lacking = None if _option(inputs, "skipAwait") else awaits.missing(self._api, live)
        except awaits.NeverReadyError as error:
            lacking = str(error)
        if lacking:
            raise NotReadyError(subject.id, inputs, outputs, [lacking])
        return subject.id, inputs, outputs

    def update(self, subject: Subject) -> Properties:
        if subject.preview:
            dry = self._dry_run(subject)
            return self._outputs(subject.inputs, dry) if dry else subject.inputs
        if self._live(*_where(subject.id)) is None:
            raise PluginError(f"{self._kind} {subject.id} is gone: run `pulumi refresh` first")
        force = self._rules.force_conflicts or bool(_option(subject.inputs, "patchForce"))
        try:
            live = self._api.apply(self._manifest(subject.inputs), force=force)
        except ApiError as error:
            if error.status != 409:
                raise
            raise PluginError(
                f'{error}\nTo take the fields over, annotate it with {_OPTION}patchForce: "true"'
            ) from error
        return self._awaited(subject, live)

    def delete(self, subject: Subject) -> None:
        live = self._live(*_where(subject.id))
        if live is None:
            return
        self._api.delete(self._api_version, self._kind, *_where(subject.id))
        try:
            awaits.until_gone(self._api, live, subject.timeout, self._cancelled)
        except awaits.TimedOutError as error:
            raise PluginError(f"{self._kind} {subject.id} was not deleted: {error}") from error

    def _live(self, namespace: str, name: str) -> Properties | None:
        return self._api.get(self._api_version, self._kind, namespace, name)

    def _dry_run(self, subject: Subject, *, new: bool = False) -> Properties | None:
        """Let the API server check what a preview can know; None where it cannot tell yet."""
        manifest = self._manifest(subject.inputs)
        if has_unknown(manifest):
            return None
        metadata = manifest["metadata"]
        try:
            if new and self._live(metadata.get("namespace", ""), metadata["name"]):
                metadata["name"] += "-preview"  # the old object goes before its replacement comes
            live = self._api.apply(manifest, force=True, dry_run=True)
        except ApiError as error:
            if error.status in (0, 403, 404):  # no cluster, no right to ask, no namespace or CRD yet
                return None
            raise
        live.pop("status", None)
        return live

    def _awaited(self, subject: Subject, live: Properties) -> Properties:
        if _option(subject.inputs, "skipAwait"):
            return self._outputs(subject.inputs, live)
        timeout = subject.timeout or float(_option(subject.inputs, "timeoutSeconds") or 0)
        try:
            live = awaits.until_ready(self._api, live, timeout, self._cancelled)
        except (awaits.NeverReadyError, awaits.TimedOutError) as error:
            reasons = [f"{self._kind} {_id(live)}: {error}"]
            with suppress(ApiError):
                live = awaits.get_again(self._api, live) or live
                reasons += awaits.troubles(self._api, live)
            outputs = self._outputs(subject.inputs, live)
            raise NotReadyError(_id(live), subject.inputs, outputs, reasons) from error
        return self._outputs(subject.inputs, live)

    def _drifted(self, inputs: Properties, live: Properties) -> Properties:
        """Return the inputs with the live value wherever applying them again would change it."""
        manifest = self._manifest(inputs)
        try:
            desired = self._api.apply(manifest, force=True, dry_run=True)
        except ApiError:
            return inputs  # nothing can be told, so nothing is claimed
        found = _overlay(manifest, desired, live)
        if found == manifest:
            return inputs
        if "stringData" in inputs:
            texts = plain(inputs["stringData"])
            data = found.pop("data", {})
            found["stringData"] = {k: _decoded(data.pop(k)) for k in texts if k in data}
            found |= {"data": data} if data else {}
        return self._guarded(secrets_like(found, inputs))

    def _manifest(self, inputs: Properties) -> Properties:
        """Return what is applied: plain, and a Secret's texts as data, so that they can go too."""
        manifest: Properties = plain(inputs)
        texts = manifest.pop("stringData", None) if self._kind == "Secret" else None
        if isinstance(texts, dict) and not has_unknown(texts):
            encoded = {k: base64.b64encode(v.encode()).decode() for k, v in texts.items()}
            manifest["data"] = {**manifest.get("data", {}), **encoded}
        return manifest

    def _outputs(self, inputs: Properties, live: Properties) -> Properties:
        metadata = {k: v for k, v in live["metadata"].items() if k != "managedFields"}
        outputs = secrets_like(live | {"metadata": metadata}, inputs)
        if "stringData" in inputs:
            outputs["stringData"] = inputs["stringData"]
        return self._guarded(outputs)

    def _guarded(self, properties: Properties) -> Properties:
        if self._kind != "Secret":
            return properties
        hidden = {k: secret(v) for k, v in properties.items() if k in ("data", "stringData")}
        return properties | hidden


def _overlay(inputs: Value, desired: Value, live: Value) -> Value:
    if desired == live:
        return inputs
    if all(isinstance(each, dict) for each in (inputs, desired, live)):
        return {
            key: _overlay(value, desired.get(key), live.get(key))
            for key, value in inputs.items()
            if key in live or key not in desired
        }
    lists = all(isinstance(each, list) for each in (inputs, desired, live))
    if lists and len(inputs) == len(desired) == len(live):
        return [_overlay(*items) for items in zip(inputs, desired, live, strict=True)]
    return live


def _importable(live: Properties) -> Properties:
    inputs = {key: value for key, value in live.items() if key != "status"}
    inputs["metadata"] = {k: v for k, v in live["metadata"].items() if k not in _SERVER_SIDE}
    return inputs


def _metadata(inputs: Properties) -> Properties:
    """Return an object's metadata, empty where a preview does not know them."""
    metadata = plain(inputs.get("metadata"))
    return metadata if isinstance(metadata, dict) else {}


def _option(inputs: Properties, name: str) -> str:
    """Return the value of an annotation that speaks to the provider; empty if absent or false."""
    annotations = _metadata(inputs).get("annotations")
    value = annotations.get(_OPTION + name, "") if isinstance(annotations, dict) else ""
    return "" if value == "false" else str(value)


def _id(live: Properties) -> str:
    metadata = live["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _where(id_: str) -> tuple[str, str]:
    namespace, _, name = id_.rpartition("/")
    return namespace, name


def _decoded(data: str) -> str:
    return base64.b64decode(data).decode(errors="replace")
