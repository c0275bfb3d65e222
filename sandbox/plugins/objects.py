"""Kubernetes objects of one kind as resources, with the official provider's rules.

Changes are told from the inputs alone, so a preview without changes asks no cluster; what drifted
is found at a refresh, by asking the API server what applying the inputs again would change.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import base64
import threading
from contextlib import suppress

from sandbox.plugins import awaits
from sandbox.plugins.api import Api, ApiError
from sandbox.plugins.protocol import InvalidInputError, NotReadyError, PluginError, Resource, Subject
from sandbox.plugins.wire import UNKNOWN, Path, Properties, Value, has_unknown, plain, secret, secrets_like

_OPTION = "pulumi.com/"  # the prefix of annotations that speak to the provider
_SERVER_SIDE = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")

# Fields of `spec` for which a new object is needed: provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes.
_REPLACING = {
    "Job": ("completions", "parallelism", "selector", "template"),
    "PersistentVolumeClaim": ("accessModes", "selector", "storageClassName", "volumeName"),
    "StatefulSet": ("podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"),
}


class Objects(Resource):
    """Objects of one kind. `mutable` lets the data of a Secret change in place."""

    def __init__(self, api: Api, cancelled: threading.Event, api_version: str, kind: str, mutable: bool) -> None:
        self._api, self._cancelled = api, cancelled
        self._api_version, self._kind, self._mutable = api_version, kind, mutable

    def check(self, subject: Subject) -> Properties:
        inputs = {"apiVersion": self._api_version, "kind": self._kind, **subject.inputs}
        if not plain(inputs.get("metadata") or {}).get("name"):
            raise InvalidInputError("metadata", "the sandbox's stand-in makes up no names: metadata.name is needed")
        # As the API server keeps it, so that a text can be taken out again and drift be seen.
        texts = plain(inputs.pop("stringData", {}))
        if texts == UNKNOWN:  # in the preview of a new stack
            inputs["data"] = UNKNOWN
        elif texts:
            inputs["data"] = plain(inputs.get("data", {})) | {key: _encoded(text) for key, text in texts.items()}
        return self._guarded(inputs)

    def replaced_by(self, path: Path) -> bool:
        if path[0] == "metadata":
            return path[1:2] in (("name",), ("namespace",))
        if self._kind == "Secret":
            return path[0] == "type" or (path[0] == "data" and not self._mutable)
        return path[0] == "spec" and path[1] in _REPLACING.get(self._kind, ())

    def delete_before_replace(self, subject: Subject) -> bool:
        return _id(plain(subject.inputs)) == _id(plain(subject.old_inputs))

    def other_replacements(self, subject: Subject) -> list[str]:
        if self._kind != "Job" or not _option(subject.inputs, "replaceUnready"):
            return []
        try:
            live = self._live(subject.id)
        except ApiError:
            return []
        return [f'metadata.annotations["{_OPTION}replaceUnready"]'] if live and awaits.missing(live) else []

    def create(self, subject: Subject) -> tuple[str, Properties]:
        manifest = plain(subject.inputs)
        if subject.preview:
            self._dry_run(manifest, new=True)
            return "", subject.inputs
        if self._live(_id(manifest)):
            raise PluginError(
                f'{self._kind} "{manifest["metadata"]["name"]}" already exists in the cluster: import it with '
                "the resource option import_, give another name, or delete it"
            )
        return _id(manifest), self._awaited(subject, self._api.apply(manifest))

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        live = self._live(subject.id)
        if live is None:
            return None
        inputs = self._drifted(subject.inputs, live) if subject.outputs else self._guarded(_importable(live))
        outputs = self._outputs(inputs, live)
        lacking = None if _option(inputs, "skipAwait") else awaits.missing(live)
        if lacking and subject.outputs:
            raise NotReadyError(subject.id, inputs, outputs, [lacking])
        return subject.id, inputs, outputs

    def update(self, subject: Subject) -> Properties:
        manifest = plain(subject.inputs)
        if subject.preview:
            dry = self._dry_run(manifest)
            return self._outputs(subject.inputs, dry) if dry else subject.inputs
        return self._awaited(subject, self._api.apply(manifest))

    def delete(self, subject: Subject) -> None:
        live = self._live(subject.id)
        if live is None:
            return
        self._api.delete(self._api_version, self._kind, *_where(subject.id))
        try:
            awaits.until_gone(self._api, live, subject.timeout, self._cancelled)
        except awaits.AwaitError as error:
            raise PluginError(f"{self._kind} {subject.id} was not deleted: {error}") from error

    def _live(self, id_: str) -> Properties | None:
        return self._api.get(self._api_version, self._kind, *_where(id_))

    def _dry_run(self, manifest: Properties, *, new: bool = False) -> Properties | None:
        """Let the API server check what a preview can know; None where it cannot tell yet."""
        if has_unknown(manifest):
            return None
        try:
            if new and self._live(_id(manifest)):
                manifest["metadata"]["name"] += "-preview"  # the old object goes before its replacement comes
            live = self._api.apply(manifest, dry_run=True)
        except ApiError as error:
            if error.status in (0, 403, 404):  # no cluster, no right to ask, no namespace or CRD yet
                return None
            raise
        live.pop("status", None)
        return live

    def _awaited(self, subject: Subject, live: Properties) -> Properties:
        if _option(subject.inputs, "skipAwait"):
            return self._outputs(subject.inputs, live)
        try:
            live = awaits.until_ready(self._api, live, subject.timeout, self._cancelled)
        except awaits.AwaitError as error:
            reasons = [f"{self._kind} {_id(live)}: {error}"]
            with suppress(ApiError):
                live = awaits.get_again(self._api, live) or live
                reasons += awaits.troubles(self._api, live)
            outputs = self._outputs(subject.inputs, live)
            raise NotReadyError(_id(live), subject.inputs, outputs, reasons) from error
        return self._outputs(subject.inputs, live)

    def _drifted(self, inputs: Properties, live: Properties) -> Properties:
        """Return the inputs with the live value wherever applying them again would change it."""
        manifest = plain(inputs)
        try:
            desired = self._api.apply(manifest, dry_run=True)
        except ApiError:
            return inputs  # nothing can be told, so nothing is claimed
        return self._guarded(secrets_like(_overlay(manifest, desired, live), inputs))

    def _outputs(self, inputs: Properties, live: Properties) -> Properties:
        metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
        return self._guarded(secrets_like(live | {"metadata": metadata}, inputs))

    def _guarded(self, properties: Properties) -> Properties:
        if self._kind != "Secret" or "data" not in properties:
            return properties
        return properties | {"data": secret(properties["data"])}


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
    inputs["metadata"] = {key: value for key, value in live["metadata"].items() if key not in _SERVER_SIDE}
    return inputs


def _option(inputs: Properties, name: str) -> bool:
    """Tell whether an annotation asks the provider for something."""
    annotations = plain(inputs["metadata"]).get("annotations") or {}
    return bool(annotations.get(_OPTION + name) == "true")


def _id(live: Properties) -> str:
    metadata = live["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _where(id_: str) -> tuple[str, str]:
    namespace, _, name = id_.rpartition("/")
    return namespace, name


def _encoded(text: str) -> str:
    return text if text == UNKNOWN else base64.b64encode(text.encode()).decode()
