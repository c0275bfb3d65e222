"""What a protected stack has last of all, so that `pulumi destroy` stops at it before it deletes anything.

Pulumi deletes what nothing depends on first, and finds out about protection one resource at a time. This one depends on all the others.
"""

from collections.abc import Sequence

import pulumi

from .names import RELEASE
from .objects import KubernetesObject, PlacedArgs, metadata

TO_DESTROY = "pulumi config set airflow:protect false && pulumi up && pulumi destroy"


def stop_before_all(
    name: str, placed: PlacedArgs, everything: Sequence[pulumi.Resource], parent: pulumi.Resource
) -> None:
    """Make a protected ConfigMap that depends on everything and says what to do instead."""
    KubernetesObject(
        f"{name}-is-protected",
        "v1",
        "ConfigMap",
        # In an annotation, for a ConfigMap with other data would have to be replaced.
        {"metadata": metadata(f"{RELEASE}-is-protected", placed, {"airflow-stack/to-destroy": TO_DESTROY})},
        pulumi.ResourceOptions(parent=parent, depends_on=everything, protect=True),
    )
