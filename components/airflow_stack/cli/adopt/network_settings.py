"""Ingress and logs of the official chart as settings."""

from .model import Adoption, ChartValues, InstalledRelease, Values


def convert_ingress(values: ChartValues, adoption: Adoption) -> None:
    """The ingress of the UI. The namespace of its controller is not in the values.

    `ingress.enabled` is deprecated and still enables it; `ingress.web` is its name before Airflow 3 (chart 1.22.0, api-server-ingress.yaml).
    """
    all_enabled = values.take_switch("ingress.enabled")
    adoption.drop("ingress.enabled", all_enabled or None, "is deprecated, and ends in airflow:ingress")
    parts = {name: values.take_object(f"ingress.{name}") for name in ("apiServer", "web")}
    enabled = [name for name, part in parts.items() if part.get("enabled") or (all_enabled and part)]
    for name, part in parts.items():
        if name not in enabled[:1]:
            reason = f"ingress.{enabled[0]} is taken" if enabled else "is off, so its other values have no effect"
            adoption.drop(f"ingress.{name}", part, reason)
    if not enabled:
        if all_enabled:
            adoption.set("ingress.host", "<host>")
            adoption.set("ingress.controllerNamespace", "<namespace of the ingress controller>")
        return
    _convert_ingress(f"ingress.{enabled[0]}", parts[enabled[0]], adoption)


def _convert_ingress(place: str, found: Values, adoption: Adoption) -> None:
    part = ChartValues(found, f"{place}.")
    part.take("enabled")
    hosts = part.take_objects("hosts") or [ChartValues({"name": part.take("host", "<host>")})]
    first, more = hosts[0], hosts[1:]
    tls = ChartValues(first.take_object("tls") or part.get("tls", {}), f"{place}.hosts[0].tls.")
    if older := part.take("tls"):
        adoption.drop(
            f"{place}.tls", older, "is deprecated, and ends in airflow:ingress.tlsSecret unless a host has its own"
        )
    adoption.reach(
        f"{place}.enabled", f"{place}.host", f"{place}.tls", f"{place}.hosts[0].name", f"{place}.hosts[0].tls"
    )
    listed = found.get("hosts")
    if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
        adoption.reach(f"{place}.hosts")
    adoption.set("ingress.host", first.take_text("name"))
    adoption.set("ingress.controllerNamespace", "<namespace of the ingress controller>")
    adoption.set("ingress.className", part.take_text("ingressClassName"), f"{place}.ingressClassName")
    _convert_tls(f"{place}.hosts[0].tls", tls, adoption)
    adoption.set("ingress.annotations", part.take_object("annotations"), f"{place}.annotations")
    for number, each in enumerate(more, 1):
        adoption.note(
            f"{place}.hosts[{number}]",
            f"{each.take_text('name')} is a second host, and the setting has one; add an Ingress of your own for it, to Service airflow-api-server",
        )
    # The paths of the Ingress have no setting, and take effect in the chart's values.
    adoption.set("values.ingress.apiServer", part.remaining(), *(f"{place}.{key}" for key in part.remaining()))


def _convert_tls(place: str, tls: ChartValues, adoption: Adoption) -> None:
    given, enabled, secret = tls.remaining(), tls.take_switch("enabled"), tls.take_text("secretName")
    if not enabled:
        adoption.drop(place, given, "is off, so the address has no TLS")
    elif secret:
        adoption.set("ingress.tlsSecret", secret)
    else:
        adoption.stop(place, "is on without a secretName; set airflow:ingress.tlsSecret", "ingress.tlsSecret")


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
