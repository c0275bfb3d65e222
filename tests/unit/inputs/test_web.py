"""Wrong addresses of the UI are refused with one message: key, value, what is allowed and the way out."""

from typing import Any

import pytest

from airflow_stack.inputs.validation import load
from airflow_stack.inputs.web_rules import web_warnings
from tests.support.cases import SSH, Config, problems, settings
from tests.support.golden import Golden

HOST = "airflow.example.com"
GATEWAY = {"host": HOST, "gateway": {"name": "public"}}
INGRESS = {"host": HOST, "ingress": {"className": "traefik"}}
EARLIER = {"host": HOST, "controllerNamespace": "edge"}
WRONG: dict[str, tuple[Config, str]] = {
    "a Gateway and an Ingress": ({"web": {**GATEWAY, **INGRESS}}, "web"),
    "a host without a route": ({"web": {"host": HOST}}, "web"),
    "TLS without a host": ({"web": {"tls": {"external": True}}}, "web.host"),
    "a path without a host": ({"web": {"path": "/airflow", "externalDns": True}}, "web.host"),
    "two addresses": ({"web": INGRESS, "ingress": EARLIER}, "ingress"),
    "an address for a host": ({"web": {**GATEWAY, "host": f"https://{HOST}"}}, "web.host"),
    "a path with a slash at the end": ({"web": {**GATEWAY, "path": "/airflow/"}}, "web.path"),
    "the path of the whole host": ({"web": {**GATEWAY, "path": "/"}}, "web.path"),
    "a Gateway without a name": ({"web": {"host": HOST, "gateway": {"namespace": "edge"}}}, "web.gateway.name"),
    "a certificate of nothing": ({"web": {**INGRESS, "tls": {"external": False}}}, "web.tls"),
    "two issuers": ({"web": {**INGRESS, "tls": {"issuer": "a", "clusterIssuer": "b"}}}, "web.tls"),
    "a certificate in two places": ({"web": {**INGRESS, "tls": {"secretName": "a", "external": True}}}, "web.tls.secretName"),
    "a certificate of the namespace at a Gateway": ({"web": {**GATEWAY, "tls": {"secretName": "a"}}}, "web.tls.secretName"),
    "an issuer at a Gateway": ({"web": {**GATEWAY, "tls": {"clusterIssuer": "a"}}}, "web.tls.clusterIssuer"),
    "an unknown class without clients": ({"web": {"host": HOST, "ingress": {"className": "alb"}}}, "web.ingress.dataPlane"),
    "the default class without clients": ({"web": {"host": HOST, "ingress": {"annotations": {"a": "b"}}}}, "web.ingress.dataPlane"),
    "no clients": ({"web": {"host": HOST, "gateway": {"name": "a", "dataPlane": {"podLabels": {"a": "b"}}}}}, "web.gateway.dataPlane"),
    "pods of no namespace": (
        {"web": {"host": HOST, "gateway": {"name": "a", "dataPlane": {"podLabels": {"a": "b"}, "networks": ["10.0.0.0/8"]}}}},
        "web.gateway.dataPlane.podLabels"),
    "a network that is none": ({"web": {"host": HOST, "gateway": {"name": "a", "dataPlane": {"networks": ["10.0.0.1/8"]}}}}, "web.gateway.dataPlane.networks.0"),
    "an annotation of cert-manager": (
        {"web": {"host": HOST, "ingress": {"className": "traefik", "annotations": {"cert-manager.io/cluster-issuer": "a"}}}},
        "web.ingress.annotations"),
    "an annotation of external-dns": (
        {"web": {"host": HOST, "gateway": {"name": "a", "annotations": {"external-dns.alpha.kubernetes.io/hostname": HOST}}}},
        "web.gateway.annotations"),
    "the address as an option too": ({"web": INGRESS, "values": {"config": {"api": {"base_url": f"https://{HOST}"}}}}, "values.config.api.base_url"),
    "the address as a variable too": ({"web": INGRESS, "environment": {"AIRFLOW__API__BASE_URL": f"https://{HOST}"}}, "environment.AIRFLOW__API__BASE_URL"),
    "the path of the chart": ({"web": INGRESS, "values": {"ingress": {"apiServer": {"path": "/a"}}}}, "values.ingress.apiServer.path"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_address_is_refused_with_one_message(case: str, golden: Golden) -> None:
    config, path = WRONG[case]
    error = problems({"dags": SSH, **config})
    assert [problem.path for problem in error.problems] == [path]
    assert str(error) == golden


@pytest.mark.parametrize(
    "web",
    [
        {"title": "Airflow"},
        {**GATEWAY, "path": "/data/airflow", "tls": {"external": True}, "externalDns": True},
        {**INGRESS, "tls": {"secretName": "a", "clusterIssuer": "b"}},
        {"host": HOST, "ingress": {"dataPlane": {"networks": ["10.0.0.0/20"]}}, "tls": {"external": True}},
    ],
)
def test_a_right_address_passes(web: Any) -> None:
    assert load("test", {"dags": SSH, "web": web}, set(), secrets_required=False).web.title == web.get("title")


def test_only_the_earlier_form_is_warned_about() -> None:
    assert "web.host, web.ingress and web.tls" in " ".join(web_warnings(settings(dags=SSH, ingress=EARLIER)))
    assert list(web_warnings(settings(dags=SSH, web=INGRESS))) == []
