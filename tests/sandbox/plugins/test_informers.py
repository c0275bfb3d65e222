"""What the stand-in for kubernetes hears of the objects that it follows, and how it waits until one is gone."""

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
    """A cluster with objects, and with changes that a test gives it."""

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


def heard(events: "SimpleQueue[Event]") -> tuple[str, str]:
    change, thing = events.get(timeout=10)
    return change, thing["metadata"]["name"]


@pytest.fixture
def cancelled() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_who_follows_hears_of_what_is_there_and_of_what_becomes_of_it(cancelled: threading.Event) -> None:
    cluster, events = Cluster(live("old")), SimpleQueue[Event]()
    with Informers(cluster, cancelled).follow("v1", "Secret", "space", events):
        assert heard(events) == ("ADDED", "old")
        cluster.changes.put(("MODIFIED", live("old")))
        cluster.changes.put(("BOOKMARK", live("")))
        cluster.changes.put(("DELETED", live("old")))
        assert [heard(events), heard(events)] == [("MODIFIED", "old"), ("DELETED", "old")]


def test_what_went_while_the_watch_was_broken_is_told(cancelled: threading.Event) -> None:
    cluster, events = Cluster(live("old")), SimpleQueue[Event]()
    with Informers(cluster, cancelled).follow("v1", "Secret", "space", events):
        assert heard(events) == ("ADDED", "old")
        cluster.objects = [live("new")]
        cluster.changes.put(None)  # the server ends the watch
        assert [heard(events), heard(events)] == [("DELETED", "old"), ("ADDED", "new")]


def test_a_deletion_is_waited_for(cancelled: threading.Event) -> None:
    cluster, told = Cluster(live("old")), list[str]()
    cluster.after_get = [("MODIFIED", live("old", deletionTimestamp="now"))]
    cluster.after_get += [("DELETED", live("other")), ("DELETED", live("old"))]
    log = OperationLog(lambda severity, text, is_status: told.append(text))
    AwaitLogic(cluster, cancelled).until_gone(live("old"), 10, {}, log)
    assert told == ["Resource scheduled for deletion"]


def test_a_deletion_that_takes_too_long_says_what_may_prevent_it(cancelled: threading.Event) -> None:
    cluster, told = Cluster(live("old", finalizers=["keep"])), list[str]()
    log = OperationLog(lambda severity, text, is_status: told.append(text))
    with pytest.raises(AwaitError, match="timed out waiting for the condition"):
        AwaitLogic(cluster, cancelled).until_gone(cluster.objects[0], 0.01, {}, log)
    assert told == ["finalizers might be preventing deletion (keep)"]


def test_without_the_right_to_list_a_wait_ends_with_what_is_missing(cancelled: threading.Event) -> None:
    cluster = Cluster(live("old"), refusal=KubernetesApiError(403, "secrets is forbidden", "Forbidden"))
    with pytest.raises(
        AwaitError, match=r"secrets is forbidden: .* must be allowed to list and watch .* namespace space"
    ):
        AwaitLogic(cluster, cancelled).until_gone(live("old"), 10, {}, OperationLog())
