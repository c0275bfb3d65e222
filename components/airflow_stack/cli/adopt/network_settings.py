"""The address of the UI, and logs of the official chart as settings."""

from urllib.parse import urlsplit

from airflow_stack.chart.web import CLUSTER_ISSUER, DNS_NAME, ISSUER, KNOWN_CLASSES

from .model import Adoption, ChartValues, InstalledRelease, Values

_BASE_URL = "config.api.base_url"
_VARIABLE = "AIRFLOW__API__BASE_URL"


def convert_ingress(values: ChartValues, adoption: Adoption) -> None:
    """The ingress of the UI. The pods of its controller are not in the values.

    `ingress.enabled` is deprecated and still enables it; `ingress.web` is its name before Airflow 3 (chart 1.22.0, api-server-ingress.yaml).
    """
    all_enabled = values.take_switch("ingress.enabled")
    adoption.drop("ingress.enabled", all_enabled or None, "is deprecated, and ends in airflow:web.ingress")
    parts = {name: values.take_object(f"ingress.{name}") for name in ("apiServer", "web")}
    enabled = [name for name, part in parts.items() if part.get("enabled") or (all_enabled and part)]
    for name, part in parts.items():
        if name not in enabled[:1]:
            reason = f"ingress.{enabled[0]} is taken" if enabled else "is off, so its other values have no effect"
            adoption.drop(f"ingress.{name}", part, reason)
    if enabled:
        _convert_ingress(f"ingress.{enabled[0]}", parts[enabled[0]], adoption)
    elif all_enabled:
        adoption.set("web.host", "<host>")
        _set_class("", "", adoption)
    if enabled or all_enabled:
        _convert_base_url(values, adoption)


def _convert_ingress(place: str, found: Values, adoption: Adoption) -> None:
    part = ChartValues(found, f"{place}.")
    part.take("enabled")
    hosts = part.take_objects("hosts") or [ChartValues({"name": part.take("host", "<host>")})]
    first, more = hosts[0], hosts[1:]
    tls = ChartValues(first.take_object("tls") or part.get("tls", {}), f"{place}.hosts[0].tls.")
    if older := part.take("tls"):
        adoption.drop(f"{place}.tls", older, "is deprecated, and ends in airflow:web.tls unless a host has its own")
    adoption.reach(
        f"{place}.enabled", f"{place}.host", f"{place}.tls", f"{place}.hosts[0].name", f"{place}.hosts[0].tls"
    )
    listed = found.get("hosts")
    if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
        adoption.reach(f"{place}.hosts")
    adoption.set("web.host", first.take_text("name"))
    _set_class(part.take_text("ingressClassName"), f"{place}.ingressClassName", adoption)
    _convert_tls(f"{place}.hosts[0].tls", tls, adoption)
    _convert_annotations(f"{place}.annotations", part.take_object("annotations"), adoption)
    for number, each in enumerate(more, 1):
        adoption.note(
            f"{place}.hosts[{number}]",
            f"{each.take_text('name')} is a second host, and the setting has one; add an Ingress of your own for it, to Service airflow-api-server",
        )
    adoption.set("web.path", part.take_text("path", "/").rstrip("/"), f"{place}.path")
    if part.get("pathType") in ("Prefix", "ImplementationSpecific", ""):
        part.take("pathType")
        adoption.reach(f"{place}.pathType")  # the program's is `Prefix`
    # Further paths of the Ingress have no setting, and take effect in the chart's values.
    adoption.set("values.ingress.apiServer", part.remaining(), *(f"{place}.{key}" for key in part.remaining()))


def _set_class(class_name: str, source: str, adoption: Adoption) -> None:
    adoption.set("web.ingress.className", class_name, *([source] if source else []))
    if class_name not in KNOWN_CLASSES:
        adoption.set("web.ingress.dataPlane.namespace", "<namespace of the ingress controller>")


def _convert_annotations(place: str, annotations: Values, adoption: Adoption) -> None:
    adoption.reach(place)
    for name, setting in ((CLUSTER_ISSUER, "web.tls.clusterIssuer"), (ISSUER, "web.tls.issuer")):
        adoption.set(setting, annotations.pop(name, None))
    if annotations.get(DNS_NAME) == adoption.settings.get("web", {}).get("host"):
        annotations.pop(DNS_NAME, None)
        adoption.set("web.externalDns", True)
    adoption.set("web.ingress.annotations", annotations)


def _convert_tls(place: str, tls: ChartValues, adoption: Adoption) -> None:
    given, enabled, secret = tls.remaining(), tls.take_switch("enabled"), tls.take_text("secretName")
    if not enabled:
        adoption.drop(place, given, "is off, so the address has no TLS")
    elif secret:
        adoption.set("web.tls.secretName", secret)
    else:
        adoption.stop(
            place, "is on without a secretName; set airflow:web.tls", "web.tls.secretName", "web.tls.external"
        )


def _convert_base_url(values: ChartValues, adoption: Adoption) -> None:
    """The address that Airflow knows. It follows from the settings, so that a different one is worth a note."""
    environment, web = adoption.settings.get("environment", {}), adoption.settings["web"]
    given = environment.pop(_VARIABLE, "") or values.take_text(_BASE_URL)
    if environment == {}:
        adoption.settings.pop("environment", None)
    values.take(_BASE_URL)
    adoption.reach(_BASE_URL)
    if not given or "{{" in given:
        return
    url = urlsplit(given)
    if url.scheme == "https" and not web.get("tls"):
        web["tls"] = {"external": True}
        adoption.note(_BASE_URL, "is https and the Ingress has no TLS: a load balancer ends it (web.tls.external)")
    ours = f"{'https' if web.get('tls') else 'http'}://{web['host']}{web.get('path', '')}"
    if ours != given.rstrip("/") and web["host"] != "<host>":
        adoption.note(_BASE_URL, f"becomes {ours}, the address of the Ingress")


def convert_logs(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The store of the task logs."""
    place = "logs.persistence"
    claim = values.take_object(place)
    if claim.get("enabled") and (release or claim.get("existingClaim")):
        # airflow:logs.volume would create a new claim, and Helm would delete this one.
        adoption.set(f"values.{place}", claim, place)
    elif claim.get("enabled"):
        adoption.set("logs.volume.size", claim.pop("size", "100Gi"), f"{place}.enabled", f"{place}.size")
        adoption.set("logs.volume.storageClass", claim.pop("storageClassName", None), f"{place}.storageClassName")
        adoption.drop(
            f"{place}.annotations", claim.pop("annotations", None), "the program's own claim has no annotations"
        )
        claim.pop("enabled")
        adoption.set(f"values.{place}", claim)
    else:
        adoption.drop(place, claim, "is off, so its other values have no effect")
    logging = values.take_object("config.logging")
    adoption.reach(*(f"config.logging.{key}" for key in logging))
    if (
        str(logging.get("remote_logging")).lower() == "true"
        and logging.get("remote_base_log_folder")
        and not claim.get("enabled")
        and "logs" not in adoption.settings
    ):
        adoption.set("logs.remote.folder", logging.pop("remote_base_log_folder"))
        adoption.set("logs.remote.connection", logging.pop("remote_log_conn_id", None))
        logging.pop("remote_logging")
    adoption.set("values.config.logging", logging)
