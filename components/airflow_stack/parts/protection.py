"""The resource that `pulumi destroy` of a protected stack stops at, before it deletes anything.

Pulumi deletes first what nothing depends on, and finds protected resources one at a time. This one depends on all others, so it comes first.
"""

import pulumi

from airflow_stack.names import RELEASE

from .kubernetes import KubernetesObject, PlacedArgs, metadata

TO_DESTROY = "pulumi config set airflow:protect false && pulumi up && pulumi destroy"


def protection_marker(name: str, placed: PlacedArgs, opts: pulumi.ResourceOptions) -> KubernetesObject:
    """Make a ConfigMap; pass `depends_on` all other resources.

    It exists without protection too. A ConfigMap made only for protection could not be removed with it: Pulumi refuses to delete
    what its state protects.
    """
    manifest = {"metadata": metadata(f"{RELEASE}-protection", placed)}
    return KubernetesObject(f"{name}-protection", "v1", "ConfigMap", manifest, opts)
