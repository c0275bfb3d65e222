"""The volume that task logs share, where a stack keeps them in one."""

from typing import TYPE_CHECKING

import pulumi
import pulumi_kubernetes as k8s

from . import names
from .objects import PlacedArgs, metadata
from .settings import Settings

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import PersistentVolumeClaimSpecArgsDict


def log_volume(
    name: str, settings: Settings, placed: PlacedArgs, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """The claim, if there is to be one.

    It is to be `deleted_with` the namespace: task pods that have ended keep hold of it, and nobody deletes them but the namespace.
    """
    if not (volume := settings.logs.volume):
        return []
    spec: PersistentVolumeClaimSpecArgsDict = {
        "access_modes": [volume.access_mode],
        "resources": {"requests": {"storage": volume.size}},
    }
    if volume.storage_class:
        spec["storage_class_name"] = volume.storage_class
    claim = k8s.core.v1.PersistentVolumeClaim(
        f"{name}-task-logs",
        # Where volumes bind to their first consumer, that is a pod of the release: nothing may wait for it here.
        metadata=metadata(names.LOG_CLAIM, placed, {"pulumi.com/skipAwait": "true"}),
        spec=spec,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=settings.protect or None)),
    )
    return [claim]
