"""What every component's objects have in common: where they are placed, and Secrets with a digest that may be shown.

Pods read Secrets when they start, so a changed Secret needs a changed pod. The digest goes into pod annotations for that; it is salted,
or a short password could be guessed from it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

if TYPE_CHECKING:
    from pulumi_kubernetes.core.v1 import EnvVarArgsDict
    from pulumi_kubernetes.meta.v1 import ObjectMetaArgsDict


class PlacedArgs(TypedDict):
    """Where a component's objects go."""

    namespace: pulumi.Input[str]
    """Namespace of every object."""
    labels: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Labels of every object."""


def metadata(
    name: pulumi.Input[str], placed: PlacedArgs, annotations: Mapping[str, str] | None = None
) -> "ObjectMetaArgsDict":
    """Metadata of an object with a fixed name: the chart and the Jobs are told names before the objects exist."""
    return {
        "name": name,
        "namespace": placed["namespace"],
        "labels": placed.get("labels", {}),
        **({"annotations": annotations} if annotations else {}),
    }


def from_secret(variable: str, secret: str, key: str) -> "EnvVarArgsDict":
    """An environment variable that the kubelet fills in from a Secret."""
    return {"name": variable, "value_from": {"secret_key_ref": {"name": secret, "key": key}}}


def make_secret(
    resource_name: str,
    name: str,
    placed: PlacedArgs,
    data: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
    type_: str = "Opaque",
) -> k8s.core.v1.Secret:
    """A Secret; its content is secret in Pulumi's state too."""
    return k8s.core.v1.Secret(
        resource_name,
        metadata=metadata(name, placed),
        type=type_,
        string_data=data,
        opts=opts,
    )


def digest(salt: pulumi.Input[str], data: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Salted digest of a Secret's content: 16 hexadecimal digits, not a secret."""

    def compute(known: dict[str, str]) -> str:
        content = "\0".join(f"{key}\0{known['data'][key]}" for key in sorted(data))  # type: ignore[index]
        return hmac.new(known["salt"].encode(), content.encode(), hashlib.sha256).hexdigest()[:16]

    return pulumi.Output.unsecret(pulumi.Output.all(salt=salt, data=data).apply(compute))
