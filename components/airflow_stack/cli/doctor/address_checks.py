"""Checks of the address of the UI: Gateway or IngressClass, the pods that the policies admit, issuer, DNS name and certificate. Reads only."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_stack.chart.web import data_planes, issues
from airflow_stack.cli.kubernetes_client import CONNECT_SECONDS
from airflow_stack.settings.models import Settings
from airflow_stack.settings.web import Web, WebGateway

from .model import Check, CheckError, Status

Object = Mapping[str, Any]
Read = Callable[..., dict[str, Any] | None]
EXPIRY_DAYS = 14
"""Days before the expiry of a certificate from which it is reported. cert-manager renews at two thirds of the lifetime."""
_GATEWAYS, _CERTIFICATES = "/apis/gateway.networking.k8s.io/v1", "/apis/cert-manager.io/v1"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_DAY = 86400


def address_checks(settings: Settings, read: Read) -> Iterator[Check]:
    """The checks of a stack's address; none without one.

    Args:
        settings: Settings of the stack.
        read: Reads a path of the API server: an object, or None.
    """
    web = settings.address
    if not web:
        return
    of_cluster = ("cluster",)
    if gateway := web.gateway:
        yield Check("gateway", lambda: check_gateway(web, gateway, settings.namespace, read), of_cluster)
    else:
        yield Check("ingress", lambda: _ingress_class(web, read), of_cluster)
    yield Check("data plane", lambda: _data_plane(web, settings.namespace, read), of_cluster)
    if issues(web):
        yield Check("issuer", lambda: _issuer(web, settings.namespace, read), of_cluster)
    yield Check("dns", lambda: _dns(web))
    if web.tls:
        yield Check("tls", lambda: _certificate(web), ("dns",))


def check_gateway(web: Web, gateway: WebGateway, namespace: str, read: Read) -> str:
    """Check that the Gateway and its listeners take the route.

    Raises:
        CheckError: the Gateway API or the Gateway is missing, or no listener takes the route.
    """
    if read(_GATEWAYS) is None:
        raise CheckError("the Gateway API is not installed", "install its CRDs: https://gateway-api.sigs.k8s.io/guides")
    there = gateway.namespace or namespace
    name = f"{there}/{gateway.name}"
    found = read(f"{_GATEWAYS}/namespaces/{there}/gateways/{gateway.name}")
    if found is None:
        raise CheckError(f"Gateway {name} does not exist", "correct airflow:web.gateway, or create the Gateway")
    if refused := _refused(found.get("status", {}), ("Accepted", "Programmed")):
        raise CheckError(f"Gateway {name} is not {refused}", "correct the Gateway, or start its controller")
    listeners = [each for each in found["spec"].get("listeners", []) if gateway.listener in (None, each["name"])]
    if not listeners:
        known = ", ".join(each["name"] for each in found["spec"].get("listeners", [])) or "none"
        raise CheckError(
            f"Gateway {name} has no listener {gateway.listener!r}", f"airflow:web.gateway.listener: {known}"
        )
    usable = [each for each in listeners if _takes(each, web, same=there == namespace)]
    if not usable:
        raise CheckError(
            f"no listener of Gateway {name} takes {web.url} from namespace {namespace}",
            "correct protocol, hostname and allowedRoutes of the listener, or airflow:web",
        )
    by_name = {each["name"]: each for each in found.get("status", {}).get("listeners", [])}
    for each in usable:
        if refused := _refused(by_name.get(each["name"], {}), ("Accepted", "ResolvedRefs", "Programmed")):
            raise CheckError(f"listener {each['name']} of Gateway {name} is not {refused}", "correct the listener")
    found_at = ", ".join(f"{each['name']} ({each['protocol']})" for each in usable)
    return f"Gateway {name} takes the route at {found_at}"


def _refused(status: Object, types: tuple[str, ...]) -> str:
    for condition in status.get("conditions", []):
        if condition["type"] in types and condition["status"] == "False":
            return f"{condition['type']}: {condition.get('reason', '')}: {condition.get('message', '')}"
    return ""


def _takes(listener: Object, web: Web, *, same: bool) -> bool:
    host, mine = listener.get("hostname") or "*", str(web.host)
    covers = host in ("*", mine) or (host.startswith("*.") and mine.endswith(host[1:]))
    allowed = listener.get("allowedRoutes", {}).get("namespaces", {}).get("from", "Same")
    # HTTP with TLS in the settings: a load balancer before the Gateway may end it.
    return (
        covers and (same or allowed != "Same") and listener["protocol"] in (("HTTPS", "HTTP") if web.tls else ("HTTP",))
    )


def _ingress_class(web: Web, read: Read) -> str:
    classes = (read("/apis/networking.k8s.io/v1/ingressclasses") or {}).get("items", [])
    known = ", ".join(sorted(each["metadata"]["name"] for each in classes)) or "none"
    if wanted := web.ingress and web.ingress.class_name:
        if wanted not in {each["metadata"]["name"] for each in classes}:
            raise CheckError(
                f"IngressClass {wanted!r} does not exist", f"airflow:web.ingress.className; there are: {known}"
            )
        return f"IngressClass {wanted!r} exists"
    if not any(each["metadata"].get("annotations", {}).get(_DEFAULT_CLASS) == "true" for each in classes):
        raise CheckError(
            "the cluster has no default IngressClass", f"set airflow:web.ingress.className; there are: {known}"
        )
    return "the cluster has a default IngressClass"


def _data_plane(web: Web, namespace: str, read: Read) -> str:
    """The clients that the policies admit are there: otherwise the proxy gets no connection, and users a 502 or 504."""
    planes = data_planes(web, namespace)
    places = []
    for each in planes:
        if not each.namespace:
            return f"networks {', '.join(each.networks)}"
        labels = ",".join(f"{key}={value}" for key, value in each.pod_labels.items())
        places.append(f"{each.namespace} ({labels or 'every pod'})")
        found = (read(f"/api/v1/namespaces/{each.namespace}/pods", labelSelector=labels) or {}).get("items", [])
        if any(pod.get("status", {}).get("phase") == "Running" for pod in found) or each.networks:
            return f"admitted by the network policies: {places[-1]}"
    route = "gateway" if web.gateway else "ingress"
    raise CheckError(
        f"no running pod in {' or '.join(places)}: the network policies would admit nothing",
        f"set airflow:web.{route}.dataPlane to namespace and labels of the pods that proxy requests",
    )


def _issuer(web: Web, namespace: str, read: Read) -> str:
    assert web.tls  # noqa: S101  `issues`
    if read(_CERTIFICATES) is None:
        raise CheckError("cert-manager is not installed", "install it: https://cert-manager.io/docs/installation")
    path = f"clusterissuers/{web.tls.cluster_issuer}"
    if web.tls.issuer:
        path = f"namespaces/{namespace}/issuers/{web.tls.issuer}"
    name = f"{'Issuer' if web.tls.issuer else 'ClusterIssuer'} {web.tls.issuer or web.tls.cluster_issuer!r}"
    if (found := read(f"{_CERTIFICATES}/{path}")) is None:
        raise CheckError(f"{name} does not exist", "create it, or correct airflow:web.tls")
    if refused := _refused(found.get("status", {}), ("Ready",)):
        raise CheckError(f"{name} is not {refused}", f"see its status: kubectl get --raw {_CERTIFICATES}/{path}")
    return f"{name} is ready"


def _dns(web: Web) -> str:
    try:
        found = sorted({str(each[4][0]) for each in socket.getaddrinfo(web.host, 443, proto=socket.IPPROTO_TCP)})
    except OSError as error:
        fix = "point it to the load balancer; after the first `pulumi up` its address is known"
        raise CheckError(f"{web.host} has no address on this machine: {error}", fix, Status.WARN) from None
    return f"{web.host} is {', '.join(found)}"


def _certificate(web: Web) -> str:
    context, host = ssl.create_default_context(), str(web.host)
    try:
        with (
            socket.create_connection((host, 443), timeout=CONNECT_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        raise CheckError(
            f"the certificate of {host} is not valid on this machine: {error.verify_message}",
            "serve the whole chain, for this host name; a company's authority must be known here too",
            Status.WARN,
        ) from None
    except socket.gaierror:
        raise CheckError(f"{host} has no address on this machine", status=Status.SKIPPED) from None
    except OSError as error:
        raise CheckError(
            f"{host}:443 is not reachable: {error}", "before the first `pulumi up` nothing is", Status.WARN
        ) from None
    days = int((ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) // _DAY)
    if days < EXPIRY_DAYS:
        raise CheckError(f"the certificate of {host} expires in {days} days", "renew it", Status.WARN)
    return f"the certificate of {host} is valid for {days} more days"
