"""Rules about connections: encrypted in production, and with verified servers everywhere."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_stack.choices import SslMode, Tier

from .model import RELEASE, Resource, Rule, Violation, at, truth
from .places import maps, option, variables

_PLAIN = re.compile(r"^\s*(http|git)://", re.IGNORECASE)
_LOCAL = re.compile(r"^\s*https?://(localhost|127\.|\[::1\]|[^/:]+\.svc\b|[^./:]+([:/]|$))", re.IGNORECASE)
_USER_INTERFACES = ("apiServer", "webserver", "web", "flower")
# Controllers that end TLS by annotations, without `tls` of the Ingress or Service.
_TLS_ANNOTATION = re.compile(
    r"certificate-arn|ssl-cert|managed-certificates|pre-shared-cert|router\.tls$|appgw-ssl-certificate|ssl-passthrough|tls-cert|ssl-certificate"
)
_ENCRYPTED = (SslMode.REQUIRE, SslMode.VERIFY_CA, SslMode.VERIFY_FULL)
_OWN_DATABASE = "airflow-database"
"""Service of the program's single PostgreSQL pod, which `production-database` refuses."""
_SECRET = "kubernetes:core/v1:Secret"  # noqa: S105  a type


def is_plain(url: object) -> bool:
    """Whether a URL is unencrypted and names no place on the same machine."""
    return isinstance(url, str) and bool(_PLAIN.match(url))


def _encrypted(resource: Resource) -> Iterator[Violation]:
    if resource.type == RELEASE:
        for path in ("repositoryOpts.repo", "chart"):
            if is_plain(resource.at(path, "")):
                yield _plain(
                    path, "the chart can be replaced on its way", "use https:// or oci:// (airflow:chart.repository)"
                )
    if resource.is_airflow:
        yield from _user_interface(resource)
    if _is_open_ingress(resource):
        yield _plain(
            "spec.tls",
            "passwords are readable on the network",
            "add tls with a Secret, as airflow:web.tls does",
        )
    for path, url in repositories(resource):
        if is_plain(url):
            yield _plain(
                path, "anyone on the path can replace the DAGs", "use https:// or SSH (airflow:dags.repository)"
            )


def _user_interface(resource: Resource) -> Iterator[Violation]:
    values = resource.at("values", {})
    reason, way_out = "passwords and sessions are readable on the network", "set airflow:web.tls"
    shown = False
    # `web.tls.external`: the load balancer has the certificate, and the Ingress none.
    declared = any(str(url).startswith("https://") for _, url in option(resource, "api", "base_url"))
    for component in _USER_INTERFACES:
        ingress = at(values, f"ingress.{component}", {})
        is_on = truth(
            at(ingress, "enabled", at(values, "ingress.enabled", False) if component in ("apiServer", "web") else False)
        )
        if is_on:
            shown = True
            if not (
                (declared and component == "apiServer")
                or _ends_tls(at(ingress, "annotations", {}))
                or truth(at(ingress, "tls.enabled", False))
            ):
                hosts = at(ingress, "hosts", []) or [{}]
                for index, host in enumerate(hosts):
                    if not (isinstance(host, Mapping) and truth(at(host, "tls.enabled", False))):
                        yield _plain(f"values.ingress.{component}.hosts.{index}.tls", reason, way_out)
        service = at(values, f"{component}.service", {})
        is_exposed = at(service, "type", "") in ("LoadBalancer", "NodePort")
        ends_tls = component != "flower" and option(resource, "api", "ssl_cert")
        if is_exposed and not ends_tls and not _ends_tls(at(service, "annotations", {})):
            yield _plain(
                f"values.{component}.service.type",
                reason,
                "use airflow:web with tls, or a load balancer with a certificate",
            )
    for section in ("api", "webserver") if not shown else ():
        for path, url in option(resource, section, "base_url"):
            if is_plain(url) and not _LOCAL.match(str(url)):
                yield _plain(path, reason, "use an https:// address")


def repositories(resource: Resource) -> Iterator[tuple[str, str]]:
    """Path and URL of each DAG repository: of git-sync, of bundles, and of the connections of bundles."""
    if resource.is_airflow:
        values = resource.at("values", {})
        if truth(at(values, "dags.gitSync.enabled", False)):
            yield "values.dags.gitSync.repo", at(values, "dags.gitSync.repo", "")
        for index, bundle in enumerate(at(values, "dagProcessor.dagBundleConfigList", [])):
            if isinstance(bundle, Mapping) and (url := at(bundle, "kwargs.repo_url", "")):
                yield f"values.dagProcessor.dagBundleConfigList.{index}.kwargs.repo_url", url
    for path, connection in _connections(resource):
        if connection.get("conn_type") == "git":
            yield path, str(connection.get("host") or "")


def sends_a_credential(resource: Resource, path: str) -> bool:
    """Whether the connection to the repository at this path carries a token."""
    if path == "values.dags.gitSync.repo":
        named = any(
            each.name.startswith(("GITSYNC_PASSWORD", "GIT_SYNC_PASSWORD", "GITSYNC_GITHUB_APP", "GITSYNC_USERNAME"))
            for each in variables(resource)
        )
        return named or bool(resource.at("values.dags.gitSync.credentialsSecret"))
    return any(place == path and connection.get("password") for place, connection in _connections(resource))


def _connections(resource: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Airflow connections in JSON: data of Secrets, and variables."""
    texts = [(each.path, each.value) for each in variables(resource) if each.name.startswith("AIRFLOW_CONN_")]
    if resource.type == _SECRET:
        texts += (
            (f"stringData.{key}", text) for key, text in resource.at("stringData", {}).items() if isinstance(text, str)
        )
    for path, text in texts:
        with suppress(ValueError, RecursionError):
            if text and text.lstrip().startswith("{") and isinstance(found := json.loads(text), dict):
                yield path, found


def _database(resource: Resource) -> Iterator[Violation]:
    way_out = "set airflow:database.external.sslMode to require, or better to verify-full"
    reason = "passwords and data of the metadata database may be sent unencrypted"
    if resource.is_airflow and not resource.at("values.data.metadataSecretName"):
        mode = resource.at("values.data.metadataConnection.sslmode", "disable")
        if not truth(resource.at("values.postgresql.enabled", True)) and mode not in _ENCRYPTED:
            yield Violation("values.data.metadataConnection.sslmode", reason, way_out, mode)
    texts = list(resource.at("stringData", {}).items()) if resource.type == _SECRET else []
    texts += ((each.path, each.value) for each in variables(resource) if each.name.endswith("SQL_ALCHEMY_CONN"))
    for key, text in texts:
        if isinstance(text, str) and re.match(r"postgres(ql)?(\+\w+)?://", text):
            with suppress(ValueError):
                url = urlsplit(text)
                query = parse_qs(url.query)
                mode = (query.get("sslmode") or query.get("ssl") or ["prefer"])[-1]
                if mode not in _ENCRYPTED and url.hostname != _OWN_DATABASE:
                    yield Violation(key if "." in key else f"stringData.{key}", reason, way_out, f"sslmode={mode}")


def _verified(resource: Resource) -> Iterator[Violation]:
    for each in variables(resource):
        off = each.value is not None and each.value.strip().lower() in ("0", "false", "no", "off")
        if off and re.search(
            r"^(PYTHONHTTPSVERIFY|NODE_TLS_REJECT_UNAUTHORIZED)$|^AIRFLOW__\w+__VERIFY_(SSL|CERTS)$", each.name
        ):
            yield _unverified(each.path)
    if resource.is_airflow:
        for section, options in resource.at("values.config", {}).items():
            for name, value in options.items() if isinstance(options, Mapping) else ():
                if str(name).lower() in ("verify_ssl", "verify_certs") and str(value).lower() in ("0", "f", "false"):
                    yield _unverified(f"values.config.{section}.{name}")
    for path, connection in _connections(resource):
        extra = connection.get("extra")
        with suppress(ValueError, RecursionError):
            found = json.loads(extra) if isinstance(extra, str) else extra
            for _, inner in maps(found):
                if any(
                    str(inner.get(key)).lower() == "false"
                    for key in ("verify", "verify_ssl", "ssl_verify", "verify_certs")
                ):
                    yield _unverified(path)
    if resource.is_airflow:
        for place, inner in maps(resource.at("values", {}), ("values",)):
            if truth(inner.get("insecure-skip-tls-verify") or False):
                yield _unverified(".".join((*place, "insecure-skip-tls-verify")))


def _is_open_ingress(resource: Resource) -> bool:
    """Whether this is an Ingress of Airflow without TLS."""
    is_ingress = resource.type.startswith("kubernetes:networking.k8s.io/") and resource.type.endswith(":Ingress")
    encrypted = is_ingress and (resource.at("spec.tls", []) or _ends_tls(resource.at("metadata.annotations", {})))
    return is_ingress and not encrypted and _leads_to_airflow(resource)


def _leads_to_airflow(resource: Resource) -> bool:
    services = (inner.get("service") for _, inner in maps(resource.at("spec", {})))
    return any(isinstance(each, Mapping) and str(each.get("name", "")).startswith("airflow") for each in services)


def _ends_tls(annotations: Mapping[str, Any]) -> bool:
    return any(
        _TLS_ANNOTATION.search(name) and str(value).lower() not in ("", "false") for name, value in annotations.items()
    )


def _plain(path: str, reason: str, way_out: str) -> Violation:
    return Violation(path, f"is served or fetched without TLS: {reason}", way_out)


def _unverified(path: str) -> Violation:
    return Violation(
        path,
        "switches the verification of a TLS server off: an impostor can read and change everything",
        "remove it, and mount the CA of the server: airflow:values volumes and volumeMounts, with SSL_CERT_FILE or REQUESTS_CA_BUNDLE",
    )


RULES = (
    Rule("verified-tls", "TLS servers are verified.", "https://airflow.apache.org/docs/apache-airflow/stable/security/index.html", _verified),
    Rule("encrypted-connections", "UI, DAG repository and chart use TLS or SSH.", "https://airflow.apache.org/docs/apache-airflow/stable/security/index.html", _encrypted, Tier.PRODUCTION),
    Rule("encrypted-database", "The connection to the metadata database is encrypted.", "https://airflow.apache.org/docs/apache-airflow/stable/howto/set-up-database.html", _database, Tier.PRODUCTION),
)  # fmt: skip
