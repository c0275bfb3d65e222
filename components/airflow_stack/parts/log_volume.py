"""The volume that task logs share, where a stack keeps them in one."""

import pulumi

from airflow_stack import names
from airflow_stack.parts.kubernetes import SKIP_AWAIT, KubernetesObject, Manifest, PlacedArgs, metadata
from airflow_stack.settings.models import Settings


def log_volume(
    name: str, settings: Settings, placed: PlacedArgs, opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """The claim, if there is to be one.

    It is to be `deleted_with` the namespace: task pods that have ended keep hold of it, and nobody deletes them but the namespace.
    """
    if not (volume := settings.logs.volume):
        return []
    spec: Manifest = {
        "accessModes": [volume.access_mode],
        "resources": {"requests": {"storage": volume.size}},
    }
    if volume.storage_class:
        spec["storageClassName"] = volume.storage_class
    claim = KubernetesObject(
        f"{name}-task-logs",
        "v1",
        "PersistentVolumeClaim",
        # Where volumes bind to their first consumer, that is a pod of the release: nothing may wait for it here.
        {"metadata": metadata(names.LOG_CLAIM, placed, SKIP_AWAIT), "spec": spec},
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=settings.protect or None)),
    )
    return [claim]
