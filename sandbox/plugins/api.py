"""A small client of the Kubernetes API for objects of any kind: get, list, apply, delete.

lightkube reads the kubeconfig and makes the authenticated connection; it is loaded at the first
request, for a preview without changes makes none.
"""

import os
import threading
from functools import cached_property
from typing import TYPE_CHECKING

from sandbox.plugins.protocol import PluginError
from sandbox.plugins.wire import Properties, Value

if TYPE_CHECKING:
    from httpx2 import Client, Response


class ApiError(PluginError):
    """The API server's refusal, in its words; 0 is for a server that was not reached."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The cluster of KUBECONFIG."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties | None:
        """Return an object, or None when there is none."""
        try:
            return self._send("GET", _path(api_version, kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str, labels: Properties) -> list[Value]:
        """Return the objects with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        return list(self._send("GET", _path(api_version, kind, namespace), {"labelSelector": selector})["items"])

    def apply(self, manifest: Properties, *, dry_run: bool = False) -> Properties:
        """Create or change an object by server-side apply, whoever owns its fields; return what it became."""
        metadata = manifest["metadata"]
        path = _path(manifest["apiVersion"], manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        options = {"fieldManager": "pulumi-kubernetes", "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        return self._send("PATCH", path, options, manifest)

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        """Ask for deletion, dependents first; return at once."""
        self._send("DELETE", _path(api_version, kind, namespace, name), {"propagationPolicy": "Foreground"})

    @cached_property
    def _client(self) -> "Client":
        from lightkube import KubeConfig
        from lightkube.config.client_adapter import Client, ConnectionParams

        config = KubeConfig.from_file(os.environ["KUBECONFIG"]).get()
        assert config is not None, "only a default could be None, and none is given"  # noqa: S101
        return Client(config, ConnectionParams(trust_env=False))

    def _send(self, method: str, path: str, params: dict[str, str] | None = None, body: Value = None) -> Properties:
        import httpx2
        from lightkube import ConfigError

        headers = {"Content-Type": "application/apply-patch+yaml"} if body else {}
        try:
            with self._lock:  # cached_property does not guard itself
                client = self._client
            answer = client.request(method, path, params=params, json=body, headers=headers)
        except (httpx2.TransportError, ConfigError) as error:
            raise ApiError(0, f"the Kubernetes cluster is unreachable: {error}") from error
        if answer.is_error:
            raise ApiError(answer.status_code, _reason(answer))
        return dict(answer.json())


def _path(api_version: str, kind: str, namespace: str, name: str = "") -> str:
    group = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    scope = "" if kind == "Namespace" else f"namespaces/{namespace or 'default'}/"
    plural = kind.removesuffix("y") + "ies" if kind.endswith("y") else kind + "s"  # kubectl's guess, too
    return f"{group}/{scope}{plural.lower()}/{name}".rstrip("/")


def _reason(answer: "Response") -> str:
    try:
        return str(answer.json()["message"])
    except ValueError:  # a path that the server does not know is answered in plain text
        path = answer.request.url.path
        return f"{answer.status_code} {answer.reason_phrase} for {path} (a custom resource needs its CRD installed)"
