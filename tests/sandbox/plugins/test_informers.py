"""Informers, and the wait for a deletion."""

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from sandbox.plugins.await_logic import AwaitError, AwaitLogic
from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.informers import Event, Informers
from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.property_values import Properties


def live(name: str, **metadata: object) -> Properties:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "space", **metadata}}


class Cluster(KubernetesApi):
    """A cluster with objects and changes of the test."""

    def __init__(self, *objects: Properties, refusal: KubernetesApiError | None = None) -> None:
        super().__init__()
        self.objects, self.refusal = list(objects), refusal
        self.changes: SimpleQueue[Event | None] = SimpleQueue()
        self.after_get: list[Event] = []

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties:
        for each in self.objects:
            if each["metadata"]["name"] == name:
                for change in self.after_get:
                    self.changes.put(change)
                return each
        raise KubernetesApiError(404, "not found", "NotFound")

    def list(self, api_version: str, kind: str, namespace: str) -> tuple[list[Properties], str]:
        if self.refusal:
            raise self.refusal
        return (list(self.objects) if kind == "Secret" else []), "1"

    def watch(self, api_version: str, kind: str, namespace: str, version: str) -> Iterator[Event]:
        while event := self.changes.get() if kind == "Secret" else threading.Event().wait():
            assert isinstance(event, tuple)
            yield event


def next_change(events: "SimpleQueue[Event]") -> tuple[str, str]:
    change, thing = events.get(timeout=10)
    return change, thing["metadata"]["name"]


@pytest.fixture
def cancelled() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_subscriber_receives_existing_objects_and_their_changes(cancelled: threading.Event) -> None:
    cluster, events = Cluster(live("old")), SimpleQueue[Event]()
    with Informers(cluster, cancelled).follow("v1", "Secret", "space", events):
        assert next_change(events) == ("ADDED", "old")
        cluster.changes.put(("MODIFIED", live("old")))
        cluster.changes.put(("BOOKMARK", live("")))
        cluster.changes.put(("DELETED", live("old")))
        assert [next_change(events), next_change(events)] == [("MODIFIED", "old"), ("DELETED", "old")]


def test_deletions_during_an_interrupted_watch_are_reported(cancelled: threading.Event) -> None:
    cluster, events = Cluster(live("old")), SimpleQueue[Event]()
    with Informers(cluster, cancelled).follow("v1", "Secret", "space", events):
        assert next_change(events) == ("ADDED", "old")
        cluster.objects = [live("new")]
        cluster.changes.put(None)  # the server ends the watch
        assert [next_change(events), next_change(events)] == [("DELETED", "old"), ("ADDED", "new")]


def test_a_deletion_is_awaited(cancelled: threading.Event) -> None:
    cluster, messages = Cluster(live("old")), list[str]()
    cluster.after_get = [("MODIFIED", live("old", deletionTimestamp="now"))]
    cluster.after_get += [("DELETED", live("other")), ("DELETED", live("old"))]
    log = OperationLog(lambda severity, text, is_status: messages.append(text))
    AwaitLogic(cluster, cancelled).until_gone(live("old"), 10, {}, log)
    assert messages == ["Resource scheduled for deletion"]


def test_a_deletion_that_times_out_names_the_finalizers(cancelled: threading.Event) -> None:
    cluster, messages = Cluster(live("old", finalizers=["keep"])), list[str]()
    log = OperationLog(lambda severity, text, is_status: messages.append(text))
    with pytest.raises(AwaitError, match="timed out waiting for the condition"):
        AwaitLogic(cluster, cancelled).until_gone(cluster.objects[0], 0.01, {}, log)
    assert messages == ["finalizers might be preventing deletion (keep)"]


def test_without_permission_to_list_a_wait_ends_with_the_missing_permission(cancelled: threading.Event) -> None:
    cluster = Cluster(live("old"), refusal=KubernetesApiError(403, "secrets is forbidden", "Forbidden"))
    with pytest.raises(AwaitError, match=r"secrets is forbidden: .* permission to list and watch .* namespace space"):
        AwaitLogic(cluster, cancelled).until_gone(live("old"), 10, {}, OperationLog())
