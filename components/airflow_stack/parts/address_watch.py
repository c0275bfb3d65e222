"""Program of the address Job: waits until the address of the UI is served, or ends early with the cause.

It runs in the cluster, in Airflow's image, below the source of `rollout_watch.py`: only the standard library and names of that module.
Exit code 0 means served. With exit code 1 the termination message has the cause, and `pulumi up` prints it.

Conditions are those of gateway.networking.k8s.io/v1 (RouteParentStatus) and of cert-manager.io/v1 (pkg/apis/certmanager/v1/types_certificate*.go).
"""

import os
import sys
import time
from calendar import timegm
from collections.abc import Iterator, Mapping
from pathlib import Path

from airflow_stack.parts.rollout_watch import Object, Read, _short, in_cluster

UNTAKEN = 20.0
"""Seconds without a sign of a controller. Gateways and ingress controllers react to a new object within a few."""
REFUSED = 8.0
"""Seconds of an uninterrupted refusal. A Service or a Secret that is created at the same time may be missing at first."""
SETTLED = 5.0
"""Seconds in which an Ingress shows no refusal after a controller took it."""
ISSUING = 20.0
"""Seconds without a refusal after which a certificate counts as under way: DNS may have to be set up first."""
_GATEWAY, _CERTIFICATES = "apis/gateway.networking.k8s.io/v1", "apis/cert-manager.io/v1"
_FIXES = {
    "NoMatchingParent": "airflow:web.gateway.listener is no listener of the Gateway",
    "NoMatchingListenerHostname": "the host name of the listener does not cover airflow:web.host",
    "NotAllowedByListeners": "the Gateway's listener must allow routes of this namespace (allowedRoutes)",
    "UnsupportedValue": "leave airflow:web.gateway.timeoutSeconds out, or ask the gateway's documentation",
}
# Written only by refusals that stay; `Pending` may end by itself, unless the issuer is missing.
_FINAL = ("Failed", "Denied")
_VARIABLES = ("ROUTE", "GATEWAY", "INGRESS", "CLASS", "CERTIFICATE")


class Address:
    """What serves the address, at one moment: findings of refusal, and whether it is served.

    Args:
        read: Reads the namespace.
        wanted: `route` or `ingress` with the name of the object, `certificate` with that of the Secret, and `gateway` or `class`.
        began: Time of the first look, in seconds since the epoch.
    """

    def __init__(self, read: Read, wanted: Mapping[str, str], began: float) -> None:
        self._read, self._wanted, self._began = read, wanted, began

    def refusals(self) -> Iterator[tuple[str, float, str]]:
        """Key, seconds that it must last, and the cause of each refusal."""
        if name := self._wanted.get("route"):
            yield from self._of_route(name)
        if name := self._wanted.get("ingress"):
            yield from self._of_ingress(name)
        if name := self._wanted.get("certificate"):
            yield from self._of_certificate(name)

    def is_served(self, seconds: float) -> bool:
        """Whether nothing is left to wait for, after so many seconds without a refusal."""
        waits = [SETTLED] if "ingress" in self._wanted else [0.0]
        if (name := self._wanted.get("certificate")) and not self._is_issued(name):
            waits.append(ISSUING)
        return seconds >= max(waits)

    def _of_route(self, name: str) -> Iterator[tuple[str, float, str]]:
        found = self._named(_GATEWAY, "httproutes", name)
        parents = [parent for each in found for parent in each.get("status", {}).get("parents", [])]
        if not parents:
            gateway = self._wanted.get("gateway", "")
            text = f"no gateway has taken HTTPRoute {name}: is there a Gateway {gateway} (airflow:web.gateway), with a running controller?"
            yield "route", UNTAKEN, text
        generation = max((each["metadata"].get("generation", 0) for each in found), default=0)
        for parent in parents:
            conditions = {each["type"]: each for each in parent.get("conditions", [])}
            for type_ in ("Accepted", "ResolvedRefs"):
                condition = conditions.get(type_, {})
                if condition.get("observedGeneration", generation) < generation or not condition:
                    yield type_, UNTAKEN, f"the gateway has not looked at HTTPRoute {name} yet: {type_} is missing"
                elif condition["status"] != "True":
                    reason = condition.get("reason", "")
                    fix = f" ({_FIXES[reason]})" if reason in _FIXES else ""
                    text = f"HTTPRoute {name} is not {type_}: {reason}: {_short(condition.get('message', ''))}{fix}"
                    yield type_, REFUSED, text

    def _of_ingress(self, name: str) -> Iterator[tuple[str, float, str]]:
        """Ingresses have no conditions. A controller sets an address or a finalizer, or writes events."""
        for ingress in self._named("apis/networking.k8s.io/v1", "ingresses", name):
            events = self._read("api/v1", f"events?fieldSelector=involvedObject.uid={ingress['metadata']['uid']}")
            events = [each for each in events if _source(each) != "cert-manager-ingress-shim"]
            address = ingress.get("status", {}).get("loadBalancer", {}).get("ingress")
            if not (events or address or ingress["metadata"].get("finalizers")):
                of_class = self._wanted.get("class", "")
                which = (
                    f"no controller serves IngressClass {of_class}" if of_class else "there is no default IngressClass"
                )
                text = f"no controller has taken Ingress {name}: {which} (airflow:web.ingress.className)"
                yield "ingress", UNTAKEN, text
            for event in events:
                last = event.get("lastTimestamp") or event.get("eventTime") or ""
                if event.get("type") == "Warning" and _seconds(last) >= self._began:
                    yield event["reason"], REFUSED, f"Ingress {name}: {event['reason']}: {_short(event['message'])}"

    def _of_certificate(self, name: str) -> Iterator[tuple[str, float, str]]:
        try:
            certificates = self._named(_CERTIFICATES, "certificates", name)
            requests = self._read(_CERTIFICATES, "certificaterequests")
            orders = self._read("apis/acme.cert-manager.io/v1", "challenges")
        except OSError as error:
            if "404" not in str(error):
                raise
            yield "cert-manager", REFUSED, "cert-manager is not installed, and airflow:web.tls names an issuer"
            return
        if not certificates:
            yield "certificate", UNTAKEN, f"cert-manager has not made Certificate {name}: is its ingress-shim running?"
        if self._is_issued(name):
            return
        for each in certificates:
            issuing = _condition(each, "Issuing")
            if issuing.get("status") == "False" and issuing.get("reason") in _FINAL:
                yield "certificate", REFUSED, f"Certificate {name}: {_short(issuing.get('message', ''))}"
        for each in requests:
            if each["metadata"].get("annotations", {}).get("cert-manager.io/certificate-name") != name:
                continue
            ready = _condition(each, "Ready")
            if ready.get("reason") in _FINAL or "not found" in ready.get("message", ""):
                yield "certificate", REFUSED, f"Certificate {name}: {_short(ready['message'])}"
        for each in orders:
            if each.get("status", {}).get("state") in ("invalid", "errored"):
                yield "challenge", REFUSED, f"Certificate {name}: {_short(each['status'].get('reason', 'invalid'))}"

    def _is_issued(self, name: str) -> bool:
        found = self._named(_CERTIFICATES, "certificates", name)
        return any(_condition(each, "Ready").get("status") == "True" for each in found)

    def _named(self, api: str, plural: str, name: str) -> list[Object]:
        found: list[Object] = self._read(api, f"{plural}?fieldSelector=metadata.name={name}")
        return found


def _condition(each: Object, type_: str) -> Object:
    conditions = each.get("status", {}).get("conditions", [])
    return next((condition for condition in conditions if condition["type"] == type_), {})


def _source(event: Object) -> str:
    return str(event.get("reportingComponent") or event.get("source", {}).get("component", ""))


def _seconds(timestamp: str) -> float:
    return timegm(time.strptime(timestamp[:19], "%Y-%m-%dT%H:%M:%S")) if timestamp else 0.0


def watch_address(read: Read, wanted: Mapping[str, str], seconds: float) -> list[str]:
    """Wait until the address is served or a refusal lasts: an empty list, or one line per cause.

    Args:
        read: Reads the namespace.
        wanted: As in `Address`.
        seconds: Timeout.
    """
    began, end, address = time.monotonic(), time.monotonic() + seconds, Address(read, wanted, time.time())
    since: dict[str, float] = {}
    clear = began
    while True:
        try:
            found = list(address.refusals())
            served = not found and address.is_served(time.monotonic() - clear)
        except (OSError, ValueError) as error:
            found, served = [("", UNTAKEN, f"a pod cannot read the Kubernetes API: {error}")], False
        now = time.monotonic()
        since = {key: since.get(key, now) for key, _, _ in found}
        clear = now if found else clear
        if served:
            return []
        if lasting := [cause for key, patience, cause in found if now - since[key] >= patience]:
            return list(dict.fromkeys(lasting))
        if now > end:
            return [f"not served after {seconds:.0f} s", *(cause for _, _, cause in found)]
        time.sleep(1)


def main() -> None:
    """Watch the address of the environment, and write the result to the termination message."""
    environment = os.environ
    wanted = {key.lower(): environment[key] for key in _VARIABLES if environment.get(key)}
    causes = watch_address(in_cluster(environment["NAMESPACE"]), wanted, float(environment["SECONDS"]))
    text = "\n".join([*causes, "`airflow-stack doctor` shows details."] if causes else ["the address is served"])
    Path("/dev/termination-log").write_text(text[:4000])
    print(text, flush=True)
    sys.exit(bool(causes))


if __name__ == "__main__":
    main()
