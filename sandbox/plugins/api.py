"""A small client of the Kubernetes API for objects of any kind: discovery, get, list, apply, delete.

lightkube reads the kubeconfig and makes the authenticated connection; it is loaded at the first
request, for a preview without changes makes none. TLS is always verified.
"""

import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.plugins.protocol import PluginError
from sandbox.plugins.wire import Properties, Value

if TYPE_CHECKING:
    from httpx2 import Client, Response
    from lightkube.config.kubeconfig import SingleConfig

FIELD_MANAGER = "pulumi-kubernetes"


class ApiError(PluginError):
    """The API server's refusal, in its words; 0 is for a server that was not reached."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One cluster, as one kubeconfig and context name it."""

    def __init__(self, kubeconfig: str, context: str | None = None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._discovered: dict[str, dict[str, Properties]] = {}
        self._lock = threading.Lock()

    def get(self, api_version: str, kind: str, namespace: str, name: str) -> Properties | None:
        """Return an object, or None when there is none."""
        try:
            return self._send("GET", self._path(api_version, kind, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, api_version: str, kind: str, namespace: str, labels: Properties) -> list[Value]:
        """Return the objects with these labels."""
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        path = self._path(api_version, kind, namespace)
        return list(self._send("GET", path, {"labelSelector": selector})["items"])

    def apply(self, manifest: Properties, *, force: bool, dry_run: bool = False) -> Properties:
        """Create or change an object by server-side apply and return what it became."""
        metadata = manifest["metadata"]
        where = metadata.get("namespace", ""), metadata["name"]
        options = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        options |= {"dryRun": "All"} if dry_run else {}
        path = self._path(manifest["apiVersion"], manifest["kind"], *where)
        return self._send("PATCH", path, options, manifest)

    def delete(self, api_version: str, kind: str, namespace: str, name: str) -> None:
        """Ask for deletion, dependents first; return at once, also when the object is gone."""
        try:
            path = self._path(api_version, kind, namespace, name)
            self._send("DELETE", path, {"propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.status != 404:
                raise

    def _path(self, api_version: str, kind: str, namespace: str, name: str = "") -> str:
        found = self._kind(api_version, kind)
        scope = f"namespaces/{namespace or self.namespace}/" if found["namespaced"] else ""
        return f"{self._group(api_version)}/{scope}{found['name']}/{name}".rstrip("/")

    def _kind(self, api_version: str, kind: str) -> Properties:
        kinds = self._discovered.get(api_version, {})
        if kind not in kinds:
            try:
                found = self._send("GET", self._group(api_version))["resources"]
            except ApiError as error:
                if error.status != 404:
                    raise
                found = []
            kinds = {each["kind"]: each for each in found if "/" not in each["name"]}
            self._discovered[api_version] = kinds
        if kind not in kinds:
            raise ApiError(404, f"the cluster knows no kind {kind} in {api_version}: is its CRD installed?")
        return kinds[kind]

    @staticmethod
    def _group(api_version: str) -> str:
        return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"

    @property
    def namespace(self) -> str:
        """The namespace of the kubeconfig's context."""
        return self._config.namespace

    @cached_property
    def _config(self) -> "SingleConfig":
        import yaml
        from lightkube.config.kubeconfig import KubeConfig

        if "\n" in self._kubeconfig:
            config = KubeConfig.from_dict(yaml.safe_load(self._kubeconfig))
        else:
            config = KubeConfig.from_file(Path(self._kubeconfig).expanduser())
        single = config.get(self._context)
        assert single is not None, "only a default could be None, and none is given"  # noqa: S101
        if single.cluster.insecure:
            raise PluginError(
                "the kubeconfig turns TLS verification off (insecure-skip-tls-verify): "
                "give the cluster's certificate-authority instead"
            )
        return single

    @cached_property
    def _client(self) -> "Client":
        from lightkube.config.client_adapter import Client, ConnectionParams

        return Client(self._config, ConnectionParams(trust_env=False))

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


def _reason(answer: "Response") -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}: {answer.text[:200]}"
