"""Placement and extra volumes: as chart values, and for the pods that the chart does not make. Pure, like `values.py`.

The program's own pods take both from the merged values: what `airflow:values` sets for every pod of the chart is true for them too. The chart's
global keys reach every pod of chart 1.22.0, with two exceptions: a priority class is per component, and Redis and StatsD have no extra volumes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_stack.choices import DagDelivery
from airflow_stack.names import RELEASE
from airflow_stack.settings.database import CaBundle
from airflow_stack.settings.fields import Model
from airflow_stack.settings.models import Settings

from .delivery import delivery_values

Values = dict[str, Any]

FIELDS = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "schedulerName")
"""Chart values that are fields of every pod's spec."""
SPREAD_BY_COMPONENT: Mapping[str, Any] = {
    "labelSelector": {"matchLabels": {"release": RELEASE}},
    "matchLabelKeys": ["component"],
}
"""Pods that a topology spread constraint counts: those of the same component. Without a selector it would count none."""
CA_FOLDER = "/opt/airflow/database-ca"
CA_VARIABLE = "PGSSLROOTCERT"
"""File of the certificate authorities, for libpq and asyncpg alike (asyncpg 0.32, connect_utils.py)."""
_CA_VOLUME = "database-ca"
_COMPONENTS = "apiServer scheduler dagProcessor triggerer statsd redis".split()
# Off by default (chart 1.22.0, values.yaml): the stack's own values switch them on.
_OPTIONAL = "flower pgbouncer otelCollector cleanup databaseCleanup".split()


@dataclass(frozen=True)
class PodPlacement:
    """Placement and extra volumes of the program's own pods, in Kubernetes' form."""

    spec: Mapping[str, Any]
    """Fields of the pod's spec."""
    volumes: tuple[Mapping[str, Any], ...] = ()
    """Volumes that `mounts` names."""
    mounts: tuple[Mapping[str, Any], ...] = ()
    """Mounts of each container."""


def placement_values(settings: Settings) -> Values:
    """Chart values of the placement."""
    placed = _as_given(settings.placement)
    values: Values = {field: placed[field] for field in FIELDS if placed.get(field)}
    if spread := values.get("topologySpreadConstraints"):
        values["topologySpreadConstraints"] = [
            each if "labelSelector" in each else {**SPREAD_BY_COMPONENT, **each} for each in spread
        ]
    if priority := placed.get("priorityClassName"):
        on = [name for name in _OPTIONAL if settings.values.get(name)]
        values |= {name: {"priorityClassName": priority} for name in (*_COMPONENTS, *on)}
        values["workers"] = {kind: {"priorityClassName": priority} for kind in ("celery", "kubernetes")}
    return values


def volume_values(settings: Settings) -> Values:
    """Chart values of the extra volumes and their mounts; in git-sync's containers too, which may need the certificates of a git host."""
    volumes, mounts = list[Values](), list[Values]()
    for name, volume in sorted(settings.volumes.items()):
        fields = _as_given(volume)
        mount: Values = {key: fields.pop(key) for key in ("mountPath", "subPath", "readOnly") if key in fields}
        volumes.append({"name": name, **fields})
        mounts.append({"name": name, **mount, "readOnly": volume.read_only})
    in_git_sync = list(mounts)
    if bundle := ca_bundle(settings):
        of_map, of_secret = {"name": bundle.config_map}, {"secretName": bundle.secret}
        source: Values = {"configMap": of_map} if bundle.config_map else {"secret": of_secret}
        volumes.append({"name": _CA_VOLUME, **source})
        mounts.append({"name": _CA_VOLUME, "mountPath": CA_FOLDER, "readOnly": True})
    values: Values = {"volumes": volumes, "volumeMounts": mounts}
    if settings.dags.delivery is DagDelivery.GIT_SYNC:
        values["dags"] = {"gitSync": {"extraVolumeMounts": in_git_sync}}
    return values


def ca_bundle(settings: Settings) -> CaBundle | None:
    """The certificate authorities of the external database."""
    return settings.database.external.ca_bundle if settings.database.external else None


def ca_variables(settings: Settings) -> dict[str, str]:
    """Environment variables of every Airflow container for the certificate authorities."""
    bundle = ca_bundle(settings)
    return {CA_VARIABLE: f"{CA_FOLDER}/{bundle.key}"} if bundle else {}


def own_pods(settings: Settings, values: Mapping[str, Any]) -> PodPlacement:
    """Placement and extra volumes of the program's own pods, from the merged chart values; not the keys of git bundles."""
    spec = {field: values[field] for field in FIELDS if values.get(field)}
    if settings.placement.priority_class_name:
        spec["priorityClassName"] = settings.placement.priority_class_name
    of_bundles = [each["name"] for each in delivery_values(settings).get("volumes", ())]
    mounts = tuple(each for each in values.get("volumeMounts") or () if each.get("name") not in of_bundles)
    mounted = {each.get("name") for each in mounts}
    volumes = tuple(each for each in values.get("volumes") or () if each.get("name") in mounted)
    return PodPlacement(spec, volumes, mounts)


def _as_given(model: Model) -> Values:
    """A setting in Kubernetes' form. What it leaves out is left to Kubernetes: an empty selector, for one, matches everything."""
    return model.model_dump(exclude_unset=True, exclude_none=True, by_alias=True, mode="json")
