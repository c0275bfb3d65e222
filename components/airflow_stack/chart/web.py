"""Chart values of the UI's address, and the facts about it that the parts need. Pure.

Facts about controllers. The labels `app.kubernetes.io/name` were read in the charts; the namespaces are customary, and `dataPlane` replaces them:
- Traefik (`traefik/templates/_helpers.tpl`): `traefik`, in the namespace `traefik`; k3s installs it in `kube-system`.
- ingress-nginx (`charts/ingress-nginx/templates/_helpers.tpl`): `ingress-nginx`, and `component: controller`, in the namespace `ingress-nginx`.
- GKE's external load balancer connects from 130.211.0.0/22 and 35.191.0.0/16 (cloud.google.com/kubernetes-engine/docs/concepts/ingress).
- A Gateway's own pods have the label `gateway.networking.k8s.io/gateway-name` (gateway-api.sigs.k8s.io/geps/gep-1762).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_stack import names
from airflow_stack.settings.models import Settings
from airflow_stack.settings.web import DataPlane, Web

Values = dict[str, Any]

_NAME = "app.kubernetes.io/name"
_NGINX = {_NAME: "ingress-nginx", "app.kubernetes.io/component": "controller"}
KNOWN_CLASSES: Mapping[str, tuple[DataPlane, ...]] = {
    "traefik": tuple(
        DataPlane(namespace=namespace, pod_labels={_NAME: "traefik"}) for namespace in ("traefik", "kube-system")
    ),
    "nginx": (DataPlane(namespace="ingress-nginx", pod_labels=_NGINX),),
    "gce": (DataPlane(networks=("130.211.0.0/22", "35.191.0.0/16")),),
}
"""Data plane of each IngressClass whose controller is installed as its documentation says."""
CLUSTER_ISSUER, ISSUER = "cert-manager.io/cluster-issuer", "cert-manager.io/issuer"
"""Annotations of an Ingress (cert-manager.io/docs/usage/ingress)."""
DNS_NAME = "external-dns.alpha.kubernetes.io/hostname"
"""Annotation of external-dns (docs/annotations/annotations.md)."""
_GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"


def base_url(settings: Settings) -> str:
    """Address of the UI; without one outside the cluster, that of a port-forward."""
    return settings.address.url if settings.address else f"http://localhost:{names.API_SERVER_PORT}"


def data_planes(web: Web, namespace: str) -> tuple[DataPlane, ...]:
    """Clients of the API server outside the release; none where neither a setting nor the class names them.

    Args:
        web: The address.
        namespace: Airflow's namespace.
    """
    if gateway := web.gateway:
        own = DataPlane(namespace=gateway.namespace or namespace, pod_labels={_GATEWAY_NAME: gateway.name})
        return (gateway.data_plane or own,)
    if ingress := web.ingress:
        return (ingress.data_plane,) if ingress.data_plane else KNOWN_CLASSES.get(ingress.class_name or "", ())
    return ()


def peers(settings: Settings) -> list[Values]:
    """Peers of a NetworkPolicy that admits the data plane."""
    web = settings.address
    return [peer for each in data_planes(web, settings.namespace) for peer in _peers(each)] if web else []


def _peers(data_plane: DataPlane) -> Iterator[Values]:
    if data_plane.namespace:
        peer: Values = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": data_plane.namespace}}}
        if data_plane.pod_labels:
            peer["podSelector"] = {"matchLabels": dict(data_plane.pod_labels)}
        yield peer
    yield from ({"ipBlock": {"cidr": each}} for each in data_plane.networks)


def tls_secret(web: Web) -> str | None:
    """Secret with the certificate; None where it is elsewhere."""
    if not web.tls or web.tls.external:
        return None
    return web.tls.secret_name or names.WEB_CERTIFICATE


def issues(web: Web) -> bool:
    """Whether cert-manager issues the certificate, and its solver of HTTP-01 challenges runs beside Airflow."""
    return bool(web.ingress and web.tls and (web.tls.issuer or web.tls.cluster_issuer))


def annotations(web: Web) -> dict[str, str]:
    """Annotations of the Ingress or HTTPRoute: the user's, and those that follow from the settings."""
    route = web.gateway or web.ingress
    found: dict[str, str] = {}
    if web.ingress and web.ingress.class_name == "nginx":
        # Tokens of single sign-on exceed the default buffer of 4k; logs and `/wait` stream longer than 60 s.
        nginx = "nginx.ingress.kubernetes.io"
        found |= {f"{nginx}/proxy-buffer-size": "16k", f"{nginx}/proxy-read-timeout": "3600"}
    if web.tls and web.tls.cluster_issuer:
        found[CLUSTER_ISSUER] = web.tls.cluster_issuer
    if web.tls and web.tls.issuer:
        found[ISSUER] = web.tls.issuer
    if web.external_dns and web.host:
        found[DNS_NAME] = web.host
    return {**found, **(route.annotations if route else {})}


def ingress_values(web: Web) -> Values:
    """The chart's Ingress; empty without one."""
    if not web.ingress:
        return {}
    host: Values = {"name": web.host}
    if secret := tls_secret(web):
        host["tls"] = {"enabled": True, "secretName": secret}
    return {
        "ingress": {
            "apiServer": {
                "enabled": True,
                "hosts": [host],
                "path": web.path or "/",
                # The chart's `ImplementationSpecific` matches one path alone with AWS's and GKE's controllers.
                "pathType": "Prefix",
                "annotations": annotations(web),
                **({"ingressClassName": web.ingress.class_name} if web.ingress.class_name else {}),
            }
        }
    }


def awaited(web: Web, route: str) -> dict[str, str]:
    """What must serve the address before `up` ends; empty: nothing is awaited.

    Args:
        web: The address.
        route: Name of the HTTPRoute.
    """
    if gateway := web.gateway:
        return {"route": route, "gateway": f"{gateway.namespace}/{gateway.name}" if gateway.namespace else gateway.name}
    ingress = web.ingress
    if not ingress or not ingress.wait_for_controller:
        return {}
    found = {"ingress": f"{names.RELEASE}-ingress", "class": ingress.class_name or ""}
    if issues(web):
        found["certificate"] = tls_secret(web) or ""
    return found


def login_config(web: Web) -> Values:
    """Options of `[fab]`: the cookie of the login needs HTTPS (provider fab 3.9, www/app.py). The chart sets `enable_proxy_fix`."""
    return {"cookie_secure": str(bool(web.tls))}
