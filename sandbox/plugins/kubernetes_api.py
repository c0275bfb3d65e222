"""Small client of the Kubernetes API for objects of any kind.

lightkube reads the kubeconfig and authenticates. It is imported at the first request, because a preview without changes sends none.
"""

import json
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from sandbox.plugins.property_values import Properties, Value
from sandbox.plugins.protocol import PluginError

if TYPE_CHECKING:
    from httpx2 import Client, Response

IMPORTS = threading.Lock()
"""Held during an import of lightkube: threads that import parts of it at once see half-initialized modules."""
_APPLY, _PATCH = "application/apply-patch+yaml", "application/json-patch+json"
# Plural, and whether the kind is namespaced. The API server is asked about other kinds.
_KINDS = {
    ("apps/v1", "Deployment"): ("deployments", True),
    ("apps/v1", "StatefulSet"): ("statefulsets", True),
    ("batch/v1", "Job"): ("jobs", True),
    ("networking.k8s.io/v1", "NetworkPolicy"): ("networkpolicies", True),
    ("storage.k8s.io/v1", "StorageClass"): ("storageclasses", False),
    ("v1", "Endpoints"): ("endpoints", True),
    ("v1", "Event"): ("events", True),
    ("v1", "Namespace"): ("namespaces", False),
    ("v1", "PersistentVolumeClaim"): ("persistentvolumeclaims", True),
    ("v1", "Pod"): ("pods", True),
    ("v1", "ResourceQuota"): ("resourcequotas", True),
    ("v1", "Secret"): ("secrets", True),
    ("v1", "Service"): ("services", True),
}


class KubernetesApiError(PluginError):
    """Error of the API server, with its message. Status 0 means that the server is unreachable."""

    def __init__(self, status: int, message: str, reason: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.status, self.reason, self.kind = status, reason, kind

    @property
    def no_match(self) -> bool:
        """Whether the server does not serve the kind: its CRD is missing."""
        return self.reason == "NoMatch"


class KubernetesApi:
    """API of the cluster in KUBECONFIG."""

    def __init__(self) -> None:
        self._client = cast("Client | None", None)
        self._found: dict[tuple[str, str], tuple[str, bool]] = dict(_KINDS)

    def serves_kind(self, api_version: str, kind: str) -> bool:
        """Whether the server serves a kind. False if the server is unreachable."""
        try:
            self._plural(api_version, kind)
        except KubernetesApiError:
            return False
        return True

    def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Whether a kind is namespaced. Assumed for unknown kinds, without a request."""
        return self._found.get((api_version, kind), ("", True))[1]

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties:
        """An object. Its absence is an error with status 404."""
        return self._send("GET", self._path(api_version, kind, namespace, name))

    def list(self, api_version: str, kind: str, namespace: str) -> tuple[list[Properties], str]:
        """Objects of a namespace, or of the cluster if the namespace is empty, and the version of the list."""
        answer = self._send("GET", self._path(api_version, kind, namespace))
        # The server omits apiVersion and kind from the items of a list.
        items = [{"apiVersion": api_version, "kind": kind, **item} for item in answer["items"] or []]
        return items, str(answer["metadata"].get("resourceVersion", ""))

    def watch(self, api_version: str, kind: str, namespace: str, version: str) -> Iterator[tuple[str, Properties]]:
        """Changes since the version of a list, until the server closes the watch."""
        import httpx2

        params = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        path = self._path(api_version, kind, namespace)
        try:
            with self._connection().stream("GET", path, params=params, timeout=httpx2.Timeout(10, read=None)) as answer:
                if answer.is_error:
                    answer.read()
                    raise _refusal(answer)
                for line in answer.iter_lines():
                    event = json.loads(line)
                    yield event["type"], event["object"]
        except httpx2.TransportError as error:
            raise _unreachable(error) from error

    def create(self, manifest: Properties, *, dry_run: bool = False) -> Properties:
        """Create an object."""
        metadata = manifest["metadata"]
        path = self._path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""))
        return self._send("POST", path, {"fieldManager": "pulumi-kubernetes"} | _all_dry(dry_run), manifest)

    def apply(self, manifest: Properties, manager: str, *, force: bool = False, dry_run: bool = False) -> Properties:
        """Change an object by server-side apply. Returns the changed object."""
        options = {"fieldManager": manager, "force": str(force).lower()} | _all_dry(dry_run)
        return self._send("PATCH", self._place(manifest), options, manifest, _APPLY)

    def patch(self, live: Properties, patch: Value) -> Properties:
        """Change an object by a JSON patch."""
        return self._send("PATCH", self._place(live), None, patch, _PATCH)

    def delete(self, api_version: str, kind: str, namespace: str, name: str, propagation: str) -> None:
        """Request the deletion of an object, without waiting for it."""
        path = self._path(api_version, kind, namespace, name)
        self._send("DELETE", path, {"propagationPolicy": propagation})

    def _place(self, live: Properties) -> str:
        metadata = live["metadata"]
        return self._path(live["apiVersion"], live["kind"], metadata.get("namespace", ""), metadata["name"])

    def _path(self, api_version: str, kind: str, namespace: str, name: str = "") -> str:
        plural, namespaced = self._plural(api_version, kind)
        if namespaced and name:
            namespace = namespace or "default"
        scope = f"namespaces/{namespace}/" if namespaced and namespace else ""
        return f"{_root(api_version)}/{scope}{plural}/{name}".rstrip("/")

    def _plural(self, api_version: str, kind: str) -> tuple[str, bool]:
        if (api_version, kind) not in self._found:
            try:
                served = self._send("GET", _root(api_version))["resources"]
            except KubernetesApiError as error:
                if error.status != 404:
                    raise
                served = []
            for each in served:
                if "/" not in each["name"]:
                    self._found[api_version, each["kind"]] = each["name"], each["namespaced"]
        if (api_version, kind) not in self._found:
            raise KubernetesApiError(404, f'no matches for kind "{kind}" in version "{api_version}"', "NoMatch")
        return self._found[api_version, kind]

    def _connection(self) -> "Client":
        with IMPORTS:
            from lightkube.config.client_adapter import Client, ConnectionParams

            from airflow_stack.cli.kubernetes_client import ClusterError, select_context

            try:
                settings = ConnectionParams(trust_env=False)
                self._client = self._client or Client(select_context(None, None, os.environ), settings)
            except ClusterError as error:
                raise _unreachable(error) from error
        return self._client

    def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        body: Value = None,
        content: str = "application/json",
    ) -> Properties:
        import httpx2

        headers = {"Content-Type": content} if body is not None else {}
        try:
            answer = self._connection().request(method, path, params=params, json=body, headers=headers)
        except httpx2.TransportError as error:
            raise _unreachable(error) from error
        if answer.is_error:
            raise _refusal(answer)
        return dict(answer.json())


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _all_dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _unreachable(error: Exception) -> KubernetesApiError:
    return KubernetesApiError(0, f"configured Kubernetes cluster is unreachable: {error}")


def _refusal(answer: "Response") -> KubernetesApiError:
    try:
        status = answer.json()
        kind = (status.get("details") or {}).get("kind", "")
        return KubernetesApiError(answer.status_code, status["message"], status.get("reason", ""), kind)
    except (ValueError, KeyError):  # the server answers an unknown path in plain text
        return KubernetesApiError(answer.status_code, "the server could not find the requested resource", "NotFound")
