"""Shared informers, as in client-go: one list and one watch per kind and namespace, for the lifetime of the plugin.

As in the official provider (await/informers/factory.go), a subscriber first receives existing objects as added, and all objects again every
minute. Without permission to list or watch, the official provider waits forever. This one reports the error.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TypeAlias

from sandbox.plugins.kubernetes_api import KubernetesApi, KubernetesApiError
from sandbox.plugins.property_values import Properties

Event: TypeAlias = tuple[str, Properties]
"""ADDED, MODIFIED or DELETED, and the object. Or ERROR, and the server's message."""
Events: TypeAlias = "SimpleQueue[Event]"

_RESYNC = 60.0  # seconds
_CANCEL_POLL = 0.25  # seconds
_PAUSE = 1.0  # seconds, after a watch has ended


class Informers:
    """Informers of a plugin."""

    def __init__(self, api: KubernetesApi, cancelled: threading.Event) -> None:
        self._api, self._cancelled, self._lock = api, cancelled, threading.Lock()
        self._informers: dict[tuple[str, str, str], _Informer] = {}

    @contextmanager
    def follow(self, api_version: str, kind: str, namespace: str, events: Events) -> Iterator[None]:
        """Put the objects of a kind, and all further changes, into a queue."""
        place = (api_version, kind, namespace)
        with self._lock:
            informer = self._informers.get(place)
            if informer is None or informer.broken:
                informer = self._informers[place] = _Informer(self._api, *place)
                informer.start()
        # The caller then reads the object. Without this wait it could miss a deletion between the list and that request.
        while not (informer.listed.wait(_CANCEL_POLL) or self._cancelled.is_set()):
            pass
        informer.subscribe(events)
        try:
            yield
        finally:
            informer.unsubscribe(events)


class _Informer(threading.Thread):
    def __init__(self, api: KubernetesApi, api_version: str, kind: str, namespace: str) -> None:
        super().__init__(daemon=True)
        self._api, self._place = api, (api_version, kind, namespace)
        self._lock, self._queues, self._known = threading.Lock(), list[Events](), dict[str, Properties]()
        self.broken: str | None = None
        self.listed = threading.Event()

    def subscribe(self, events: Events) -> None:
        with self._lock:
            self._queues.append(events)
            for live in self._known.values():
                events.put(("ADDED", live))
            if self.broken:
                events.put(("ERROR", {"message": self.broken}))

    def unsubscribe(self, events: Events) -> None:
        with self._lock:
            self._queues.remove(events)

    def run(self) -> None:
        threading.Thread(target=self._resync, daemon=True).start()
        while not self.broken:
            try:
                self._follow()
            except KubernetesApiError as error:
                if error.status in (401, 403):
                    self._break(error)
            time.sleep(_PAUSE)

    def _follow(self) -> None:
        listed, version = self._api.list(*self._place)
        for key in self._known.keys() - {_key(live) for live in listed}:
            self._publish("DELETED", self._known[key])
        for live in listed:
            self._publish("MODIFIED" if _key(live) in self._known else "ADDED", live)
        self.listed.set()
        for change, live in self._api.watch(*self._place, version):
            if change in ("ADDED", "MODIFIED", "DELETED"):
                self._publish(change, live)
            elif change == "ERROR":  # the version is too old: list again
                return

    def _publish(self, change: str, live: Properties) -> None:
        with self._lock:
            if change == "DELETED":
                self._known.pop(_key(live), None)
            else:
                self._known[_key(live)] = live
            for events in self._queues:
                events.put((change, live))

    def _break(self, error: KubernetesApiError) -> None:
        with self._lock:
            self.broken = str(error)
            self.listed.set()
            for events in self._queues:
                events.put(("ERROR", {"message": self.broken}))

    def _resync(self) -> None:
        while not self.broken:
            time.sleep(_RESYNC)
            with self._lock:
                for events in self._queues:
                    for live in self._known.values():
                        events.put(("MODIFIED", live))


def _key(live: Properties) -> str:
    metadata = live["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"
