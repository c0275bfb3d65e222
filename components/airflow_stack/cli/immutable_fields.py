"""Fields of Kubernetes objects that cannot change in place, by kind.

A Helm upgrade that changes one fails. The Pulumi provider replaces the object instead, and does so for a few more fields.
"""

REFUSED_BY_KUBERNETES = {
    "ClusterRoleBinding": ("roleRef",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.completions", "spec.selector", "spec.template"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"),
    "ResourceQuota": ("spec.scopes",),
    "RoleBinding": ("roleRef",),
    "Secret": ("type",),
    "Service": ("spec.clusterIP",),
    "StatefulSet": ("spec.podManagementPolicy", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
}
"""The API server's validation, as in Kubernetes 1.34."""

_REPLACED_TOO = {
    "ConfigMap": ("binaryData", "data"),
    "Job": ("spec.parallelism",),
    "StatefulSet": ("spec.revisionHistoryLimit",),
}
REPLACED_BY_PROVIDER = {
    kind: (*REFUSED_BY_KUBERNETES.get(kind, ()), *_REPLACED_TOO.get(kind, ()))
    for kind in REFUSED_BY_KUBERNETES.keys() | _REPLACED_TOO.keys()
}
"""`forceNew` in provider/pkg/provider/diff.go of pulumi-kubernetes. Data of a Secret too, unless the provider has `enableSecretMutable`."""
