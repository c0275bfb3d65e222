"""Stand-in for pulumi-kubernetes: the objects and the Helm release that this project makes."""

import os
from collections.abc import Mapping

from sandbox.plugins.api import Api
from sandbox.plugins.helm import Helm
from sandbox.plugins.objects import Objects, Rules
from sandbox.plugins.protocol import InvalidInputError, Provider, Resource
from sandbox.plugins.release import Release
from sandbox.plugins.wire import Properties

_KINDS = {
    "apps/v1": ("Deployment", "StatefulSet"),
    "batch/v1": ("Job",),
    "core/v1": (
        *("ConfigMap", "LimitRange", "Namespace", "PersistentVolumeClaim", "ResourceQuota"),
        *("Secret", "Service", "ServiceAccount"),
    ),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
}
_RELEASE = "kubernetes:helm.sh/v3:Release"

_SWITCHES = {
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
}
# Accepted for they change nothing here: apply is always server-side, and nothing is warned about.
_WITHOUT_EFFECT = {
    *("enableServerSideApply", "suppressDeprecationWarnings", "suppressHelmHookWarnings"),
    *("strictMode", "version", "pluginDownloadURL", "clusterIdentifier"),
}


class _Kubernetes(Provider):
    name = "kubernetes"
    implemented = (
        *(f"kubernetes:{group}:{kind}" for group, kinds in _KINDS.items() for kind in kinds),
        _RELEASE,
        "custom resources",
    )

    def __init__(self) -> None:
        super().__init__()
        self._helm: Helm | None = None

    def check_settings(self, settings: Properties) -> Properties:
        known = {"kubeconfig", "context", *_SWITCHES, *_WITHOUT_EFFECT}
        for key in sorted(set(settings) - known):
            names = ", ".join(sorted(known))
            raise InvalidInputError(key, f"the sandbox's stand-in honours only {names}")
        if str(settings.get("enableServerSideApply", "true")) == "false":
            raise InvalidInputError("enableServerSideApply", "the stand-in always applies so")
        return settings

    def configure(self, settings: Mapping[str, str]) -> None:
        on = {key for key, variable in _SWITCHES.items() if settings.get(key, os.environ.get(variable)) == "true"}
        mutable = {"enableConfigMapMutable": "ConfigMap", "enableSecretMutable": "Secret"}
        kubeconfig = settings.get("kubeconfig") or os.environ.get("KUBECONFIG") or "~/.kube/config"
        context = settings.get("context")
        self._rules = Rules(
            force_conflicts="enablePatchForce" in on,
            mutable=frozenset(kind for key, kind in mutable.items() if key in on),
        )
        self._api, self._helm = Api(kubeconfig, context), Helm(kubeconfig, context)

    def resource(self, type_: str) -> Resource | None:
        if type_ == _RELEASE and self._helm:
            return Release(self._api, self._helm)
        _, group_version, kind = type_.split(":")
        group = group_version.partition("/")[0]
        custom = "." in group and not group.endswith(".k8s.io") and group != "helm.sh"
        if not custom and kind not in _KINDS.get(group_version, ()):
            return None
        api_version = group_version.removeprefix("core/")
        return Objects(self._api, self._rules, self.cancelled, api_version, kind)

    def cancel(self) -> None:
        super().cancel()
        if self._helm:
            self._helm.cancel()


PROVIDER: Provider = _Kubernetes()
