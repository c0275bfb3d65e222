"""Kubernetes objects of one kind as resources, with the rules of the official provider: provider/pkg/provider/provider.go.

Changes are told from the state alone, so a preview without changes asks no cluster; what drifted is found at a refresh.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import os
import threading
from dataclasses import replace

from sandbox.plugins import object_messages
from sandbox.plugins.await_logic import AwaitError, AwaitLogic, option
from sandbox.plugins.checkpoint import checkpoint, field_manager, initial_version, inputs_and_live, marked, pruned
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.field_managers import may_force, takeover_patch
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.normalize import READ_ONLY, normalized
from sandbox.plugins.object_diff import diff_object
from sandbox.plugins.object_names import OPTION_PREFIX, namespace_and_name, object_id, with_name
from sandbox.plugins.property_values import Properties, has_unknown, plain
from sandbox.plugins.protocol import NotReadyError, PluginError, Request, ResourceDiff, ResourceType, take_only
from sandbox.plugins.readiness import FailedError, JobReadiness

_RETRIES = 6  # a namespace or a definition may be on its way
_OPTIONS = (
    "autonamed",
    "deletionPropagationPolicy",
    "patchForce",
    "replaceUnready",
    "skipAwait",
    "timeoutSeconds",
    "waitFor",
)
_SKIP_AT_DELETION = ("Job", "Namespace", "StatefulSet")
_PROPAGATION = {"orphan": "Orphan", "background": "Background"}


class _UntoldError(Exception):
    """A preview that cannot know what the API server would say."""


class ObjectType(ResourceType):
    """Objects of one kind. `mutable` lets the data of a Secret change in place."""

    def __init__(
        self,
        api: KubernetesApi,
        awaits: AwaitLogic,
        cancelled: threading.Event,
        api_version: str,
        kind: str,
        mutable: bool,
    ) -> None:
        self._api, self._awaits, self._cancelled = api, awaits, cancelled
        self._api_version, self._kind, self._mutable = api_version, kind, mutable

    def check(self, subject: Request) -> Properties:
        given = {"apiVersion": self._api_version, "kind": self._kind, **subject.inputs}
        inputs = plain(given)
        metadata = inputs["metadata"] = with_name(inputs.get("metadata") or {}, subject)
        asked = [
            key.removeprefix(OPTION_PREFIX)
            for key in metadata.get("annotations") or {}
            if key.startswith(OPTION_PREFIX)
        ]
        take_only(_OPTIONS, asked)
        # What was kept already needs no second look, and a preview without changes not the types of Kubernetes.
        return marked(inputs if inputs == plain(subject.old_inputs) else normalized(inputs), given)

    def diff(self, subject: Request) -> ResourceDiff:
        new = plain(subject.inputs)
        old_inputs, live = inputs_and_live(subject.outputs)
        old = pruned(live, old_inputs)
        old.setdefault("metadata", {})["name"] = live["metadata"]["name"]
        for each in (old, new):
            metadata = each["metadata"] = {k: v for k, v in each["metadata"].items() if k != "resourceVersion"}
            namespace = metadata.pop("namespace", None) or "default"
            if self._api.is_namespaced(self._api_version, self._kind):
                metadata["namespace"] = namespace
        found = diff_object(old, new, mutable=self._mutable)
        replaces = found.replaces + self._unready(new, live, subject.log)
        return replace(found, replaces=replaces, delete_first=bool(replaces) and object_id(new) == object_id(live))

    def create(self, subject: Request) -> tuple[str, Properties]:
        inputs = plain(subject.inputs)
        if subject.preview and not self._can_be_tried(inputs):
            return "", subject.inputs
        try:
            live = self._created(inputs, subject)
        except _UntoldError:
            return "", subject.inputs
        except KubernetesApiError as error:
            if error.status == 0:
                raise
            if error.no_match:
                what = f'creation of resource "{subject.urn}" with kind {self._api_version}/{self._kind}'
                raise PluginError(f"{what} {object_messages.NO_MATCH}: {error}") from error
            exists = object_messages.EXISTS if error.reason == "AlreadyExists" else ""
            what = f'resource "{subject.urn}" was not successfully created by the Kubernetes API server'
            raise PluginError(f"{what}: {error}{exists}") from error
        manager, version, failure = field_manager({}), inputs["apiVersion"], None
        subject.log.clear()
        if subject.preview:
            live.pop("status", None)
        else:
            live, failure = self._awaited(inputs, live, subject, created=True)
        outputs = checkpoint(inputs, live, subject.inputs, version, manager)
        if failure:
            what = f'resource "{subject.urn}" was successfully created, but the Kubernetes API server reported that it'
            raise NotReadyError(
                object_id(live), None, outputs, _reasons(f"{what} {object_messages.NOT_LIVE}", failure)
            ) from failure
        return object_id(live), outputs

    def read(self, subject: Request) -> tuple[str, Properties, Properties] | None:
        imported = not subject.outputs
        try:
            live = self._api.get(self._api_version, self._kind, *namespace_and_name(subject.id))
        except KubernetesApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, subject.log):
                return None
            if error.status == 0:
                raise PluginError(
                    f"failed to read resource state due to unreachable cluster. {object_messages.FORGET}"
                ) from error
            raise
        old_inputs = plain(subject.inputs)
        failure = None
        if not imported:
            try:
                self._awaits.check_now(old_inputs, live, subject.log)
            except AwaitError as error:
                failure = error
        inputs = _importable(live) if imported else pruned(live, normalized(old_inputs))
        version, manager = initial_version(subject.outputs, old_inputs or live), field_manager(subject.outputs)
        outputs = checkpoint(inputs, live, subject.inputs, version, manager)
        if failure:
            raise NotReadyError(subject.id, marked(inputs, subject.inputs), outputs, failure.reasons) from failure
        return subject.id, marked(inputs, subject.inputs), outputs

    def update(self, subject: Request) -> Properties:
        inputs, (old_inputs, old_live) = plain(subject.inputs), inputs_and_live(subject.outputs)
        if subject.preview and not self._can_be_tried(inputs):
            return subject.inputs
        manager, failure = field_manager(subject.outputs), None
        try:
            live = self._applied(inputs, old_live, manager, preview=subject.preview)
        except KubernetesApiError as error:
            if subject.preview and error.status in (0, 403):
                return subject.inputs
            if error.status == 0:
                raise
            if error.no_match:
                raise PluginError(f'update of resource "{subject.urn}" {object_messages.NO_MATCH}: {error}') from error
            live, failure = (
                self._seen(old_live, subject, error),
                AwaitError(old_live, object_messages.update_refused(error, manager)),
            )
        else:
            if not subject.preview:
                live, failure = self._awaited(inputs, live, subject, created=False)
        version = initial_version(subject.outputs, old_inputs)
        outputs = checkpoint(inputs, live, subject.inputs, version, manager)
        if failure:
            what = f'the Kubernetes API server reported that "{object_id(live)}" {object_messages.NOT_LIVE}'
            raise NotReadyError(object_id(live), None, outputs, _reasons(what, failure)) from failure
        return outputs

    def delete(self, subject: Request) -> None:
        inputs, live = inputs_and_live(subject.outputs)
        namespace, name = namespace_and_name(subject.id)
        if not live:
            live = {"apiVersion": self._api_version, "kind": self._kind}
            live["metadata"] = {"name": name} | ({"namespace": namespace} if namespace else {})
        propagation = _PROPAGATION.get(option(inputs, "deletionPropagationPolicy").lower(), "Foreground")
        try:
            self._api.delete(self._api_version, self._kind, namespace, name, propagation)
        except KubernetesApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, subject.log):
                return
            if error.status == 0:
                raise PluginError(f"configured Kubernetes cluster is unreachable. {object_messages.FORGET}") from error
            raise
        if option(inputs, "skipAwait") == "true" and self._kind in _SKIP_AT_DELETION:
            return
        try:
            self._awaits.until_gone(live, subject.timeout, inputs, subject.log)
        except AwaitError as error:
            raise PluginError(str(error)) from error
        subject.log.clear()

    @staticmethod
    def _is_to_be_forgotten(error: KubernetesApiError, log: OperationLog) -> bool:
        """Warn of a cluster that is not reached, and tell whether the user says that it is gone."""
        if error.status == 0:
            log.message("WARNING", str(error))
        return error.status == 0 and os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE") == "true"

    def _can_be_tried(self, inputs: Properties) -> bool:
        """Tell whether a preview can ask the API server what it would do."""
        return not has_unknown(inputs) and self._api.serves_kind(self._api_version, self._kind)

    def _created(self, inputs: Properties, subject: Request) -> Properties:
        for attempt in range(_RETRIES):
            try:
                return self._api.create(inputs, dry_run=subject.preview)
            except KubernetesApiError as error:
                is_to_come = error.status == 404 and error.kind == "namespaces"
                if subject.preview and (error.status == 0 or is_to_come):
                    raise _UntoldError from error
                subject.log.tell("INFO", f"Retry #{attempt}; creation failed: {error}", True)
                if subject.preview and (error.status == 403 or error.reason == "AlreadyExists"):
                    raise _UntoldError from error
                if error.status != 404:
                    raise
                failure = error
            self._cancelled.wait(2**attempt)
        raise failure

    def _applied(self, inputs: Properties, old_live: Properties, manager: str, *, preview: bool) -> Properties:
        live = self._awaits.fetch(old_live)
        if not preview and (patch := takeover_patch(live, manager)):
            live = self._api.patch(live, patch)
        annotations = inputs["metadata"].get("annotations") or {}
        force = may_force(live, annotations, preview=preview)
        return self._api.apply(inputs, manager, force=force, dry_run=preview)

    def _seen(self, old_live: Properties, subject: Request, failure: KubernetesApiError) -> Properties:
        try:
            return self._awaits.fetch(old_live)
        except KubernetesApiError as error:
            what = f'update of resource "{subject.urn}" failed: {failure}'
            raise PluginError(f"{what}\nunable to get cluster state: {error}") from error

    def _awaited(
        self, inputs: Properties, live: Properties, subject: Request, *, created: bool
    ) -> tuple[Properties, AwaitError | None]:
        try:
            live = self._awaits.until_ready(inputs, live, subject.timeout, subject.log, created=created)
        except AwaitError as error:
            return error.live, error
        except KubernetesApiError as error:
            return live, AwaitError(live, str(error))
        subject.log.clear()
        return live, None

    def _unready(self, new: Properties, live: Properties, log: OperationLog) -> list[str]:
        """Name a reason for a new Job although no input changed: the old one is not complete."""
        if option(new, "replaceUnready") != "true":
            return []
        if self._kind != "Job":
            log.tell("WARNING", "replaceUnready annotation is not supported for this resource", False)
            return []
        try:
            job = JobReadiness(self._awaits.fetch(live), OperationLog())
            job.see("ADDED", job.live, 0)
        except FailedError:
            pass
        except KubernetesApiError as error:
            if error.status == 0:
                log.tell("WARNING", "Cluster is unreachable, skipping replaceUnready check", False)
            return []
        return [] if job.done else [f'.metadata.annotations["{OPTION_PREFIX}replaceUnready"]']


def _importable(live: Properties) -> Properties:
    inputs = {key: value for key, value in live.items() if key != "status"}
    inputs["metadata"] = {key: value for key, value in live["metadata"].items() if key not in READ_ONLY}
    return inputs


def _reasons(what: str, failure: AwaitError) -> list[str]:
    return [f"{what}: {failure}", *failure.reasons[1:]]
