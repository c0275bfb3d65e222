"""The address of the UI: base_url, proxy headers, cookies, Ingress and the clients that the policies admit."""

from typing import Any

import pytest

from airflow_stack.chart.values import chart_values
from airflow_stack.chart.web import base_url
from tests.support.cases import SSH, Config, settings

HOST = "airflow.example.com"
GATEWAY = {"host": HOST, "gateway": {"name": "public", "namespace": "gateways"}, "tls": {"external": True}}
EARLIER = {"host": HOST, "controllerNamespace": "edge", "className": "haproxy", "tlsSecret": "tls"}
BY_INGRESS = {
    "host": HOST,
    "ingress": {"className": "haproxy", "dataPlane": {"namespace": "edge"}},
    "tls": {"secretName": "tls"},
}


def values(**more: Any) -> Config:
    return chart_values(settings(dags=SSH, **more))


def clients(found: Config) -> list[Any]:
    """Peers of the API server outside the release."""
    peers: list[Any] = found["apiServer"]["networkPolicy"]["ingress"]["from"][1:]
    return peers


def namespace(name: str, **labels: str) -> Config:
    peer: Config = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    return {**peer, "podSelector": {"matchLabels": labels}} if labels else peer


def test_the_earlier_form_gives_the_same_release() -> None:
    assert values(ingress=EARLIER) == values(web=BY_INGRESS)


@pytest.mark.parametrize(
    ("web", "url"),
    [
        (GATEWAY, f"https://{HOST}"),
        ({**GATEWAY, "tls": None}, f"http://{HOST}"),
        ({**GATEWAY, "path": "/data/airflow"}, f"https://{HOST}/data/airflow"),
        ({**BY_INGRESS, "tls": {"clusterIssuer": "letsencrypt"}}, f"https://{HOST}"),
    ],
)
def test_base_url_cookies_and_proxy_headers_follow_from_the_address(web: Config, url: str) -> None:
    found = values(web=web)
    assert base_url(settings(dags=SSH, web=web)) == url
    assert found["config"]["api"]["base_url"] == url
    assert found["config"]["fab"] == {"cookie_secure": str(url.startswith("https"))}
    assert "--proxy-headers" in found["apiServer"]["args"][-1]
    assert {"name": "FORWARDED_ALLOW_IPS", "value": "*"} in found["apiServer"]["env"]


def test_a_title_alone_opens_nothing() -> None:
    found = values(web={"title": "Airflow (test)"})
    assert clients(found) == []
    assert found["config"]["api"] == {"instance_name": "Airflow (test)"}
    assert "fab" not in found["config"]


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"gateway": {"name": "public"}}, [namespace("airflow", **{"gateway.networking.k8s.io/gateway-name": "public"})]),
        (
            {"gateway": {"name": "public", "namespace": "gateways"}},
            [namespace("gateways", **{"gateway.networking.k8s.io/gateway-name": "public"})],
        ),
        (
            {"gateway": {"name": "g", "dataPlane": {"namespace": "edge", "podLabels": {"app": "proxy"}}}},
            [namespace("edge", app="proxy")],
        ),
        (
            {"ingress": {"className": "traefik"}},
            [
                namespace("traefik", **{"app.kubernetes.io/name": "traefik"}),
                namespace("kube-system", **{"app.kubernetes.io/name": "traefik"}),
            ],
        ),
        (
            {"ingress": {"className": "gce"}},
            [{"ipBlock": {"cidr": "130.211.0.0/22"}}, {"ipBlock": {"cidr": "35.191.0.0/16"}}],
        ),
        (
            {"ingress": {"className": "traefik", "dataPlane": {"namespace": "edge", "networks": ["10.0.0.0/20"]}}},
            [namespace("edge"), {"ipBlock": {"cidr": "10.0.0.0/20"}}],
        ),
    ],
)  # fmt: skip
def test_the_policies_admit_the_data_plane_alone(route: Config, expected: list[Config]) -> None:
    assert clients(values(web={"host": HOST, **route})) == expected


def test_the_certificate_of_an_issuer_has_its_annotation_and_a_secret() -> None:
    tls = {"clusterIssuer": "letsencrypt"}
    ingress = values(web={**BY_INGRESS, "tls": tls, "externalDns": True})["ingress"]["apiServer"]
    assert ingress["hosts"] == [{"name": HOST, "tls": {"enabled": True, "secretName": "airflow-web-tls"}}]
    assert ingress["annotations"] == {
        "cert-manager.io/cluster-issuer": "letsencrypt",
        "external-dns.alpha.kubernetes.io/hostname": HOST,
    }


def test_a_certificate_elsewhere_is_no_part_of_the_ingress() -> None:
    ingress = values(web={**BY_INGRESS, "path": "/airflow", "tls": {"external": True}})["ingress"]["apiServer"]
    assert ingress["hosts"] == [{"name": HOST}]
    assert (ingress["path"], ingress["pathType"]) == ("/airflow", "Prefix")


def test_annotations_of_the_user_win() -> None:
    size = {"nginx.ingress.kubernetes.io/proxy-buffer-size": "64k"}
    web = {"host": HOST, "ingress": {"className": "nginx", "annotations": size}}
    assert values(web=web)["ingress"]["apiServer"]["annotations"].items() >= size.items()


def test_a_gateway_needs_no_ingress() -> None:
    assert "ingress" not in values(web=GATEWAY)
