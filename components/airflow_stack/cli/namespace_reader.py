"""Reads pods, events, logs and the public deploy key of one namespace."""

import base64
from collections.abc import Iterator

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient, KubernetesObject
from airflow_stack.cli.pod_state import Container
from airflow_stack.credentials import GIT_SSH_KEY

_LOG_LINES = 60


class NamespaceReader:
    """One namespace of a cluster. Every method raises `ClusterError` when the API server does not answer or refuses."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self._client, self.namespace = client, namespace
        self._path = f"/api/v1/namespaces/{namespace}"

    def read(self, kind: str, labels: str = "") -> list[KubernetesObject]:
        """All objects of a kind, such as `pods`, that a label selector matches."""
        return self._client.list_objects(f"{self._path}/{kind}", labels)

    def log(self, pod: KubernetesObject, container: Container) -> list[str]:
        """The last lines of a container's log, after those of the attempt before if it has restarted."""
        lines: list[str] = []
        for previous in ("true", "false") if container.running and container.failures else ("false",):
            lines += self._log(pod["metadata"]["name"], container.name, _LOG_LINES, previous=previous)
        return lines

    def follow(self, pod: str, container: str, lines: int, *, follow: bool) -> Iterator[str]:
        """Yield the last lines of a log, and with `follow` new ones until the container ends."""
        return self._log(pod, container, lines, follow=follow)

    def _log(self, pod: str, container: str, lines: int, *, follow: bool = False, **more: str) -> Iterator[str]:
        path = f"{self._path}/pods/{pod}/log"
        return self._client.log_lines(path, follow=follow, container=container, tailLines=str(lines), **more)

    def public_key(self, pod: KubernetesObject) -> str:
        """The public half of the SSH key that a pod's git-sync, or its first git bundle, uses."""
        secrets = {each["name"]: each.get("secret", {}) for each in pod["spec"].get("volumes") or []}
        volume = secrets.get("git-sync-ssh-key") or secrets.get("git-key-dags-folder") or {}
        name = volume.get("secretName", "")
        try:
            secret = self._client.get(f"{self._path}/secrets/{name}") or {}
            public = load_ssh_private_key(base64.b64decode(secret["data"][GIT_SSH_KEY.key]), None).public_key()
        except (ClusterError, KeyError, ValueError):
            return f"(the key in Secret {name} cannot be read)"
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
