"""What whoever runs `pulumi up` must be allowed to do, derived from the objects that it makes. Pure."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from airflow_stack.cli.kubernetes_client import plural

Manifests = Iterable[dict[str, Any]]
_READ = ("get", "list", "watch")
_CHANGE = ("create", "patch", "delete")
# What the provider and Helm read besides, to know when something is ready and why it is not; and Helm's own records of a release.
_BESIDES = {
    **dict.fromkeys([("", kind) for kind in ("endpoints", "events", "persistentvolumeclaims", "pods")], _READ),
    ("apps", "replicasets"): _READ,
    ("", "secrets"): (*_READ, *_CHANGE, "update"),
}
# What the chart makes outside of the namespace (`multiNamespaceMode`, `priorityClasses`).
_OF_THE_CLUSTER = {
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("scheduling.k8s.io", "priorityclasses"),
}


class Right(NamedTuple):
    """One verb on one resource."""

    group: str
    resource: str
    """Plural, with its subresource: `pods/log`."""
    verb: str

    def attributes(self, namespace: str) -> dict[str, str]:
        """The right as an access review asks for it; to create, list and watch namespaces is asked of the whole cluster."""
        resource, _, sub = self.resource.partition("/")
        asked = {"group": self.group, "resource": resource, "verb": self.verb}
        if resource == "namespaces":
            return (
                asked
                if self.verb in ("create", "list", "watch")
                else {**asked, "namespace": namespace, "name": namespace}
            )
        if (self.group, resource) in _OF_THE_CLUSTER:
            return asked
        return {**asked, "namespace": namespace, **({"subresource": sub} if sub else {})}


EVERYTHING = {"group": "*", "resource": "*", "verb": "*"}


def rights(manifests: Manifests) -> list[Right]:
    """The rights to make these objects; whoever makes a Role must have all that it grants."""
    wanted = {Right(*kind, verb) for kind, verbs in _BESIDES.items() for verb in verbs}
    for manifest in manifests:
        version = manifest["apiVersion"]
        kind = version.rpartition("/")[0], plural(version, manifest["kind"])
        # The provider watches every kind, to see the end of an object that it deletes; a namespace among all of them.
        wanted |= {Right(*kind, verb) for verb in (*_READ, *_CHANGE)}
        for rule in (manifest.get("rules") or ()) if manifest["kind"] in ("Role", "ClusterRole") else ():
            granted = [(group, resource) for group in rule["apiGroups"] for resource in rule["resources"]]
            wanted |= {Right(*kind, verb) for kind in granted for verb in rule["verbs"]}
    return sorted(wanted)


def grouped(missing: list[Right]) -> str:
    """The rights in words: `create, get deployments.apps; list secrets`."""
    words = []
    for (group, resource), some in groupby(missing, key=lambda right: right[:2]):
        words.append(f"{', '.join(right.verb for right in some)} {resource}{f'.{group}' if group else ''}")
    return "; ".join(words)
