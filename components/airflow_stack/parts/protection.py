"""What a stack has last of all, so that `pulumi destroy` of a protected one stops at it before it deletes anything.

Pulumi deletes what nothing depends on first, and finds out about protection one resource at a time. This one depends on all the others.
"""

from collections.abc import Sequence

import pulumi

from airflow_stack.names import RELEASE
from airflow_stack.parts.kubernetes import KubernetesObject, PlacedArgs, metadata

TO_DESTROY = "pulumi config set airflow:protect false && pulumi up && pulumi destroy"


def last_of_all(
    name: str, placed: PlacedArgs, everything: Sequence[pulumi.Resource], opts: pulumi.ResourceOptions
) -> None:
    """Make a ConfigMap that depends on everything.

    It is there without protection too: one that is only made for protection could not be taken away with it, for Pulumi refuses to delete
    what its state protects.
    """
    KubernetesObject(
        f"{name}-protection",
        "v1",
        "ConfigMap",
        {"metadata": metadata(f"{RELEASE}-protection", placed)},
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=everything)),
    )
