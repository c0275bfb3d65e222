"""Parts of the official chart's values that map one by one: environment, workloads, ingress and logs."""

from typing import Any

import yaml

from components.settings import MANAGED_ENVIRONMENT

from .found import Adoption, Given, Live, looks_secret

_COMPONENTS = {
    "apiServer": "apiServer",
    "scheduler": "scheduler",
    "dagProcessor": "dagProcessor",
    "triggerer": "triggerer",
    "workers.celery": "workers",
    "workers": "workers",
    "workers.kubernetes": "workers",
}


def environment(given: Given, adoption: Adoption) -> None:
    """Variables of every container; those that look like secrets are not written."""
    variables = [*given.take("env", []), *_as_list(given.take("extraEnv"), adoption)]
    for each in variables:
        name, reference = each.get("name", ""), (each.get("valueFrom") or {}).get("secretKeyRef")
        if name in MANAGED_ENVIRONMENT:
            adoption.advice.append(f"env {name}: the program sets it from its Secrets")
        elif reference:
            adoption.put(f"environmentFrom.{name}", {"secret": reference.get("name"), "key": reference.get("key")})
        elif looks_secret(name, each.get("value")):
            adoption.stops.append(
                f"env {name}: looks like a secret and stands in plain text; put it into a Secret and name that in airflow:environmentFrom.{name}"
            )
        elif "value" in each:
            adoption.put(f"environment.{name}", str(each["value"]))
        else:
            adoption.stops.append(f"env {name}: is from neither text nor a Secret; give it in airflow:values.extraEnv")
    for each in given.take("secret", []):
        adoption.put(f"environmentFrom.{each['envName']}", {"secret": each["secretName"], "key": each["secretKey"]})


def _as_list(text: object, adoption: Adoption) -> list[dict[str, Any]]:
    """The chart's `extraEnv`: text that holds a YAML list, perhaps with templates in it."""
    try:
        found = yaml.safe_load(text) if isinstance(text, str) else []
    except yaml.YAMLError:
        found = None
    if isinstance(found, list):
        return found
    adoption.stops.append(
        "extraEnv: is a template; give its variables in airflow:environment and airflow:environmentFrom"
    )
    return []


def workloads(given: Given, adoption: Adoption) -> None:
    """Replicas and resources, where a setting has room for them."""
    for chart, ours in _COMPONENTS.items():
        if chart != "workers.kubernetes":  # task pods are as many as there are tasks
            adoption.put(f"components.{ours}.replicas", given.take(f"{chart}.replicas"))
        resources = given.take(f"{chart}.resources")
        if not resources:
            continue
        wants, limits = resources.get("requests") or {}, resources.get("limits") or {}
        if (
            set(limits) <= {"memory"}
            and set(wants) <= {"cpu", "memory"}
            and limits.get("memory", wants.get("memory")) == wants.get("memory")
        ):
            adoption.put(f"components.{ours}.cpu", wants.get("cpu"))
            adoption.put(f"components.{ours}.memory", wants.get("memory"))
        else:
            adoption.put(f"values.{chart}.resources", resources)
    adoption.advice += [
        "resources: every container gets requests and a memory limit by airflow:size (small by default); see that they fit what your pods take",
        "networkPolicies: the chart's come, so that nothing outside the release reaches its pods but the ingress; for a scraper of metrics see "
        "statsd.extraNetworkPolicies in airflow:values",
    ]


def ingress(given: Given, adoption: Adoption) -> None:
    """How the UI is reached; who controls the ingress is not in the values."""
    given.take("ingress.enabled")
    for name in ("apiServer", "web"):
        part = given.part(f"ingress.{name}")
        if not part.get("enabled"):
            continue
        hosts = part.get("hosts") or [{"name": part.get("host", "<host>"), "tls": part.get("tls")}]
        host = hosts[0] if isinstance(hosts[0], dict) else {"name": hosts[0]}
        tls = host.get("tls") or {}
        adoption.put("ingress.host", host["name"])
        adoption.put("ingress.controllerNamespace", "<namespace of the ingress controller>")
        adoption.put("ingress.className", part.get("ingressClassName"))
        adoption.put("ingress.tlsSecret", tls.get("secretName") if tls.get("enabled") else None)
        adoption.put("ingress.annotations", part.get("annotations"))
        if len(hosts) > 1:
            adoption.advice.append(f"ingress.{name}.hosts: there is one host; give the others in airflow:values")
        return


def logs(given: Given, adoption: Adoption, live: Live | None) -> None:
    """Where task logs are kept."""
    claim = given.part("logs.persistence")
    if claim.get("enabled") and (live or claim.get("existingClaim")):
        adoption.put(
            "values.logs.persistence", claim
        )  # airflow:logs.volume would make a new claim, and Helm delete this one
    elif claim.get("enabled"):
        adoption.put("logs.volume.size", claim.get("size", "100Gi"))
        adoption.put("logs.volume.storageClass", claim.get("storageClassName"))
    logging = given.part("config.logging")
    if (
        str(logging.get("remote_logging")).lower() == "true"
        and logging.get("remote_base_log_folder")
        and not claim.get("enabled")
    ):
        adoption.put("logs.remote.folder", logging.pop("remote_base_log_folder"))
        adoption.put("logs.remote.connection", logging.pop("remote_log_conn_id", None))
        logging.pop("remote_logging")
    adoption.put("values.config.logging", logging)
