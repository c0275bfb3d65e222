"""Parts of the official chart's values that map one by one: environment, workloads, ingress and logs."""

import json

import yaml

from airflow_stack.cli.adopt.model import Adoption, Given, Live, looks_secret, plain
from airflow_stack.credentials import FERNET_KEY
from airflow_stack.settings.models import MANAGED_ENVIRONMENT

_COMPONENTS = {
    "apiServer": "apiServer",
    "scheduler": "scheduler",
    "dagProcessor": "dagProcessor",
    "triggerer": "triggerer",
    "workers.celery": "workers",
    "workers": "workers",
    "workers.kubernetes": "workers",
}


def environment(given: Given, adoption: Adoption, live: Live | None) -> None:
    """Variables of every container; those that look like secrets are not written."""
    for each in [*given.items("env"), *_extra(given, adoption)]:
        name, value, reference = each.text("name"), each.take("value"), Given(each.part("valueFrom.secretKeyRef"))
        if secret := reference.text("name"):
            _from_secret(name, secret, reference.text("key"), adoption, live)
        elif name in MANAGED_ENVIRONMENT:
            _managed(name, "", adoption, live)
        elif looks_secret(name, value):
            adoption.stops.append(
                f"env {name}: looks like a secret and stands in plain text; put it into a Secret and name that in airflow:environmentFrom.{name}"
            )
        elif isinstance(value, str | int | float):
            adoption.put(f"environment.{name}", value if isinstance(value, str) else json.dumps(value))
        else:
            adoption.stops.append(f"env {name}: is from neither text nor a Secret; give it in airflow:values.extraEnv")
    for each in given.items("secret", "envName"):
        _from_secret(each.text("envName"), each.text("secretName"), each.text("secretKey"), adoption, live)


def _from_secret(name: str, secret: str, key: str, adoption: Adoption, live: Live | None) -> None:
    if name in MANAGED_ENVIRONMENT:
        _managed(name, f"Secret {secret}, key {key}", adoption, live)
    else:
        adoption.put(f"environmentFrom.{name}", {"secret": secret, "key": key})


def _managed(name: str, source: str, adoption: Adoption, live: Live | None) -> None:
    """A variable that the program sets from the Secret that a setting names: another one must not get lost."""
    if live:
        adoption.stops.append(
            f"env {name}: wins over the chart's own, and the program sets it from what airflow:existingSecrets names; let the chart's Secret hold the same, "
            "and take the variable out of the release"
        )
    elif name in FERNET_KEY.variables:
        adoption.secrets[FERNET_KEY.setting] = source
        adoption.put("rotation.fernetGiven", True)
    else:
        adoption.advice.append(f"env {name}: the program sets it from its Secrets")


def _extra(given: Given, adoption: Adoption) -> list[Given]:
    """The chart's `extraEnv`: text that holds a YAML list, perhaps with templates in it."""
    try:
        found = yaml.safe_load(given.text("extraEnv")) or []
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if isinstance(found, list):
        return Given({"extraEnv": plain(found, "extraEnv")}).items("extraEnv")
    adoption.stops.append(
        "extraEnv: is a template; give its variables in airflow:environment and airflow:environmentFrom"
    )
    return []


def workloads(given: Given, adoption: Adoption) -> None:
    """Replicas and resources, where a setting has room for them."""
    for chart, ours in _COMPONENTS.items():
        if chart != "workers.kubernetes":  # task pods are as many as there are tasks
            adoption.put(f"components.{ours}.replicas", given.take(f"{chart}.replicas"))
        resources = Given(found := given.part(f"{chart}.resources"), f"{chart}.resources.")
        wants, limits = resources.part("requests"), resources.part("limits")
        if (
            set(limits) <= {"memory"}
            and set(wants) <= {"cpu", "memory"}
            and limits.get("memory", wants.get("memory")) == wants.get("memory")
        ):
            adoption.put(f"components.{ours}.cpu", wants.get("cpu"))
            adoption.put(f"components.{ours}.memory", wants.get("memory"))
        else:
            adoption.put(f"values.{chart}.resources", found)
    adoption.advice += [
        "resources: every container gets requests and a memory limit by airflow:size (small by default); see that they fit what your pods take",
        "networkPolicies: the chart's come, so that nothing outside the release reaches its pods but the ingress; for a scraper of metrics see "
        "statsd.extraNetworkPolicies in airflow:values",
    ]


def ingress(given: Given, adoption: Adoption) -> None:
    """How the UI is reached; who controls the ingress is not in the values."""
    given.take("ingress.enabled")
    for name in ("apiServer", "web"):
        part = Given(given.part(f"ingress.{name}"), f"ingress.{name}.")
        if not part.take("enabled"):
            continue
        hosts = part.items("hosts") or [part]
        adoption.put("ingress.host", hosts[0].text("name") or part.text("host", "<host>"))
        adoption.put("ingress.controllerNamespace", "<namespace of the ingress controller>")
        adoption.put("ingress.className", part.text("ingressClassName"))
        if hosts[0].take("tls.enabled"):
            adoption.put("ingress.tlsSecret", hosts[0].text("tls.secretName"))
        adoption.put("ingress.annotations", part.part("annotations"))
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
