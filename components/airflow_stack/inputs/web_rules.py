"""What must hold between the settings of the UI's address. Each rule yields at most one problem for one cause."""

from collections.abc import Iterator

from pydantic.alias_generators import to_camel

from airflow_stack.chart.web import CLUSTER_ISSUER, DNS_NAME, ISSUER, KNOWN_CLASSES
from airflow_stack.settings.models import Settings
from airflow_stack.settings.problem import Problem, Remove, Set, Step, at_most_one

_OF_AN_ADDRESS = ("path", "gateway", "ingress", "tls", "external_dns")
MIGRATION = "docs/guides/web.md#from-airflowingress"


def one_way_in(settings: Settings) -> Iterator[Problem]:
    """The address has a host, and one route to it."""
    web = settings.web
    given = [to_camel(name) for name in _OF_AN_ADDRESS if getattr(web, name)]
    if given and not web.host:
        reason = f"is needed by {' and '.join(f'web.{name}' for name in given)}"
        yield Problem("web.host", reason, (Set("web.host", "airflow.example.com"),))
    elif web.host and not web.gateway and not web.ingress:
        reason = "has no route to it: give web.gateway or web.ingress"
        steps = (Set("web.gateway.name", "<name of the Gateway>"),)
        otherwise = "set web.ingress.className; for a route of your own, set values.config.api.base_url instead"
        yield Problem("web", reason, steps, otherwise)
    else:
        yield from at_most_one("web", gateway=web.gateway, ingress=web.ingress)


def one_certificate(settings: Settings) -> Iterator[Problem]:
    """The certificate has one source, which the route can use."""
    web = settings.web
    if not (tls := web.tls):
        return
    sources = {"issuer": tls.issuer, "clusterIssuer": tls.cluster_issuer, "external": tls.external or None}
    yield from at_most_one("web.tls", **sources)
    given = [name for name, value in {"secretName": tls.secret_name, **sources}.items() if value]
    if not given:
        allowed = "secretName, issuer, clusterIssuer or external"
        yield Problem("web.tls", "names no certificate", (Set("web.tls.secretName"),), allowed=allowed)
    elif web.gateway and given != ["external"]:
        reason = "is at the listener of a Gateway, not at its routes"
        removed: tuple[Step, ...] = tuple(Remove(f"web.tls.{name}") for name in given if name != "external")
        yield Problem(f"web.tls.{given[0]}", reason, (*removed, Set("web.tls.external", "true")))
    elif tls.external and tls.secret_name:
        reason = "is not read with web.tls.external, a certificate outside of the namespace"
        yield Problem("web.tls.secretName", reason, (Remove("web.tls.secretName"),), "remove web.tls.external")


def known_data_plane(settings: Settings) -> Iterator[Problem]:
    """The policies admit the clients of the API server."""
    web = settings.web
    name, route = ("gateway", web.gateway) if web.gateway else ("ingress", web.ingress)
    if not route:
        return
    path, found = f"web.{name}.dataPlane", route.data_plane
    if found and not found.namespace and not found.networks:
        reason = "names no client that the network policies could admit"
        steps = (Set(f"{path}.namespace", "<namespace of the pods>"),)
        yield Problem(path, reason, steps, f"set {path}.networks for a load balancer outside the cluster")
    elif found and found.pod_labels and not found.namespace:
        yield Problem(f"{path}.podLabels", "has no effect without a namespace", (Set(f"{path}.namespace"),))
    elif not found and web.ingress and web.ingress.class_name not in KNOWN_CLASSES:
        given = f"the IngressClass {web.ingress.class_name!r}" if web.ingress.class_name else "the default IngressClass"
        reason = f"is needed with {given}: the network policies admit the controller's pods alone"
        steps = (Set(f"{path}.namespace", "<namespace of the controller>"),)
        allowed = f"left out with the classes {', '.join(KNOWN_CLASSES)}"
        yield Problem(path, reason, steps, allowed=allowed)


def annotations_of_settings(settings: Settings) -> Iterator[Problem]:
    """Annotations with a setting are given by it."""
    web = settings.web
    name, route = ("gateway", web.gateway) if web.gateway else ("ingress", web.ingress)
    for annotation, setting in (
        (CLUSTER_ISSUER, "web.tls.clusterIssuer"),
        (ISSUER, "web.tls.issuer"),
        (DNS_NAME, "web.externalDns"),
    ):
        if route and annotation in route.annotations:
            path, value = f"web.{name}.annotations", route.annotations[annotation]
            steps = (f"remove {annotation}", Set(setting, "true" if annotation == DNS_NAME else value))
            yield Problem(path, f"{annotation} has the setting {setting}", steps, value=value)


def one_address(settings: Settings) -> Iterator[Problem]:
    """The address is given by `web` or by its earlier form."""
    if settings.ingress and (settings.web.host or settings.web.gateway or settings.web.ingress or settings.web.tls):
        reason = "gives the address that airflow:web has too"
        yield Problem("ingress", reason, (Remove("ingress"),), value=settings.ingress.host)


def web_warnings(settings: Settings) -> Iterator[str]:
    """Warnings about the address."""
    if settings.ingress:
        yield (
            "airflow:ingress is an earlier form of airflow:web, and still works; "
            f"use web.host, web.ingress and web.tls ({MIGRATION})"
        )


RULES = (one_way_in, one_certificate, known_data_plane, annotations_of_settings)
"""Rules within `web`, in order."""
