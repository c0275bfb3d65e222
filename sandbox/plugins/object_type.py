"""Resource type of a Kubernetes kind, with the rules of the official provider: provider/pkg/provider/provider.go.

A diff compares inputs and state, so a preview without changes sends no request. Only a refresh finds drift.
"""

# ruff: noqa: D102  (ResourceType describes the methods)

import os
import threading
from dataclasses import replace

from sandbox.plugins.await_logic import AwaitError, AwaitLogic, option
from sandbox.plugins.checkpoint import (
    checkpoint,
    field_manager,
    initial_version,
    inputs_and_live,
    pruned,
    with_secrets_marked,
)
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.field_managers import may_force, takeover_patch
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.normalize import READ_ONLY, normalized
from sandbox.plugins.object_diff import diff_object
from sandbox.plugins.object_messages import EXISTS, FORGET, NO_MATCH, NOT_LIVE, update_refused
from sandbox.plugins.object_names import OPTION_PREFIX, namespace_and_name, object_id, with_name
from sandbox.plugins.property_values import Properties, has_unknown, plain
from sandbox.plugins.protocol import NotReadyError, PluginError, Request, ResourceDiff, ResourceType, accept_only
from sandbox.plugins.readiness import FailedError, JobReadiness

_RETRIES = 6  # the namespace or the CRD may appear soon
_OPTIONS = "autonamed deletionPropagationPolicy patchForce replaceUnready skipAwait timeoutSeconds waitFor".split()
_SKIP_AT_DELETION = ("Job", "Namespace", "StatefulSet")
_PROPAGATION = {"orphan": "Orphan", "background": "Background"}


class _UnknownInPreviewError(Exception):
    """A preview cannot know the answer of the API server."""


class ObjectType(ResourceType):
    """Objects of one kind. With `mutable`, the data of a Secret changes in place."""

    def __init__(
        self,
        api: KubernetesApi,
        await_logic: AwaitLogic,
        cancelled: threading.Event,
        api_version: str,
        kind: str,
        mutable: bool,
    ) -> None:
        self._api, self._await_logic, self._cancelled = api, await_logic, cancelled
        self._api_version, self._kind, self._mutable = api_version, kind, mutable

    def check(self, request: Request) -> Properties:
        given = {"apiVersion": self._api_version, "kind": self._kind, **request.inputs}
        inputs = plain(given)
        metadata = inputs["metadata"] = with_name(inputs.get("metadata") or {}, request)
        annotations = metadata.get("annotations") or {}
        accept_only(_OPTIONS, [k.removeprefix(OPTION_PREFIX) for k in annotations if k.startswith(OPTION_PREFIX)])
        # Unchanged inputs are already normalized. So a preview without changes does not import the types of Kubernetes.
        return with_secrets_marked(inputs if inputs == plain(request.old_inputs) else normalized(inputs), given)

    def diff(self, request: Request) -> ResourceDiff:
        new = plain(request.inputs)
        old_inputs, live = inputs_and_live(request.outputs)
        old = pruned(live, old_inputs)
        old.setdefault("metadata", {})["name"] = live["metadata"]["name"]
        for each in (old, new):
            metadata = each["metadata"] = {k: v for k, v in each["metadata"].items() if k != "resourceVersion"}
            namespace = metadata.pop("namespace", None) or "default"
            if self._api.is_namespaced(self._api_version, self._kind):
                metadata["namespace"] = namespace
        found = diff_object(old, new, mutable=self._mutable)
        replaces = found.replaces + self._unready(new, live, request.log)
        return replace(found, replaces=replaces, delete_first=bool(replaces) and object_id(new) == object_id(live))

    def create(self, request: Request) -> tuple[str, Properties]:
        inputs = plain(request.inputs)
        if request.preview and not self._can_be_tried(inputs):
            return "", request.inputs
        try:
            live = self._created(inputs, request)
        except _UnknownInPreviewError:
            return "", request.inputs
        except KubernetesApiError as error:
            if error.status == 0:
                raise
            if error.no_match:
                what = f'creation of resource "{request.urn}" with kind {self._api_version}/{self._kind}'
                raise PluginError(f"{what} {NO_MATCH}: {error}") from error
            exists = EXISTS if error.reason == "AlreadyExists" else ""
            what = f'resource "{request.urn}" was not successfully created by the Kubernetes API server'
            raise PluginError(f"{what}: {error}{exists}") from error
        manager, version, failure = field_manager({}), inputs["apiVersion"], None
        request.log.clear()
        if request.preview:
            live.pop("status", None)
        else:
            live, failure = self._awaited(inputs, live, request, created=True)
        outputs = checkpoint(inputs, live, request.inputs, version, manager)
        if failure:
            what = f'resource "{request.urn}" was successfully created, but the Kubernetes API server reported that it'
            raise NotReadyError(object_id(live), None, outputs, _reasons(f"{what} {NOT_LIVE}", failure)) from failure
        return object_id(live), outputs

    def read(self, request: Request) -> tuple[str, Properties, Properties] | None:
        imported = not request.outputs
        try:
            live = self._api.get(self._api_version, self._kind, *namespace_and_name(request.id))
        except KubernetesApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, request.log):
                return None
            if error.status == 0:
                raise PluginError(f"failed to read resource state due to unreachable cluster. {FORGET}") from error
            raise
        old_inputs = plain(request.inputs)
        failure = None
        if not imported:
            try:
                self._await_logic.check_now(old_inputs, live, request.log)
            except AwaitError as error:
                failure = error
        inputs = _importable(live) if imported else pruned(live, normalized(old_inputs))
        version, manager = initial_version(request.outputs, old_inputs or live), field_manager(request.outputs)
        outputs = checkpoint(inputs, live, request.inputs, version, manager)
        if failure:
            raise NotReadyError(
                request.id, with_secrets_marked(inputs, request.inputs), outputs, failure.reasons
            ) from failure
        return request.id, with_secrets_marked(inputs, request.inputs), outputs

    def update(self, request: Request) -> Properties:
        inputs, (old_inputs, old_live) = plain(request.inputs), inputs_and_live(request.outputs)
        if request.preview and not self._can_be_tried(inputs):
            return request.inputs
        manager, failure = field_manager(request.outputs), None
        try:
            live = self._applied(inputs, old_live, manager, preview=request.preview)
        except KubernetesApiError as error:
            if request.preview and error.status in (0, 403):
                return request.inputs
            if error.status == 0:
                raise
            if error.no_match:
                raise PluginError(f'update of resource "{request.urn}" {NO_MATCH}: {error}') from error
            live, failure = (
                self._live_after_failure(old_live, request, error),
                AwaitError(old_live, update_refused(error, manager)),
            )
        else:
            if not request.preview:
                live, failure = self._awaited(inputs, live, request, created=False)
        version = initial_version(request.outputs, old_inputs)
        outputs = checkpoint(inputs, live, request.inputs, version, manager)
        if failure:
            what = f'the Kubernetes API server reported that "{object_id(live)}" {NOT_LIVE}'
            raise NotReadyError(object_id(live), None, outputs, _reasons(what, failure)) from failure
        return outputs

    def delete(self, request: Request) -> None:
        inputs, live = inputs_and_live(request.outputs)
        namespace, name = namespace_and_name(request.id)
        if not live:
            live = {"apiVersion": self._api_version, "kind": self._kind}
            live["metadata"] = {"name": name} | ({"namespace": namespace} if namespace else {})
        propagation = _PROPAGATION.get(option(inputs, "deletionPropagationPolicy").lower(), "Foreground")
        try:
            self._api.delete(self._api_version, self._kind, namespace, name, propagation)
        except KubernetesApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, request.log):
                return
            if error.status == 0:
                raise PluginError(f"configured Kubernetes cluster is unreachable. {FORGET}") from error
            raise
        if option(inputs, "skipAwait") == "true" and self._kind in _SKIP_AT_DELETION:
            return
        try:
            self._await_logic.until_gone(live, request.timeout, inputs, request.log)
        except AwaitError as error:
            raise PluginError(str(error)) from error
        request.log.clear()

    @staticmethod
    def _is_to_be_forgotten(error: KubernetesApiError, log: OperationLog) -> bool:
        """Warn of an unreachable cluster. Returns whether the user has declared it deleted."""
        if error.status == 0:
            log.message("WARNING", str(error))
        return error.status == 0 and os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE") == "true"

    def _can_be_tried(self, inputs: Properties) -> bool:
        """Whether a preview can do a dry run."""
        return not has_unknown(inputs) and self._api.serves_kind(self._api_version, self._kind)

    def _created(self, inputs: Properties, request: Request) -> Properties:
        for attempt in range(_RETRIES):
            try:
                return self._api.create(inputs, dry_run=request.preview)
            except KubernetesApiError as error:
                is_to_come = error.status == 404 and error.kind == "namespaces"
                if request.preview and (error.status == 0 or is_to_come):
                    raise _UnknownInPreviewError from error
                request.log.send("INFO", f"Retry #{attempt}; creation failed: {error}", True)
                if request.preview and (error.status == 403 or error.reason == "AlreadyExists"):
                    raise _UnknownInPreviewError from error
                if error.status != 404:
                    raise
                failure = error
            self._cancelled.wait(2**attempt)
        raise failure

    def _applied(self, inputs: Properties, old_live: Properties, manager: str, *, preview: bool) -> Properties:
        live = self._await_logic.fetch(old_live)
        if not preview and (patch := takeover_patch(live, manager)):
            live = self._api.patch(live, patch)
        annotations = inputs["metadata"].get("annotations") or {}
        force = may_force(live, annotations, preview=preview)
        return self._api.apply(inputs, manager, force=force, dry_run=preview)

    def _live_after_failure(self, old_live: Properties, request: Request, failure: KubernetesApiError) -> Properties:
        try:
            return self._await_logic.fetch(old_live)
        except KubernetesApiError as error:
            what = f'update of resource "{request.urn}" failed: {failure}'
            raise PluginError(f"{what}\nunable to get cluster state: {error}") from error

    def _awaited(
        self, inputs: Properties, live: Properties, request: Request, *, created: bool
    ) -> tuple[Properties, AwaitError | None]:
        try:
            live = self._await_logic.until_ready(inputs, live, request.timeout, request.log, created=created)
        except AwaitError as error:
            return error.live, error
        except KubernetesApiError as error:
            return live, AwaitError(live, str(error))
        request.log.clear()
        return live, None

    def _unready(self, new: Properties, live: Properties, log: OperationLog) -> list[str]:
        """Path that replaces an incomplete Job although no input changed."""
        if option(new, "replaceUnready") != "true":
            return []
        if self._kind != "Job":
            log.send("WARNING", "replaceUnready annotation is not supported for this resource", False)
            return []
        try:
            job = JobReadiness(self._await_logic.fetch(live), OperationLog())
            job.see("ADDED", job.live, 0)
        except FailedError:
            pass
        except KubernetesApiError as error:
            if error.status == 0:
                log.send("WARNING", "Cluster is unreachable, skipping replaceUnready check", False)
            return []
        return [] if job.done else [f'.metadata.annotations["{OPTION_PREFIX}replaceUnready"]']


def _importable(live: Properties) -> Properties:
    inputs = {key: value for key, value in live.items() if key != "status"}
    inputs["metadata"] = {key: value for key, value in live["metadata"].items() if key not in READ_ONLY}
    return inputs


def _reasons(what: str, failure: AwaitError) -> list[str]:
    return [f"{what}: {failure}", *failure.reasons[1:]]
