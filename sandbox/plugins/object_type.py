"""Kubernetes objects of one kind as resources, with the rules of the official provider: provider/pkg/provider/provider.go.

Changes are told from the state alone, so a preview without changes asks no cluster; what drifted is found at a refresh.
"""

# ruff: noqa: D102  (the methods are described in protocol.Resource)

import hashlib
import os
import secrets
import threading
from dataclasses import replace

from sandbox.plugins.await_logic import AwaitError, Awaits, option
from sandbox.plugins.checkpoint import checkpoint, field_manager, initial_version, inputs_and_live, marked, pruned
from sandbox.plugins.engine_log import Log
from sandbox.plugins.field_managers import handed_over, may_force
from sandbox.plugins.kubernetes_api import Api, ApiError
from sandbox.plugins.normalize import READ_ONLY, normal
from sandbox.plugins.object_diff import difference
from sandbox.plugins.property_values import Properties, has_unknown, plain
from sandbox.plugins.protocol import Difference, NotReadyError, PluginError, Resource, Subject, take_only
from sandbox.plugins.readiness import FailedError, Job

_RETRIES = 6  # a namespace or a definition may be on its way
_OPTION = "pulumi.com/"  # the prefix of annotations that speak to the provider
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
_EXISTS = """\


The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""
_CONFLICT = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n"
    'The resource managed by field manager "{}" had an apply conflict: {}'
)
_NO_MATCH = (
    "failed because the Kubernetes API server reported that the apiVersion for this resource does not exist. "
    "Verify that any required CRDs have been created"
)
_FORGET = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)
_NOT_LIVE = "failed to fully initialize or become live"


class _UntoldError(Exception):
    """A preview that cannot know what the API server would say."""


class Objects(Resource):
    """Objects of one kind. `mutable` lets the data of a Secret change in place."""

    def __init__(
        self, api: Api, awaits: Awaits, cancelled: threading.Event, api_version: str, kind: str, mutable: bool
    ) -> None:
        self._api, self._awaits, self._cancelled = api, awaits, cancelled
        self._api_version, self._kind, self._mutable = api_version, kind, mutable

    def check(self, subject: Subject) -> Properties:
        given = {"apiVersion": self._api_version, "kind": self._kind, **subject.inputs}
        inputs = plain(given)
        metadata = inputs["metadata"] = _named(inputs.get("metadata") or {}, subject)
        asked = [key.removeprefix(_OPTION) for key in metadata.get("annotations") or {} if key.startswith(_OPTION)]
        take_only(_OPTIONS, asked)
        # What was kept already needs no second look, and a preview without changes not the types of Kubernetes.
        return marked(inputs if inputs == plain(subject.old_inputs) else normal(inputs), given)

    def diff(self, subject: Subject) -> Difference:
        new = plain(subject.inputs)
        old_inputs, live = inputs_and_live(subject.outputs)
        old = pruned(live, old_inputs)
        old.setdefault("metadata", {})["name"] = live["metadata"]["name"]
        for each in (old, new):
            metadata = each["metadata"] = {k: v for k, v in each["metadata"].items() if k != "resourceVersion"}
            namespace = metadata.pop("namespace", None) or "default"
            if self._api.is_namespaced(self._api_version, self._kind):
                metadata["namespace"] = namespace
        found = difference(old, new, mutable=self._mutable)
        replaces = found.replaces + self._unready(new, live, subject.log)
        return replace(found, replaces=replaces, delete_first=bool(replaces) and _id(new) == _id(live))

    def create(self, subject: Subject) -> tuple[str, Properties]:
        inputs = plain(subject.inputs)
        if subject.preview and not self._can_be_tried(inputs):
            return "", subject.inputs
        try:
            live = self._created(inputs, subject)
        except _UntoldError:
            return "", subject.inputs
        except ApiError as error:
            if error.status == 0:
                raise
            if error.no_match:
                what = f'creation of resource "{subject.urn}" with kind {self._api_version}/{self._kind}'
                raise PluginError(f"{what} {_NO_MATCH}: {error}") from error
            exists = _EXISTS if error.reason == "AlreadyExists" else ""
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
            raise NotReadyError(_id(live), None, outputs, _reasons(f"{what} {_NOT_LIVE}", failure)) from failure
        return _id(live), outputs

    def read(self, subject: Subject) -> tuple[str, Properties, Properties] | None:
        imported = not subject.outputs
        try:
            live = self._api.get(self._api_version, self._kind, *_where(subject.id))
        except ApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, subject.log):
                return None
            if error.status == 0:
                raise PluginError(f"failed to read resource state due to unreachable cluster. {_FORGET}") from error
            raise
        old_inputs = plain(subject.inputs)
        failure = None
        if not imported:
            try:
                self._awaits.at_once(old_inputs, live, subject.log)
            except AwaitError as error:
                failure = error
        inputs = _importable(live) if imported else pruned(live, normal(old_inputs))
        version, manager = initial_version(subject.outputs, old_inputs or live), field_manager(subject.outputs)
        outputs = checkpoint(inputs, live, subject.inputs, version, manager)
        if failure:
            raise NotReadyError(subject.id, marked(inputs, subject.inputs), outputs, failure.reasons) from failure
        return subject.id, marked(inputs, subject.inputs), outputs

    def update(self, subject: Subject) -> Properties:
        inputs, (old_inputs, old_live) = plain(subject.inputs), inputs_and_live(subject.outputs)
        if subject.preview and not self._can_be_tried(inputs):
            return subject.inputs
        manager, failure = field_manager(subject.outputs), None
        try:
            live = self._applied(inputs, old_live, manager, preview=subject.preview)
        except ApiError as error:
            if subject.preview and error.status in (0, 403):
                return subject.inputs
            if error.status == 0:
                raise
            if error.no_match:
                raise PluginError(f'update of resource "{subject.urn}" {_NO_MATCH}: {error}') from error
            live, failure = self._seen(old_live, subject, error), AwaitError(old_live, _words(error, manager))
        else:
            if not subject.preview:
                live, failure = self._awaited(inputs, live, subject, created=False)
        version = initial_version(subject.outputs, old_inputs)
        outputs = checkpoint(inputs, live, subject.inputs, version, manager)
        if failure:
            what = f'the Kubernetes API server reported that "{_id(live)}" {_NOT_LIVE}'
            raise NotReadyError(_id(live), None, outputs, _reasons(what, failure)) from failure
        return outputs

    def delete(self, subject: Subject) -> None:
        inputs, live = inputs_and_live(subject.outputs)
        namespace, name = _where(subject.id)
        if not live:
            live = {"apiVersion": self._api_version, "kind": self._kind}
            live["metadata"] = {"name": name} | ({"namespace": namespace} if namespace else {})
        propagation = _PROPAGATION.get(option(inputs, "deletionPropagationPolicy").lower(), "Foreground")
        try:
            self._api.delete(self._api_version, self._kind, namespace, name, propagation)
        except ApiError as error:
            if error.status == 404 or self._is_to_be_forgotten(error, subject.log):
                return
            if error.status == 0:
                raise PluginError(f"configured Kubernetes cluster is unreachable. {_FORGET}") from error
            raise
        if option(inputs, "skipAwait") == "true" and self._kind in _SKIP_AT_DELETION:
            return
        try:
            self._awaits.until_gone(live, subject.timeout, inputs, subject.log)
        except AwaitError as error:
            raise PluginError(str(error)) from error
        subject.log.clear()

    @staticmethod
    def _is_to_be_forgotten(error: ApiError, log: Log) -> bool:
        """Warn of a cluster that is not reached, and tell whether the user says that it is gone."""
        if error.status == 0:
            log.message("WARNING", str(error))
        return error.status == 0 and os.environ.get("PULUMI_K8S_DELETE_UNREACHABLE") == "true"

    def _can_be_tried(self, inputs: Properties) -> bool:
        """Tell whether a preview can ask the API server what it would do."""
        return not has_unknown(inputs) and self._api.knows(self._api_version, self._kind)

    def _created(self, inputs: Properties, subject: Subject) -> Properties:
        for attempt in range(_RETRIES):
            try:
                return self._api.create(inputs, dry_run=subject.preview)
            except ApiError as error:
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
        live = self._awaits.again(old_live)
        if not preview and (patch := handed_over(live, manager)):
            live = self._api.patch(live, patch)
        annotations = inputs["metadata"].get("annotations") or {}
        force = may_force(live, annotations, preview=preview)
        return self._api.apply(inputs, manager, force=force, dry_run=preview)

    def _seen(self, old_live: Properties, subject: Subject, failure: ApiError) -> Properties:
        try:
            return self._awaits.again(old_live)
        except ApiError as error:
            what = f'update of resource "{subject.urn}" failed: {failure}'
            raise PluginError(f"{what}\nunable to get cluster state: {error}") from error

    def _awaited(
        self, inputs: Properties, live: Properties, subject: Subject, *, created: bool
    ) -> tuple[Properties, AwaitError | None]:
        try:
            live = self._awaits.until_ready(inputs, live, subject.timeout, subject.log, created=created)
        except AwaitError as error:
            return error.live, error
        except ApiError as error:
            return live, AwaitError(live, str(error))
        subject.log.clear()
        return live, None

    def _unready(self, new: Properties, live: Properties, log: Log) -> list[str]:
        """Name a reason for a new Job although no input changed: the old one is not complete."""
        if option(new, "replaceUnready") != "true":
            return []
        if self._kind != "Job":
            log.tell("WARNING", "replaceUnready annotation is not supported for this resource", False)
            return []
        try:
            job = Job(self._awaits.again(live), Log())
            job.see("ADDED", job.live, 0)
        except FailedError:
            pass
        except ApiError as error:
            if error.status == 0:
                log.tell("WARNING", "Cluster is unreachable, skipping replaceUnready check", False)
            return []
        return [] if job.done else [f'.metadata.annotations["{_OPTION}replaceUnready"]']


def _named(metadata: Properties, subject: Subject) -> Properties:
    """With a made-up name where none is given, which stays until the object is replaced: provider/pkg/metadata/naming.go."""
    if metadata.get("name"):
        return metadata
    if subject.old_inputs:
        name = plain(subject.old_inputs)["metadata"]["name"]
        if option(plain(subject.old_inputs), "autonamed") != "true":
            return metadata  # it had a name of its own, and is to be replaced
    else:
        made_of = subject.seed or secrets.token_bytes(8)
        name = f"{subject.name}-{hashlib.sha256(made_of).hexdigest()[:8]}"
    annotations = {**(metadata.get("annotations") or {}), f"{_OPTION}autonamed": "true"}
    return {**metadata, "name": name, "annotations": annotations}


def _importable(live: Properties) -> Properties:
    inputs = {key: value for key, value in live.items() if key != "status"}
    inputs["metadata"] = {key: value for key, value in live["metadata"].items() if key not in READ_ONLY}
    return inputs


def _reasons(what: str, failure: AwaitError) -> list[str]:
    return [f"{what}: {failure}", *failure.reasons[1:]]


def _words(error: ApiError, manager: str) -> str:
    return _CONFLICT.format(manager, error) if error.status == 409 else str(error)


def _id(live: Properties) -> str:
    metadata = live["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata.get("name"))))


def _where(id_: str) -> tuple[str, str]:
    namespace, _, name = id_.rpartition("/")
    return namespace, name
