"""Environment, workloads, ingress and logs of the official chart as settings."""

import json

import yaml

from airflow_stack.credentials import FERNET_KEY
from airflow_stack.settings.models import MANAGED_ENVIRONMENT

from .model import Adoption, ChartValues, InstalledRelease, looks_secret, plain_data

_COMPONENTS = {
    "apiServer": "apiServer",
    "scheduler": "scheduler",
    "dagProcessor": "dagProcessor",
    "triggerer": "triggerer",
    "workers.celery": "workers",
    "workers": "workers",
    "workers.kubernetes": "workers",
}


def convert_environment(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """Environment variables of every container. Possible secrets are not written."""
    for each in [*values.take_objects("env"), *_extra(values, adoption)]:
        name, value, reference = (
            each.take_text("name"),
            each.take("value"),
            ChartValues(each.take_object("valueFrom.secretKeyRef")),
        )
        if secret := reference.take_text("name"):
            _from_secret(name, secret, reference.take_text("key"), adoption, release)
        elif name in MANAGED_ENVIRONMENT:
            _managed(name, "", adoption, release)
        elif looks_secret(name, value):
            adoption.blockers.append(
                f"env {name}: looks like a secret in plain text; put it into a Secret and name that in airflow:environmentFrom.{name}"
            )
        elif isinstance(value, str | int | float):
            adoption.set(f"environment.{name}", value if isinstance(value, str) else json.dumps(value))
        else:
            adoption.blockers.append(
                f"env {name}: is neither text nor from a Secret; set it in airflow:values.extraEnv"
            )
    for each in values.take_objects("secret", "envName"):
        _from_secret(
            each.take_text("envName"), each.take_text("secretName"), each.take_text("secretKey"), adoption, release
        )


def _from_secret(name: str, secret: str, key: str, adoption: Adoption, release: InstalledRelease | None) -> None:
    if name in MANAGED_ENVIRONMENT:
        _managed(name, f"Secret {secret}, key {key}", adoption, release)
    else:
        adoption.set(f"environmentFrom.{name}", {"secret": secret, "key": key})


def _managed(name: str, source: str, adoption: Adoption, release: InstalledRelease | None) -> None:
    """A variable that the program sets itself, from a Secret in the settings. The old value must not get lost."""
    if release:
        adoption.blockers.append(
            f"env {name}: wins over the chart's own value, and the program sets it from the Secret in airflow:existingSecrets. Put the same value into "
            "the chart's Secret, and remove the variable from the release"
        )
    elif name in FERNET_KEY.variables:
        adoption.secrets[FERNET_KEY.setting] = source
        adoption.set("rotation.fernetGiven", True)
    else:
        adoption.notes.append(f"env {name}: the program sets it from its own Secrets")


def _extra(values: ChartValues, adoption: Adoption) -> list[ChartValues]:
    """The chart's `extraEnv`: a text with a YAML list, possibly with templates."""
    try:
        found = yaml.safe_load(values.take_text("extraEnv")) or []
    except (yaml.YAMLError, ValueError, RecursionError):
        found = None
    if isinstance(found, list):
        return ChartValues({"extraEnv": plain_data(found, "extraEnv")}).take_objects("extraEnv")
    adoption.blockers.append(
        "extraEnv: is a template; set its variables in airflow:environment and airflow:environmentFrom"
    )
    return []


def convert_workloads(values: ChartValues, adoption: Adoption) -> None:
    """Replicas and resources, if a setting can express them; otherwise as `airflow:values`."""
    for chart, component in _COMPONENTS.items():
        if chart != "workers.kubernetes":  # one task pod runs per task
            adoption.set(f"components.{component}.replicas", values.take(f"{chart}.replicas"))
        resources = ChartValues(found := values.take_object(f"{chart}.resources"), f"{chart}.resources.")
        requests, limits = resources.take_object("requests"), resources.take_object("limits")
        if (
            set(limits) <= {"memory"}
            and set(requests) <= {"cpu", "memory"}
            and limits.get("memory", requests.get("memory")) == requests.get("memory")
        ):
            adoption.set(f"components.{component}.cpu", requests.get("cpu"))
            adoption.set(f"components.{component}.memory", requests.get("memory"))
        else:
            adoption.set(f"values.{chart}.resources", found)
    adoption.notes += [
        "resources: every container gets requests and a memory limit from airflow:size (small by default); check them against the use of your pods",
        "networkPolicies: the chart's policies are added; from outside the release only the ingress reaches its pods. For a metrics scraper see "
        "statsd.extraNetworkPolicies in airflow:values",
    ]


def convert_ingress(values: ChartValues, adoption: Adoption) -> None:
    """The ingress of the UI. The namespace of its controller is not in the values."""
    values.take("ingress.enabled")
    for name in ("apiServer", "web"):
        part = ChartValues(values.take_object(f"ingress.{name}"), f"ingress.{name}.")
        if not part.take("enabled"):
            continue
        hosts = part.take_objects("hosts") or [part]
        adoption.set("ingress.host", hosts[0].take_text("name") or part.take_text("host", "<host>"))
        adoption.set("ingress.controllerNamespace", "<namespace of the ingress controller>")
        adoption.set("ingress.className", part.take_text("ingressClassName"))
        if hosts[0].take("tls.enabled"):
            adoption.set("ingress.tlsSecret", hosts[0].take_text("tls.secretName"))
        adoption.set("ingress.annotations", part.take_object("annotations"))
        if len(hosts) > 1:
            adoption.notes.append(f"ingress.{name}.hosts: the setting has one host; set the others in airflow:values")
        return


def convert_logs(values: ChartValues, adoption: Adoption, release: InstalledRelease | None) -> None:
    """The store of the task logs."""
    claim = values.take_object("logs.persistence")
    if claim.get("enabled") and (release or claim.get("existingClaim")):
        # airflow:logs.volume would create a new claim, and Helm would delete this one.
        adoption.set("values.logs.persistence", claim)
    elif claim.get("enabled"):
        adoption.set("logs.volume.size", claim.get("size", "100Gi"))
        adoption.set("logs.volume.storageClass", claim.get("storageClassName"))
    logging = values.take_object("config.logging")
    if (
        str(logging.get("remote_logging")).lower() == "true"
        and logging.get("remote_base_log_folder")
        and not claim.get("enabled")
    ):
        adoption.set("logs.remote.folder", logging.pop("remote_base_log_folder"))
        adoption.set("logs.remote.connection", logging.pop("remote_log_conn_id", None))
        logging.pop("remote_logging")
    adoption.set("values.config.logging", logging)
