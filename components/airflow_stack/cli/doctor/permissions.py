"""Kubernetes permissions that `pulumi up` needs, derived from the objects of the stack. Pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from airflow_stack.cli.kubernetes_client import plural

Manifests = Iterable[dict[str, Any]]
_READ = ("get", "list", "watch")
_CHANGE = ("create", "patch", "delete")
# The provider and Helm read these to learn whether objects are ready. Helm keeps its records in Secrets.
_ALWAYS = {
    **dict.fromkeys([("", kind) for kind in ("endpoints", "events", "persistentvolumeclaims", "pods")], _READ),
    ("apps", "replicasets"): _READ,
    ("", "secrets"): (*_READ, *_CHANGE, "update"),
}
# Objects of the chart outside of the namespace (`multiNamespaceMode`, `priorityClasses`).
_CLUSTER_SCOPED = {
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("scheduling.k8s.io", "priorityclasses"),
}
EVERYTHING = {"group": "*", "resource": "*", "verb": "*"}
"""Attributes of all permissions in an access review."""


class Permission(NamedTuple):
    """One verb on one resource."""

    group: str
    resource: str
    """Plural, with its subresource: `pods/log`."""
    verb: str

    def attributes(self, namespace: str) -> dict[str, str]:
        """The permission in an access review. To create, list and watch namespaces is a permission on the whole cluster."""
        resource, _, subresource = self.resource.partition("/")
        attributes = {"group": self.group, "resource": resource, "verb": self.verb}
        if resource == "namespaces" and self.verb not in ("create", "list", "watch"):
            return {**attributes, "namespace": namespace, "name": namespace}
        if resource == "namespaces" or (self.group, resource) in _CLUSTER_SCOPED:
            return attributes
        return {**attributes, "namespace": namespace, **({"subresource": subresource} if subresource else {})}


def needed_permissions(manifests: Manifests) -> list[Permission]:
    """The permissions to deploy these objects. To create a Role, a user needs every permission that it grants."""
    needed = {Permission(*kind, verb) for kind, verbs in _ALWAYS.items() for verb in verbs}
    for manifest in manifests:
        version = manifest["apiVersion"]
        kind = version.rpartition("/")[0], plural(version, manifest["kind"])
        # The provider watches every kind until a deleted object is gone; for a namespace it watches all namespaces.
        needed |= {Permission(*kind, verb) for verb in (*_READ, *_CHANGE)}
        for rule in (manifest.get("rules") or ()) if manifest["kind"] in ("Role", "ClusterRole") else ():
            granted = [(group, resource) for group in rule["apiGroups"] for resource in rule["resources"]]
            needed |= {Permission(*kind, verb) for kind in granted for verb in rule["verbs"]}
    return sorted(needed)


def grouped(permissions: list[Permission]) -> str:
    """The permissions as text: `create, get deployments.apps; list secrets`."""
    texts = []
    for (group, resource), some in groupby(permissions, key=lambda each: each[:2]):
        texts.append(f"{', '.join(each.verb for each in some)} {resource}{f'.{group}' if group else ''}")
    return "; ".join(texts)
