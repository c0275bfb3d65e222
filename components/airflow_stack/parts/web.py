"""The address of the UI outside the cluster, besides the chart's Ingress: an HTTPRoute, and access to the solver of HTTP-01 challenges."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from airflow_stack.names import API_SERVER_PORT, RELEASE

from .kubernetes import SKIP_AWAIT, KubernetesObject, Manifest, PlacedArgs, metadata

ROUTE = f"{RELEASE}-web"
"""Name of the HTTPRoute."""
# cert-manager 1.19, pkg/apis/acme/v1/const.go and pkg/issuer/acme/http/pod.go
_SOLVER = {"acme.cert-manager.io/http01-solver": "true"}
_SOLVER_PORT = 8089


class RouteArgs(TypedDict):
    """An HTTPRoute to the API server."""

    host: str
    """Host of the requests."""
    path: str
    """Prefix of their path."""
    parent: Mapping[str, str]
    """Gateway: `name`, `namespace` and `sectionName` of a `parentRef`."""
    annotations: Mapping[str, str]
    """Annotations of the route."""
    timeout_seconds: NotRequired[int]
    """Limit of one request, 0 for none; left out: the gateway's own."""


class WebAddressArgs(PlacedArgs):
    """Arguments of `WebAddress`."""

    route: NotRequired[RouteArgs]
    """The HTTPRoute; left out: the chart's Ingress leads to the UI."""
    solver_clients: NotRequired[Sequence[Mapping[str, Any]]]
    """Peers of a NetworkPolicy that reach the solver of HTTP-01 challenges; left out: no certificate is issued beside Airflow."""


class WebAddress(pulumi.ComponentResource):
    """The route to the UI, and a policy that lets cert-manager's solver answer."""

    def __init__(self, name: str, args: WebAddressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:WebAddress", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if route := args.get("route"):
            annotations = {**SKIP_AWAIT, **route["annotations"]}
            manifest = {"metadata": metadata(ROUTE, args, annotations), "spec": _route(route)}
            KubernetesObject(f"{name}-route", "gateway.networking.k8s.io/v1", "HTTPRoute", manifest, child)
        if clients := args.get("solver_clients"):
            ports = [{"port": _SOLVER_PORT, "protocol": "TCP"}]
            spec = {
                "podSelector": {"matchLabels": _SOLVER},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": list(clients), "ports": ports}],
            }
            manifest = {"metadata": metadata(f"{RELEASE}-acme-solver", args), "spec": spec}
            KubernetesObject(f"{name}-solver", "networking.k8s.io/v1", "NetworkPolicy", manifest, child)
        self.register_outputs({})


def _route(route: RouteArgs) -> Manifest:
    rule: Manifest = {
        "matches": [{"path": {"type": "PathPrefix", "value": route["path"]}}],
        "backendRefs": [{"name": f"{RELEASE}-api-server", "port": API_SERVER_PORT}],
    }
    if "timeout_seconds" in route:
        rule["timeouts"] = {"request": f"{route['timeout_seconds']}s"}
    return {"parentRefs": [dict(route["parent"])], "hostnames": [route["host"]], "rules": [rule]}
