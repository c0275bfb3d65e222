"""The address of the UI as objects: an HTTPRoute of a Gateway, and a policy for cert-manager's solver."""

import pytest

from tests.support.cases import Config, deployed

ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
GATEWAY = {"name": "public", "namespace": "gateways", "listener": "https"}
HOST = "airflow.example.com"


def test_a_gateway_gets_a_route_to_the_api_server() -> None:
    web = {"host": HOST, "gateway": GATEWAY, "tls": {"external": True}, "external_dns": True}
    route = deployed(web=web).only(ROUTE).inputs
    assert route["metadata"]["name"] == "airflow-web"
    assert route["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"] == HOST
    assert route["spec"] == {
        "parentRefs": [{"name": "public", "namespace": "gateways", "sectionName": "https"}],
        "hostnames": [HOST],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": "airflow-api-server", "port": 8080}],
            }
        ],
    }


def test_path_and_limit_of_a_request_are_in_the_route() -> None:
    web = {"host": HOST, "path": "/airflow", "gateway": {"name": "public", "timeout_seconds": 0}}
    (rule,) = deployed(web=web).only(ROUTE).inputs["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/airflow"}}]
    assert rule["timeouts"] == {"request": "0s"}


@pytest.mark.parametrize("tls", [{"cluster_issuer": "letsencrypt"}, {"issuer": "company"}])
def test_the_data_plane_reaches_the_solver_of_challenges_and_only_that_port(tls: Config) -> None:
    web = {"host": HOST, "ingress": {"data_plane": {"namespace": "edge"}}, "tls": tls}
    policy = deployed(web=web).named("airflow-web-solver").inputs["spec"]
    assert policy["podSelector"] == {"matchLabels": {"acme.cert-manager.io/http01-solver": "true"}}
    client = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}}
    assert policy["ingress"] == [{"from": [client], "ports": [{"port": 8089, "protocol": "TCP"}]}]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ingress": {"host": HOST, "controller_namespace": "edge", "tls_secret": "tls"}},
        {"web": {"host": HOST, "ingress": {"data_plane": {"namespace": "edge"}}, "tls": {"secret_name": "tls"}}},
    ],
)
def test_an_address_by_the_charts_ingress_alone_has_no_object_of_its_own(more: Config) -> None:
    assert not [urn for urn in deployed(**more).resources if "WebAddress" in urn]


@pytest.mark.parametrize("web", [{"gateway": GATEWAY}, {"ingress": {"class_name": "traefik"}}])
def test_the_output_url_is_the_address(web: Config) -> None:
    outputs = deployed(web={"host": HOST, "path": "/a", "tls": {"external": True}, **web})
    assert outputs.outputs_of("airflow:index:Airflow")["url"] == f"https://{HOST}/a"
    assert not outputs.outputs_of("airflow:index:Airflow").get("portForward")
