"""Kubernetes objects as resources, Secrets among them, and salted digests of Secrets.

Pods read Secrets when they start. A digest in the pod's annotations restarts the pods that use a changed Secret; without a salt, a short
password could be guessed from it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, NotRequired, TypedDict

import pulumi

from airflow_stack.chart.placement import PodPlacement
from airflow_stack.credentials import Credential
from airflow_stack.git.private_key import UnusableKeyError

SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
"""Annotation of an object that Pulumi does not await."""

Manifest = dict[str, Any]
"""Fields of an object, spelt as in Kubernetes' reference; any value may be an output."""


class PlacedArgs(TypedDict):
    """Namespace and labels of a component's objects."""

    namespace: pulumi.Input[str]
    """Namespace of every object."""
    labels: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Labels of every object."""


class PodArgs(PlacedArgs):
    """Namespace and labels, and what every pod of a component gets."""

    pods: NotRequired[PodPlacement]
    """Placement and extra volumes."""


@cache
def _provider_version() -> str:
    return version("pulumi-kubernetes")


class KubernetesResource(pulumi.CustomResource):
    """A resource of the Kubernetes provider, declared by its type token and properties.

    State and URN equal those of the class in `pulumi_kubernetes`, whose import takes longer than a whole preview
    (docs/decisions/0011-manifests.md).
    """

    def __init__(self, type_: str, resource_name: str, properties: Manifest, opts: pulumi.ResourceOptions) -> None:
        of_version = pulumi.ResourceOptions(version=_provider_version())
        super().__init__(type_, resource_name, properties, pulumi.ResourceOptions.merge(opts, of_version))


class KubernetesObject(KubernetesResource):
    """A Kubernetes object, declared by its manifest."""

    kind: pulumi.Output[str]
    """The object's kind, once it exists."""
    metadata: pulumi.Output[dict[str, Any]]
    """The object's metadata, once it exists."""

    def __init__(
        self, resource_name: str, api_version: str, kind: str, manifest: Manifest, opts: pulumi.ResourceOptions
    ) -> None:
        group = api_version if "/" in api_version else f"core/{api_version}"
        properties = {"apiVersion": api_version, "kind": kind, **manifest}
        super().__init__(f"kubernetes:{group}:{kind}", resource_name, properties, opts)


def metadata(
    name: pulumi.Input[str] | None, placed: PlacedArgs, annotations: Mapping[str, pulumi.Input[str]] | None = None
) -> Manifest:
    """Metadata of an object.

    Names are fixed: the chart and the Jobs use them before the objects exist. Without a name Pulumi generates one, a new one for
    each replacement. Empty maps are left out: the API server drops them, and each preview would show a change.
    """
    given = {"name": name, "namespace": placed["namespace"], "labels": placed.get("labels"), "annotations": annotations}
    return {key: value for key, value in given.items() if value is not None and value != {}}


def from_secret(variable: str, secret: str, key: str) -> Manifest:
    """An environment variable with its value from a Secret."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def make_secret(
    resource_name: str,
    name: str,
    placed: PlacedArgs,
    data: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
    type_: str = "Opaque",
) -> KubernetesObject:
    """Make a Secret; its content is secret in Pulumi's state too."""
    return KubernetesObject(
        resource_name,
        "v1",
        "Secret",
        {"metadata": metadata(name, placed), "type": type_, "stringData": pulumi.Output.secret(data)},
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])),
    )


def checked(credential: Credential, text: pulumi.Input[str]) -> pulumi.Output[str]:
    """A given credential in the form that its reader needs. A stack's own was checked before; this one may come from another resource."""

    def check(text: str) -> str:
        try:
            return credential.usable(text)
        except UnusableKeyError as error:
            raise pulumi.RunError(f"airflow:{credential.setting} {error}") from None

    return pulumi.Output.secret(text).apply(check)


def digest(salt: pulumi.Input[str], data: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Salted digest of a Secret's content: 16 hexadecimal digits, not a secret."""

    def compute(known: dict[str, str]) -> str:
        content = "\0".join(f"{key}\0{known['data'][key]}" for key in sorted(data))  # type: ignore[index]
        return hmac.new(known["salt"].encode(), content.encode(), hashlib.sha256).hexdigest()[:16]

    return pulumi.Output.unsecret(pulumi.Output.all(salt=salt, data=data).apply(compute))


def place(spec: Manifest, pods: PodPlacement | None, prefix: str = "") -> Manifest:
    """A pod's spec with the placement, and with the extra volumes in each of its containers.

    Args:
        spec: The spec.
        pods: Placement and volumes.
        prefix: Prefix of the volumes' names, for a pod that has volumes of its own.
    """
    if pods is None:
        return spec
    placed: Manifest = {**spec, **pods.spec}
    own = {mount["mountPath"] for container in spec["containers"] for mount in container.get("volumeMounts", ())}
    mounts = [{**each, "name": f"{prefix}{each['name']}"} for each in pods.mounts if each["mountPath"] not in own]
    if mounts:
        volumes = [{**each, "name": f"{prefix}{each['name']}"} for each in pods.volumes]
        placed["volumes"] = [*spec.get("volumes", ()), *volumes]
        placed["containers"] = [
            {**container, "volumeMounts": [*container.get("volumeMounts", ()), *mounts]}
            for container in spec["containers"]
        ]
    return placed
