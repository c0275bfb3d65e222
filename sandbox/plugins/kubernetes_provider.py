"""Stand-in for pulumi-kubernetes, with the types that this project uses."""

import os
import threading
from collections.abc import Mapping

from sandbox.plugins.await_logic import AwaitLogic
from sandbox.plugins.helm_cli import HelmCli
from sandbox.plugins.kubernetes_api import KubernetesApi
from sandbox.plugins.object_type import ObjectType
from sandbox.plugins.protocol import Provider, accept_only
from sandbox.plugins.release_type import ReleaseType

_KINDS = {
    "apps/v1": ("StatefulSet",),
    "batch/v1": ("Job",),
    "core/v1": (
        *("ConfigMap", "Namespace", "PersistentVolumeClaim", "ResourceQuota", "Secret", "Service", "ServiceAccount"),
    ),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
    "postgresql.cnpg.io/v1": ("Cluster",),
}


class _Kubernetes(Provider):
    def __init__(self) -> None:
        self._cancelled, self._helm = threading.Event(), HelmCli()
        super().__init__("kubernetes", {})

    def configure(self, settings: Mapping[str, str]) -> None:
        accept_only(("enableSecretMutable", "kubeconfig"), settings)
        # A path. Client and Helm read the variable, and each provider has its own process.
        if file := settings.get("kubeconfig"):
            os.environ["KUBECONFIG"] = file
        mutable = settings.get("enableSecretMutable") == "true"
        api = KubernetesApi()
        await_logic = AwaitLogic(api, self._cancelled)
        self.resources = {
            f"kubernetes:{group}:{kind}": ObjectType(
                api, await_logic, self._cancelled, group.removeprefix("core/"), kind, mutable
            )
            for group, kinds in _KINDS.items()
            for kind in kinds
        } | {"kubernetes:helm.sh/v3:Release": ReleaseType(self._helm)}

    def cancel(self) -> None:
        self._cancelled.set()
        self._helm.cancel()


PROVIDER = _Kubernetes()
