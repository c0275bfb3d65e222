"""The Job that awaits the address of the UI: served, or refused with the cause within 30 s. The tests feed it plain responses of the API."""

import ast
import sys
from typing import Any

import pytest

from airflow_stack.parts.address_watch import watch_address
from airflow_stack.parts.web_ready import program
from tests.support.cases import deployed
from tests.support.golden import Golden

Object = dict[str, Any]
ROUTE = {"route": "airflow-web", "gateway": "edge/public"}
INGRESS = {"ingress": "airflow-ingress", "class": "traefik"}
CERTIFICATE = {**INGRESS, "certificate": "airflow-web-tls"}
TAKEN: Object = {"metadata": {"uid": "u"}, "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}}


def conditions(**status: tuple[str, str, str]) -> list[Object]:
    return [{"type": key, "status": value[0], "reason": value[1], "message": value[2]} for key, value in status.items()]


def route(*, accepted: tuple[str, str, str], resolved: tuple[str, str, str] = ("True", "ResolvedRefs", "")) -> Object:
    parent = {"conditions": conditions(Accepted=accepted, ResolvedRefs=resolved)}
    return {"metadata": {"generation": 1}, "status": {"parents": [parent]}}


def certificate(**status: tuple[str, str, str]) -> Object:
    return {"metadata": {}, "status": {"conditions": conditions(**status)}}


def request(**status: tuple[str, str, str]) -> Object:
    annotations = {"cert-manager.io/certificate-name": "airflow-web-tls"}
    return {"metadata": {"annotations": annotations}, "status": {"conditions": conditions(**status)}}


class Cluster:
    """Plain answers by plural; time passes with each look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[Object] | Exception) -> None:
        self.now, self._answers = 0.0, answers
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.time", lambda: self.now)
        monkeypatch.setattr("time.sleep", self._pass)

    def _pass(self, seconds: float) -> None:
        self.now += seconds

    def read(self, api: str, path: str) -> Any:
        found = self._answers.get(path.partition("?")[0], [])
        if isinstance(found, Exception):
            raise found
        return found


SERVED: dict[str, tuple[Object, dict[str, Any]]] = {
    "a route that is accepted": (ROUTE, {"httproutes": [route(accepted=("True", "Accepted", ""))]}),
    "an ingress with an address": (INGRESS, {"ingresses": [TAKEN]}),
    "an ingress with a controller's event": (
        INGRESS,
        {"ingresses": [{"metadata": {"uid": "u"}}], "events": [{"type": "Normal", "reason": "Sync", "message": ""}]},
    ),
    "an ingress with a finalizer": (
        INGRESS,
        {"ingresses": [{"metadata": {"uid": "u", "finalizers": ["ingress.k8s.aws/resources"]}}]},
    ),
    "a certificate that is issued": (
        CERTIFICATE,
        {"ingresses": [TAKEN], "certificates": [certificate(Ready=("True", "Ready", ""))]},
    ),
    "a certificate that waits for DNS": (
        CERTIFICATE,
        {"ingresses": [TAKEN], "certificates": [certificate(Ready=("False", "DoesNotExist", ""))]},
    ),
}
REFUSED: dict[str, tuple[Object, dict[str, Any]]] = {
    "a Gateway that is not there": (ROUTE, {"httproutes": [{"metadata": {}}]}),
    "a listener that is not there": (
        ROUTE,
        {"httproutes": [route(accepted=("False", "NoMatchingParent", "no listener https"))]},
    ),
    "a namespace that is not allowed": (
        ROUTE,
        {"httproutes": [route(accepted=("False", "NotAllowedByListeners", "not allowed"))]},
    ),
    "a Service that is not there": (
        ROUTE,
        {"httproutes": [route(accepted=("True", "", ""), resolved=("False", "BackendNotFound", "no Service"))]},
    ),
    "a class that is not there": (INGRESS, {"ingresses": [{"metadata": {"uid": "u"}}]}),
    "a load balancer without a certificate": (
        INGRESS,
        {
            "ingresses": [{"metadata": {"uid": "u", "finalizers": ["ingress.k8s.aws/resources"]}}],
            "events": [
                {
                    "type": "Warning",
                    "reason": "FailedBuildModel",
                    "message": "no certificate found for host",
                    "lastTimestamp": "2026-11-28T10:00:00Z",
                }
            ],
        },
    ),
    "no cert-manager": (CERTIFICATE, {"ingresses": [TAKEN], "certificates": OSError("HTTP Error 404: Not Found")}),
    "an issuer that is not there": (
        CERTIFICATE,
        {
            "ingresses": [TAKEN],
            "certificates": [certificate(Ready=("False", "DoesNotExist", ""))],
            "certificaterequests": [
                request(Ready=("False", "Pending", 'Referenced "ClusterIssuer" not found: clusterissuer "x" not found'))
            ],
        },
    ),
    "a certificate that is refused": (
        CERTIFICATE,
        {
            "ingresses": [TAKEN],
            "certificates": [certificate(Issuing=("False", "Failed", "the request has failed and will be retried"))],
            "challenges": [{"status": {"state": "invalid", "reason": "403 unauthorized: wrong key"}}],
        },
    ),
}


@pytest.mark.parametrize("case", SERVED)
def test_up_ends_once_the_address_is_served(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    wanted, answers = SERVED[case]
    cluster = Cluster(monkeypatch, **answers)
    assert watch_address(cluster.read, wanted, 120) == []
    assert cluster.now <= 30


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_reported_within_30_seconds_with_the_cause(
    monkeypatch: pytest.MonkeyPatch, case: str, golden: Golden
) -> None:
    wanted, answers = REFUSED[case]
    cluster = Cluster(monkeypatch, **answers)
    assert "\n".join(watch_address(cluster.read, wanted, 120)) == golden
    assert cluster.now <= 30


def test_a_warning_of_an_earlier_up_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"type": "Warning", "reason": "FailedBuildModel", "message": "x", "lastTimestamp": "1969-12-31T23:59:00Z"}
    cluster = Cluster(monkeypatch, ingresses=[TAKEN], events=[old])
    assert watch_address(cluster.read, INGRESS, 120) == []


def test_the_program_needs_the_standard_library_alone() -> None:
    nodes = list(ast.walk(ast.parse(program())))
    modules = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    modules += [each.name for node in nodes if isinstance(node, ast.Import) for each in node.names]
    imported = {module.partition(".")[0] for module in modules}
    assert imported <= sys.stdlib_module_names
    assert program().count("\ndef main() -> None:") == 1


@pytest.mark.parametrize(
    ("web", "variables"),
    [
        (
            {"gateway": {"name": "public", "namespace": "edge"}, "tls": {"external": True}},
            {"ROUTE": "airflow-web", "GATEWAY": "edge/public"},
        ),
        (
            {"ingress": {"class_name": "traefik"}, "tls": {"issuer": "ca"}},
            {"INGRESS": "airflow-ingress", "CLASS": "traefik", "CERTIFICATE": "airflow-web-tls"},
        ),
    ],
)
def test_the_job_awaits_route_ingress_and_certificate(web: Any, variables: dict[str, str]) -> None:
    seen = deployed(web={"host": "a.example.com", **web})
    (container,) = seen.named("airflow-web-ready-job").inputs["spec"]["template"]["spec"]["containers"]
    assert variables.items() <= {each["name"]: each.get("value") for each in container["env"]}.items()
    role = seen.named("airflow-web-ready-role").inputs
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    assert "secrets" not in str(role["rules"])


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ingress": {"host": "a.example.com", "controller_namespace": "edge"}},
        {"web": {"host": "a.example.com", "ingress": {"class_name": "traefik", "wait_for_controller": False}}},
    ],
)
def test_nothing_is_awaited_without_an_address_or_by_setting(more: Any) -> None:
    assert not [urn for urn in deployed(**more).resources if "WebReady" in urn]
