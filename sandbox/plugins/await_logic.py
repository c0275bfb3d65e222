"""Waits until objects are ready or deleted, with the messages and times of the official provider: await/await.go."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from typing import Any

from sandbox.plugins import readiness
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.informers import Event, Informers
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.pod_warnings import is_owned_by
from sandbox.plugins.property_values import Properties
from sandbox.plugins.protocol import PluginError

_DEFAULT_TIMEOUT = 600.0  # seconds
_PERIOD = 0.25  # seconds between checks of the timeout
_POLL = 0.5  # seconds
_KINDS: dict[tuple[str, str], Callable[[Properties, OperationLog], readiness.Readiness]] = {
    ("apps/v1", "StatefulSet"): readiness.StatefulSetReadiness,
    ("batch/v1", "Job"): readiness.JobReadiness,
    ("v1", "Service"): readiness.ServiceReadiness,
}


class AwaitError(Exception):
    """The object is not ready. Has the live object, and the reasons: first the event, then its causes."""

    def __init__(self, live: Properties, *reasons: str) -> None:
        super().__init__(reasons[0])
        self.live, self.reasons = live, list(reasons)


class AwaitLogic:
    """Await logic of a plugin."""

    def __init__(self, api: KubernetesApi, cancelled: threading.Event) -> None:
        self._api, self._cancelled, self._informers = api, cancelled, Informers(api, cancelled)

    def until_ready(
        self, inputs: Properties, live: Properties, timeout: float, log: OperationLog, *, created: bool
    ) -> Properties:
        """Wait until an object is ready. Returns the live object.

        Raises:
            AwaitError: The object has failed, the time is up, or the operation was cancelled.
        """
        if option(inputs, "skipAwait") == "true":
            log.status("INFO", "Skipping await logic")
            return live
        conditions = _wait_for_conditions(live, log)
        kind = live["apiVersion"], live["kind"]
        if conditions:
            for condition in conditions:
                live = self._until(condition, timeout_seconds(timeout, inputs), log)
        elif kind in _KINDS:
            live = self._until(_KINDS[kind](live, log), timeout_seconds(timeout, inputs), log)
        elif kind == ("v1", "PersistentVolumeClaim"):
            live = self._poll(live, 300, lambda claim: self._is_bound(claim, log, created=created))
        elif kind == ("v1", "ResourceQuota"):
            live = self._poll(live, 60, lambda quota: quota["spec"].get("hard") == quota.get("status", {}).get("hard"))
        return live

    def check_now(self, inputs: Properties, live: Properties, log: OperationLog) -> None:
        """Check during a refresh that an object is ready.

        Raises:
            AwaitError: The object is not ready.
        """
        kind = live["apiVersion"], live["kind"]
        if kind not in _KINDS or option(inputs, "skipAwait") == "true":
            return
        state = _KINDS[kind](live, log)
        for followed in state.follows:
            for each in [] if state.done else self._related(followed, live):
                with suppress(readiness.FailedError):
                    state.see("ADDED", each, 0)
        if isinstance(state, readiness.ServiceReadiness):
            state.settle()
        if not state.is_ready(0):
            raise AwaitError(live, _not_initialized(live), *state.missing())
        log.clear()

    def until_gone(self, live: Properties, timeout: float, inputs: Properties, log: OperationLog) -> None:
        """Wait until an object is deleted. The account needs permission to list and watch its kind.

        Raises:
            AwaitError: The object still exists at the timeout, or the permission is missing.
        """
        api_version, kind, metadata = live["apiVersion"], live["kind"], live["metadata"]
        events: SimpleQueue[Event] = SimpleQueue()
        event_queue: SimpleQueue[Event] = SimpleQueue()
        end, namespace = time.monotonic() + timeout_seconds(timeout, inputs), metadata.get("namespace", "")
        with ExitStack() as following:
            following.enter_context(self._informers.follow(api_version, kind, namespace, events))
            if self._is_gone(live, log):
                return
            following.enter_context(self._informers.follow("v1", "Event", namespace, event_queue))
            while time.monotonic() < end and not self._cancelled.is_set():
                _show_events(event_queue, live, log)
                if (event := _next(events)) is None:
                    continue
                change, seen = self._checked_event(event, live)
                if seen["metadata"]["name"] != metadata["name"]:
                    continue
                live = seen
                if change == "DELETED":
                    return
                if seen["metadata"].get("deletionTimestamp"):
                    log.status("INFO", "Resource scheduled for deletion")
        if not self._is_gone(live, log):
            finalizers = ", ".join(live["metadata"].get("finalizers") or [])
            log.message("WARNING", f"finalizers might be preventing deletion ({finalizers})")
            cancelled = ": context canceled" if self._cancelled.is_set() else ""
            raise AwaitError(live, f"timed out waiting for the condition{cancelled}")

    def _until(self, state: readiness.Readiness, timeout: float, log: OperationLog) -> Properties:
        namespace, name = state.live["metadata"].get("namespace", ""), state.live["metadata"]["name"]
        events: SimpleQueue[Event] = SimpleQueue()
        event_queue: SimpleQueue[Event] = SimpleQueue()
        with ExitStack() as following:
            following.enter_context(self._informers.follow("v1", "Event", namespace, event_queue))
            for api_version, kind in state.follows:
                following.enter_context(self._informers.follow(api_version, kind, namespace, events))
            end = time.monotonic() + timeout
            state.begin()
            while not state.is_ready(time.monotonic()):
                if self._cancelled.is_set():
                    raise AwaitError(state.live, f'Resource operation was cancelled for "{name}"', *state.missing())
                if time.monotonic() > end:
                    if state.ready_on_timeout():
                        break
                    raise AwaitError(state.live, _timed_out(state), *state.missing())
                _show_events(event_queue, state.live, log)
                if (event := _next(events)) is None:
                    continue
                change, seen = self._checked_event(event, state.live)
                if state.restarts_clock and (state.is_self(seen) or is_owned_by(seen, state.live)):
                    end = time.monotonic() + timeout
                try:
                    state.see(change, seen, time.monotonic())
                except readiness.FailedError:
                    raise AwaitError(state.live, _not_initialized(state.live), *state.missing()) from None
        return state.live

    def _poll(self, live: Properties, timeout: float, is_ready: Callable[[Properties], bool]) -> Properties:
        end, name = time.monotonic() + timeout, live["metadata"]["name"]
        while not is_ready(live := self.fetch(live)):
            if time.monotonic() > end:
                raise AwaitError(live, f"Timeout occurred polling for '{name}'")
            if self._cancelled.wait(_POLL):
                raise AwaitError(live, f"Resource operation was cancelled for '{name}'")
        return live

    def fetch(self, live: Properties) -> Properties:
        """Live state of an object."""
        metadata = live["metadata"]
        return self._api.get(live["apiVersion"], live["kind"], metadata.get("namespace", ""), metadata["name"])

    def _is_bound(self, claim: Properties, log: OperationLog, *, created: bool) -> bool:
        """Whether a claim is bound. One that waits for its first consumer may be pending (await/awaiters.go)."""
        phase, storage_class = claim.get("status", {}).get("phase"), claim["spec"].get("storageClassName")
        mode = None
        if not storage_class:
            log.status("WARNING", f'no storage class found for "{claim["metadata"]["name"]}"')
        else:
            try:
                mode = self._api.get("storage.k8s.io/v1", "StorageClass", "", storage_class).get("volumeBindingMode")
            except KubernetesApiError as error:
                log.status("WARNING", f'getting storagclass "{storage_class}": {error}')
        late = created and mode == "WaitForFirstConsumer"
        return bool(phase == "Pending" if late else phase == "Bound") or (not created and phase == "Bound")

    def _related(self, kind: tuple[str, str], live: Properties) -> list[Properties]:
        if kind == (live["apiVersion"], live["kind"]):
            return [live]
        try:
            return self._api.list(*kind, live["metadata"].get("namespace", ""))[0]
        except KubernetesApiError:
            return []

    def _is_gone(self, live: Properties, log: OperationLog) -> bool:
        try:
            self.fetch(live)
        except KubernetesApiError as error:
            if error.status == 404:
                return True
            log.status("WARNING", f"unexpected error while checking cluster state: {error}")
        return False

    @staticmethod
    def _checked_event(event: Event, live: Properties) -> tuple[str, Properties]:
        change, seen = event
        if change == "ERROR":
            namespace = live["metadata"].get("namespace")
            where = f"in namespace {namespace}" if namespace else "in the whole cluster"
            raise AwaitError(
                live,
                f"{seen['message']}: Pulumi needs permission to list and watch these objects {where} "
                "(without it, the official plugin waits forever)",
            )
        return change, seen


def option(inputs: Properties, name: str) -> str:
    """Value of an annotation that configures the provider. Empty if it is missing."""
    annotations = (inputs.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(f"pulumi.com/{name}", ""))


def timeout_seconds(timeout: float, inputs: Properties) -> float:
    """Timeout of an operation: from the resource option, the annotation, or the default."""
    annotated = option(inputs, "timeoutSeconds")
    return timeout or (float(annotated) if annotated.isdecimal() else _DEFAULT_TIMEOUT)


def _wait_for_conditions(live: Properties, log: OperationLog) -> list[readiness.Readiness]:
    if not (wish := option(live, "waitFor")):
        return []
    try:
        wishes: Any = json.loads(wish)
    except ValueError:
        wishes = [wish]
    for each in wishes:
        if not each.startswith("condition="):
            raise PluginError(
                f"the sandbox's stand-in plugin does not implement waitFor {each}. It accepts: condition=..."
            )
    return [readiness.ConditionReadiness(live, log, each.removeprefix("condition=")) for each in wishes]


def _not_initialized(live: Properties) -> str:
    return f"Resource '{live['metadata']['name']}' was created but failed to initialize"


def _timed_out(state: readiness.Readiness) -> str:
    if isinstance(state, readiness.ConditionReadiness):
        return "timed out waiting for the condition"
    return f"'{state.live['metadata']['name']}' timed out waiting to be Ready"


def _show_events(event_queue: "SimpleQueue[Event]", live: Properties, log: OperationLog) -> None:
    """Show the Kubernetes events of an object. Without permission to read them, none."""
    while not event_queue.empty():
        change, event = event_queue.get()
        about = event.get("involvedObject", {}).get("uid") == live["metadata"].get("uid", "unknown")
        if change != "ERROR" and about:
            severity = "WARNING" if event.get("type") == "Warning" else "DEBUG"
            log.status(severity, f"{event.get('reason', '')}: {event.get('message', '')}")


def _next(events: "SimpleQueue[Event]") -> Event | None:
    try:
        return events.get(timeout=_PERIOD)
    except Empty:
        return None
