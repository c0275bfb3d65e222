"""Settings of where pods run and of extra volumes. Kubernetes' own types are in `kubernetes_types.py`."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from .fields import LabelKey, LabelValue, Matching, Model, Name, ObjectName
from .kubernetes_types import (
    Affinity,
    ConfigMapSource,
    CsiSource,
    EmptyDirSource,
    PersistentVolumeClaimSource,
    ProjectedSource,
    SecretSource,
    Toleration,
    TopologySpreadConstraint,
)


def _no_template(text: str) -> str:
    if "{{" in text:
        raise ValueError("must be a path without {{, which Helm reads as a template")
    return text


def _one_of_a_kind(constraints: tuple[TopologySpreadConstraint, ...]) -> tuple[TopologySpreadConstraint, ...]:
    kinds = [(each.topologyKey, each.whenUnsatisfiable) for each in constraints]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise ValueError(f"has two constraints of {' and '.join(twice)}; keep one")
    return constraints


# Volumes of the chart's pods (chart 1.22.0, templates) and of `delivery.py` and `placement.py` in chart/.
_TAKEN = re.compile(
    r"(config|logs|dags|git-sync-ssh-key|git-hosts|git-key-.*|kerberos-.*|(api-server|webserver|pgbouncer)-config|pgbouncer-certificates|database-ca)"
)


def _free(name: str) -> str:
    if _TAKEN.fullmatch(name):
        raise ValueError("is the name of a volume that the chart or the program makes; choose another name")
    return name


VolumeName = Annotated[Name, AfterValidator(_free)]


class Placement(Model):
    """Nodes and priority of every pod of the stack: the chart's, the Jobs', the database's and the tasks'. Objects are spelt as in Kubernetes."""

    node_selector: dict[LabelKey, LabelValue] = {}
    """Labels that a node must have."""
    tolerations: tuple[Toleration, ...] = ()
    """Taints of nodes that the pods tolerate: objects of `key`, `operator`, `value`, `effect` and `tolerationSeconds`."""
    affinity: Affinity | None = None
    """Object of `nodeAffinity`, `podAffinity` and `podAntiAffinity`. It replaces the chart's preference to spread replicas over nodes."""
    topology_spread_constraints: Annotated[tuple[TopologySpreadConstraint, ...], AfterValidator(_one_of_a_kind)] = ()
    """Spread over zones or nodes. Without a `labelSelector`, the pods of each component are spread among themselves."""
    priority_class_name: ObjectName | None = None
    """Existing PriorityClass of the pods."""


class Volume(Model):
    """One volume with its mount; exactly one source. Sources are spelt as in Kubernetes."""

    @model_validator(mode="before")
    @classmethod
    def _allowed_in_restricted_pods(cls, given: Any) -> Any:  # noqa: ANN401  not validated yet
        refused = [source for source in ("hostPath", "nfs", "iscsi") if isinstance(given, Mapping) and source in given]
        if refused:
            raise ValueError(f"has {refused[0]}, which Pod Security restricted refuses; use a persistentVolumeClaim")
        return given

    mount_path: Annotated[
        str,
        Matching(r"^(/(?!\.{1,2}(/|$))[^/:\x00-\x1f\x7f]+)+$", "an absolute path without : such as /etc/ssl/database"),
        AfterValidator(_no_template),
    ]
    """Absolute path in each container."""
    sub_path: (
        Annotated[
            str,
            Matching(r"^(?!/)((^|/)(?!\.{1,2}(/|$))[^/:\x00-\x1f\x7f]+)+$", "a relative path such as ca.crt"),
            AfterValidator(_no_template),
        ]
        | None
    ) = None
    """Path inside the volume to mount, such as one file; left out: all of it. A mounted file is not updated in a running pod."""
    read_only: bool = True
    """False for a volume that the pods write to."""
    config_map: ConfigMapSource | None = None
    """ConfigMap: `name`, `items`, `defaultMode` and `optional`."""
    secret: SecretSource | None = None
    """Secret: `secretName`, `items`, `defaultMode` and `optional`."""
    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    """PersistentVolumeClaim: `claimName` and `readOnly`. Pods on several nodes need the access mode `ReadWriteMany` or `ReadOnlyMany`."""
    empty_dir: EmptyDirSource | None = None
    """Empty directory of each pod: `medium` and `sizeLimit`."""
    projected: ProjectedSource | None = None
    """Several sources in one directory: `sources` and `defaultMode`."""
    csi: CsiSource | None = None
    """Volume of a CSI driver, such as `secrets-store.csi.k8s.io`: `driver`, `readOnly`, `fsType`, `volumeAttributes` and `nodePublishSecretRef`."""
