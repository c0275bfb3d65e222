"""The volume that all pods write task logs to."""

from typing import NotRequired

import pulumi

from airflow_stack.choices import AccessMode
from airflow_stack.names import LOG_CLAIM

from .kubernetes import SKIP_AWAIT, KubernetesObject, Manifest, PlacedArgs, metadata


class TaskLogVolumeArgs(PlacedArgs):
    """Arguments of `task_log_volume`."""

    size: str
    """Size as a Kubernetes quantity, such as `50Gi`."""
    access_mode: AccessMode
    """Number of nodes that may write to it."""
    storage_class: NotRequired[str]
    """StorageClass; left out: the cluster's default."""
    protect: NotRequired[bool]
    """Protects the logs from deletion."""


def task_log_volume(name: str, args: TaskLogVolumeArgs, opts: pulumi.ResourceOptions) -> KubernetesObject:
    """Claim the volume.

    Pass `deleted_with` the namespace: finished task pods keep hold of the claim, and only the namespace's deletion removes them.
    """
    spec: Manifest = {
        "accessModes": [args["access_mode"]],
        "resources": {"requests": {"storage": args["size"]}},
    }
    if storage_class := args.get("storage_class"):
        spec["storageClassName"] = storage_class
    return KubernetesObject(
        f"{name}-task-logs",
        "v1",
        "PersistentVolumeClaim",
        # With `volumeBindingMode: WaitForFirstConsumer` a pod of the release binds it, and the release comes later.
        {"metadata": metadata(LOG_CLAIM, args, SKIP_AWAIT), "spec": spec},
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=args.get("protect") or None)),
    )
