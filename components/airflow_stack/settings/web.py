"""Settings of the UI and its address. `inputs/web_rules.py` has what must hold between them."""

from typing import Annotated

from pydantic import Field

from .fields import LabelKey, LabelValue, Matching, Model, Name, ObjectName
from .kubernetes_rules import HOST
from .security import Network

HostName = Annotated[
    str,
    Matching(f"^{HOST}$", "a host name such as airflow.example.com, at most 253 characters, and no address"),
]


class DataPlane(Model):
    """Pods and networks that connect to the API server from outside the release: the only ones that the network policies admit."""

    namespace: Name | None = None
    """Namespace of the controller's or gateway's pods."""
    pod_labels: dict[LabelKey, LabelValue] = {}
    """Labels of those pods; left out: every pod of the namespace."""
    networks: tuple[Network, ...] = ()
    """Networks as CIDR, for a load balancer outside the cluster, such as the subnets of AWS's."""


class WebIngress(Model):
    """The address by an Ingress."""

    class_name: ObjectName | None = None
    """IngressClass; left out: the cluster's default."""
    annotations: dict[LabelKey, str] = {}
    """Annotations of the Ingress."""
    data_plane: DataPlane | None = None
    """Clients that the policies admit; left out: known for the classes `traefik`, `nginx` and `gce` (docs/guides/web.md)."""
    wait_for_controller: bool = True
    """Whether `up` fails while no controller takes the Ingress. False for a controller that publishes no address, writes no event and sets no finalizer."""


class WebGateway(Model):
    """The address by an HTTPRoute of the Gateway API."""

    name: ObjectName
    """Name of the existing Gateway."""
    namespace: Name | None = None
    """Namespace of the Gateway, whose listener must allow routes of Airflow's; left out: Airflow's own."""
    listener: ObjectName | None = None
    """Listener of the Gateway (`sectionName`); left out: every listener that takes the host."""
    annotations: dict[LabelKey, str] = {}
    """Annotations of the HTTPRoute."""
    data_plane: DataPlane | None = None
    """Clients that the policies admit; left out: pods with the label `gateway.networking.k8s.io/gateway-name` in the Gateway's namespace (GEP-1762)."""
    timeout_seconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    """Limit of one request (`timeouts.request`), 0 for none; left out: the gateway's own. Not every gateway has it."""


class WebTls(Model):
    """TLS of the address: `secretName`, `issuer`, `clusterIssuer` or `external`."""

    secret_name: ObjectName | None = None
    """Secret with the certificate, in Airflow's namespace. With an issuer: its name for the issued certificate."""
    issuer: ObjectName | None = None
    """Issuer of cert-manager in Airflow's namespace."""
    cluster_issuer: ObjectName | None = None
    """ClusterIssuer of cert-manager."""
    external: bool = False
    """True where the certificate is the gateway listener's, the load balancer's or the controller's own."""


class Web(Model):
    """The UI: its title and its address. Without `host`, by port-forward only."""

    title: (
        Annotated[
            str, Matching(r"^((?!\{\{)[^\x00-\x1f\x7f])+$", "one line without {{, which Helm reads as a template")
        ]
        | None
    ) = None
    """Title of every page (`[api] instance_name`), such as the stack's name; left out: Airflow's own."""
    host: HostName | None = None
    """Host name of the UI; needs `gateway` or `ingress`."""
    path: (
        Annotated[
            str,
            Matching(r"^(/[A-Za-z0-9._~-]+)+$", "a path such as /airflow, without a slash at the end"),
        ]
        | None
    ) = None
    """Path of the UI on the host; left out: all of the host."""
    gateway: WebGateway | None = None
    """The address by an HTTPRoute."""
    ingress: WebIngress | None = None
    """The address by an Ingress."""
    tls: WebTls | None = None
    """TLS of the address; left out: plain HTTP."""
    external_dns: bool = False
    """Whether the route or Ingress has external-dns's annotation `external-dns.alpha.kubernetes.io/hostname`."""

    @property
    def url(self) -> str:
        """Address in the browser."""
        return f"{'https' if self.tls else 'http'}://{self.host}{self.path or ''}"
