"""Readiness of each kind of object, with the messages of the official provider: the files of its folder `await`.

A readiness receives the changes of the objects that it follows. It sends no request.
"""

# ruff: noqa: D102  (Readiness describes the methods)

from collections.abc import Sequence

from sandbox.plugins.engine_log import OperationLog
from sandbox.plugins.pod_warnings import full_name, is_owned_by, warnings
from sandbox.plugins.property_values import Properties

_SETTLING = 10.0  # seconds from a change of a Service's endpoints until they count as settled
_PERMANENT = ("BackoffLimitExceeded", "DeadlineExceeded")
_NO_PODS = "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods"


class FailedError(Exception):
    """The object will never be ready."""


class Readiness:
    """Readiness of one object."""

    follows: Sequence[tuple[str, str]] = ()
    """API version and kind of the objects to follow."""
    restarts_clock = False
    """Whether each change restarts the timeout."""
    done = False

    def __init__(self, live: Properties, log: OperationLog) -> None:
        self.live, self.log = live, log

    def begin(self) -> None:
        """Show the status at the start of a wait."""

    def see(self, change: str, live: Properties, now: float) -> None:
        """Process a change of a followed object."""
        raise NotImplementedError

    def is_ready(self, now: float) -> bool:
        """Whether the object is ready. Shows the progress."""
        return self.done

    def missing(self) -> list[str]:
        """Messages about missing parts of the readiness."""
        return []

    def ready_on_timeout(self) -> bool:
        """Whether a timeout counts as success."""
        return False

    def is_self(self, live: Properties) -> bool:
        """Whether an object is the awaited one."""
        return bool(live["kind"] == self.live["kind"] and live["metadata"]["name"] == self.live["metadata"]["name"])


class JobReadiness(Readiness):
    """A Job has started and is complete (await/job.go). Warnings of its pods are shown meanwhile."""

    follows = (("batch/v1", "Job"), ("v1", "Pod"))
    restarts_clock = True

    def __init__(self, live: Properties, log: OperationLog) -> None:
        super().__init__(live, log)
        self._messages: list[str] = []

    def see(self, change: str, live: Properties, now: float) -> None:
        if live["kind"] == "Pod":
            for message in warnings(live) if is_owned_by(live, self.live) else []:
                self._note(message)
                if "containers with unready status" not in message:  # true of each Job for a moment
                    self.log.status("WARNING", message)
        elif self.is_self(live):
            self._see_itself(live)

    def _see_itself(self, live: Properties) -> None:
        status, name = live.get("status", {}), full_name(live)
        self.log.status("INFO", f'Waiting for Job "{name}" to start')
        self.done = False
        if status.get("startTime"):
            counts = " | ".join(f"{key}: {status.get(key.lower(), 0)}" for key in ("Active", "Succeeded", "Failed"))
            self.log.status("INFO", f'Waiting for Job "{name}" to succeed ({counts})')
            failed = _condition(live, "Failed")
            if failed.get("status") == "True" and failed.get("reason") in _PERMANENT:
                self._note(f"[{failed['reason']}] {failed.get('message', '')}")
                raise FailedError
            self.done = _condition(live, "Complete").get("status") == "True"
        self.live = live

    def _note(self, message: str) -> None:
        if message not in self._messages:
            self._messages.append(message)

    def missing(self) -> list[str]:
        return self._messages


class StatefulSetReadiness(Readiness):
    """All replicas exist, are ready and have the current revision (await/statefulset.go)."""

    follows = (("apps/v1", "StatefulSet"), ("v1", "Pod"))

    def __init__(self, live: Properties, log: OperationLog) -> None:
        super().__init__(live, log)
        self._first, self._pods, self._next_report = live["metadata"].get("generation", 0), dict[str, Properties](), 0.0
        self._revised = self._complete = False
        self._generation = self._ready = self._wanted = 0
        self._revisions = "", ""

    def see(self, change: str, live: Properties, now: float) -> None:
        if live["kind"] == "Pod":
            if is_owned_by(live, self.live):
                self._pods.pop(live["metadata"]["name"], None)
                if change != "DELETED":
                    self._pods[live["metadata"]["name"]] = live
            return
        self._revised = self._complete = False
        if not self.is_self(live) or live["metadata"].get("generation", 0) < self._first or change == "DELETED":
            return
        self.live, self._generation = live, live["metadata"].get("generation", 0)
        status = live.get("status", {})
        if status.get("observedGeneration", 0) >= self._generation > 0:
            self._count(live["spec"], status)

    def _count(self, spec: Properties, status: Properties) -> None:
        self._wanted = spec.get("replicas", 0)
        self._revisions = status.get("currentRevision", ""), status.get("updateRevision", "")
        ready = status.get("readyReplicas", 0)
        by_hand = self._generation > 1 and spec.get("updateStrategy", {}).get("type") == "OnDelete"
        counts = {status.get("replicas", 0), ready} | (set() if by_hand else {status.get("currentReplicas", 0)})
        self._complete = counts == {self._wanted}
        self._revised = by_hand or (self._revisions[0] != "" and self._revisions[0] == self._revisions[1])
        self._ready = ready if self._revised else min(ready, status.get("updatedReplicas", 0))

    def is_ready(self, now: float) -> bool:
        counts = f"({self._ready}/{self._wanted} Pods ready)"
        if self._complete and self._revised:
            self.log.status("INFO", "StatefulSet initialization complete")
            return True
        if self._generation <= 1:
            self.log.status("INFO", f"[1/2] Waiting for StatefulSet to create Pods {counts}")
        elif not self._complete:
            self.log.status("INFO", f"[1/3] Waiting for StatefulSet update to roll out {counts}")
        else:
            self.log.status("INFO", "[2/3] Waiting for StatefulSet to update .status.currentRevision")
        self._next_report = self._next_report or now + _SETTLING
        if now >= self._next_report:
            self._next_report = now + _SETTLING
            for message in self._troubles():
                self.log.status("WARNING", message)
        return False

    def _troubles(self) -> list[str]:
        return [message for pod in self._pods.values() for message in warnings(pod)]

    def missing(self) -> list[str]:
        messages = []
        if not self._complete:
            messages.append(f"{self._ready} out of {self._wanted} replicas succeeded readiness checks")
        if not self._revised:
            old, new = self._revisions
            messages.append(f'StatefulSet controller failed to advance from revision "{old}" to revision "{new}"')
        return messages + self._troubles()


class ServiceReadiness(Readiness):
    """The endpoints have settled and none is pending (await/service.go). A Service without selector or address is not awaited."""

    follows = (("v1", "Service"), ("v1", "Endpoints"))

    def __init__(self, live: Properties, log: OperationLog) -> None:
        super().__init__(live, log)
        self._type = live.get("spec", {}).get("type", "ClusterIP")
        self._there = self._ready = self._pending = False
        self._settled, self._timers = False, list[float]()

    def begin(self) -> None:
        self.log.status("INFO", "[1/3] Finding Pods to direct traffic to")

    def see(self, change: str, live: Properties, now: float) -> None:
        if live["metadata"]["name"] != self.live["metadata"]["name"]:
            return
        if live["kind"] == "Service":
            self._there = change != "DELETED"
            if self._there:
                self.live = live
                addresses = live.get("status", {}).get("loadBalancer", {}).get("ingress")
                self._there = self._type != "LoadBalancer" or bool(addresses)
            return
        subsets = [] if change == "DELETED" else live.get("subsets") or []
        self._settled = False
        self._timers.append(now + _SETTLING)
        self._ready = any(each.get("addresses") for each in subsets)
        self._pending = any(each.get("notReadyAddresses") for each in subsets)

    def settle(self) -> None:
        """Accept the endpoints immediately: a refresh does not wait."""
        self._settled = True

    def is_ready(self, now: float) -> bool:
        if not self._awaits_pods():
            return self._there
        if any(timer <= now for timer in self._timers):
            self._timers, self._settled = [timer for timer in self._timers if timer > now], True
        if self._there and self._settled and not self._pending:
            self.log.status("INFO", "Service initialization complete")
            return True
        if self._settled and self._ready:
            self.log.status("INFO", "[2/3] Attempting to allocate IP address to Service")
        return False

    def ready_on_timeout(self) -> bool:
        return self._there and not self._pending

    def missing(self) -> list[str]:
        if self._is_headless() or self._type == "ExternalName":
            return []
        messages = [] if self._ready else [_NO_PODS]
        if self._type == "LoadBalancer" and not self._there:
            messages.append("Service was not allocated an IP address; does your cloud provider support this?")
        return messages

    def _is_headless(self) -> bool:
        return bool(self.live.get("spec", {}).get("clusterIP") == "None")

    def _awaits_pods(self) -> bool:
        selector = self.live.get("spec", {}).get("selector")
        return bool(selector) and not self._is_headless() and self._type != "ExternalName"


class ConditionReadiness(Readiness):
    """The condition in the annotation pulumi.com/waitFor is met (await/condition/custom.go)."""

    def __init__(self, live: Properties, log: OperationLog, wanted: str) -> None:
        super().__init__(live, log)
        self.follows = ((live["apiVersion"], live["kind"]),)
        self._type, _, status = wanted.partition("=")
        self._status = status or "True"

    def see(self, change: str, live: Properties, now: float) -> None:
        generation = live["metadata"].get("generation", 0)
        if self.is_self(live) and generation >= self.live["metadata"].get("generation", 0):
            self.live = live
            self.done = self._is_met(generation)

    def _is_met(self, generation: int) -> bool:
        status = self.live.get("status") or {}
        if "conditions" not in status:
            self.log.status("WARNING", "Has no .status.conditions")
            return False
        for condition in status["conditions"]:
            if condition.get("type", "").lower() == self._type.lower() and "status" in condition:
                observed = condition.get("observedGeneration", status.get("observedGeneration"))
                if observed is not None and generation and observed < generation:
                    self.log.status("INFO", f"Generation {observed} is less than expected {generation}")
                    return False
                met = condition["status"].lower() == self._status.lower()
                if not met:
                    text = f"{self._type}={condition['status']} (want {self._status})"
                    self.log.status("INFO", f"Resource has condition {text}")
                return bool(met)
        return False


def _condition(live: Properties, kind: str) -> Properties:
    found = [each for each in live.get("status", {}).get("conditions") or [] if each["type"] == kind]
    return dict(found[-1]) if found else {}
