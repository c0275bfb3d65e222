"""One list and one watch per kind and namespace for as long as the plugin runs: client-go's shared informers.

As in the official provider (await/informers/factory.go), whoever follows objects first sees those that are there as added, and all
again every minute. Without the right to list or watch the official provider waits for ever; this tells it at once.
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
"""ADDED, MODIFIED or DELETED, and the object; or ERROR and what the server said."""
Events: TypeAlias = "SimpleQueue[Event]"

_RESYNC = 60.0  # seconds
_PATIENCE = 0.25  # seconds, between looks at whether all is cancelled
_PAUSE = 1.0  # seconds, after a watch that broke


class Informers:
    """The informers of a plugin."""

    def __init__(self, api: KubernetesApi, cancelled: threading.Event) -> None:
        self._api, self._cancelled, self._lock = api, cancelled, threading.Lock()
        self._informers: dict[tuple[str, str, str], _Informer] = {}

    @contextmanager
    def follow(self, api_version: str, kind: str, namespace: str, events: Events) -> Iterator[None]:
        """Put the objects of a kind, and what becomes of them from now on, into a queue."""
        place = (api_version, kind, namespace)
        with self._lock:
            informer = self._informers.get(place)
            if informer is None or informer.broken:
                informer = self._informers[place] = _Informer(self._api, *place)
                informer.start()
        # Whoever asks the cluster next must not hear of an object that goes before the list is made.
        while not (informer.listed.wait(_PATIENCE) or self._cancelled.is_set()):
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
        there = {_key(live): live for live in listed}
        for key in self._known.keys() - there.keys():
            self._tell("DELETED", self._known[key])
        for live in listed:
            self._tell("MODIFIED" if _key(live) in self._known else "ADDED", live)
        self.listed.set()
        for change, live in self._api.watch(*self._place, version):
            if change in ("ADDED", "MODIFIED", "DELETED"):
                self._tell(change, live)
            elif change == "ERROR":  # the version is too old: list again
                return

    def _tell(self, change: str, live: Properties) -> None:
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
