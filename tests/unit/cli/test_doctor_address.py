"""`airflow-stack doctor` on the address of the UI, with plain answers of the API server."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from airflow_stack.cli.doctor.address_checks import address_checks
from airflow_stack.cli.doctor.model import Check, CheckResult, Status, run_checks
from tests.support.cases import SSH, Config, settings
from tests.support.golden import Golden

HOST = "airflow.example.com"
GATEWAY: Config = {
    "host": HOST,
    "gateway": {"name": "public", "namespace": "edge", "listener": "https"},
    "tls": {"external": True},
}
INGRESS: Config = {"host": HOST, "ingress": {"className": "traefik"}, "tls": {"clusterIssuer": "letsencrypt"}}
API, CERT = "/apis/gateway.networking.k8s.io/v1", "/apis/cert-manager.io/v1"
PATH, CLASSES = f"{API}/namespaces/edge/gateways/public", "/apis/networking.k8s.io/v1/ingressclasses"
ISSUER = f"{CERT}/clusterissuers/letsencrypt"
RUNNING = {"items": [{"status": {"phase": "Running"}}]}


def false(type_: str, reason: str, message: str) -> Config:
    return {"conditions": [{"type": type_, "status": "False", "reason": reason, "message": message}]}


def gateway(status: Config | None = None, **listener: Any) -> Config:
    one = {"name": "https", "protocol": "HTTPS", "allowedRoutes": {"namespaces": {"from": "All"}}, **listener}
    return {"spec": {"listeners": [one]}, "status": status or {}}


GOOD = {
    API: {},
    PATH: gateway(hostname="*.example.com"),
    "/api/v1/namespaces/edge/pods": RUNNING,
    CLASSES: {"items": [{"metadata": {"name": "traefik"}}]},
    "/api/v1/namespaces/kube-system/pods": RUNNING,
    CERT: {},
    ISSUER: {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
}
WRONG: dict[str, tuple[str, Config, Config]] = {
    "no Gateway API": ("gateway", GATEWAY, {API: None}),
    "no Gateway": ("gateway", GATEWAY, {PATH: None}),
    "a Gateway without controller": ("gateway", GATEWAY, {PATH: gateway(false("Accepted", "Pending", "Waiting for controller"))}),
    "another listener": ("gateway", GATEWAY, {PATH: gateway(name="http")}),
    "a listener of HTTPS for plain HTTP": ("gateway", {**GATEWAY, "tls": None}, {}),
    "a listener of another host": ("gateway", GATEWAY, {PATH: gateway(hostname="*.example.org")}),
    "a listener of its namespace": ("gateway", GATEWAY, {PATH: gateway(allowedRoutes={"namespaces": {"from": "Same"}})}),
    "a certificate that the Gateway lacks": (
        "gateway", GATEWAY,
        {PATH: gateway({"listeners": [{"name": "https", **false("ResolvedRefs", "InvalidCertificateRef", "Secret not found")}]})}),
    "no pod of the Gateway": ("data plane", GATEWAY, {"/api/v1/namespaces/edge/pods": {"items": []}}),
    "no IngressClass": ("ingress", INGRESS, {CLASSES: {"items": [{"metadata": {"name": "nginx"}}]}}),
    "no pod of the controller": ("data plane", INGRESS, {"/api/v1/namespaces/kube-system/pods": None}),
    "no cert-manager": ("issuer", INGRESS, {CERT: None}),
    "no issuer": ("issuer", INGRESS, {ISSUER: None}),
    "an issuer that is not ready": ("issuer", INGRESS, {ISSUER: {"status": false("Ready", "ErrRegisterACMEAccount", "403")}}),
}  # fmt: skip


def examined(web: Config, answers: Config) -> dict[str, CheckResult]:
    def read(path: str, **_: str) -> Any:
        return {**GOOD, **answers}.get(path)

    cluster = Check("cluster", lambda: "answers")
    checks = [cluster, *address_checks(settings(dags=SSH, web=web), read)]
    return {each.check: each for each in run_checks(checks)}


@pytest.fixture(autouse=True)
def without_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> Callable[..., Any]:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.parametrize("web", [GATEWAY, INGRESS])
def test_a_usable_address_passes_before_its_dns_name_exists(web: Config) -> None:
    found = examined(web, {})
    assert {name for name, each in found.items() if each.status is Status.FAIL} == set()
    assert found["dns"].status is Status.WARN
    assert found["tls"].status is Status.SKIPPED


@pytest.mark.parametrize("case", WRONG)
def test_what_would_not_serve_the_address_is_named_with_the_way_out(case: str, golden: Golden) -> None:
    check, web, answers = WRONG[case]
    found = examined(web, answers)[check]
    assert found.status is Status.FAIL
    assert str(found) == golden


def test_a_stack_without_an_address_has_no_check_of_it() -> None:
    assert list(address_checks(settings(dags=SSH), lambda path: None)) == []
