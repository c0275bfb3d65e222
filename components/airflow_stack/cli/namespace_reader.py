"""Reads a namespace: pods, events, logs, the deploy key. Plain data, read only; lightkube makes the authenticated connection."""

import base64
from collections.abc import Iterator
from datetime import datetime

import httpx2
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams

from airflow_stack.cli.pod_state import Container, Object, creation

_SECONDS = 5.0
_LOG_LINES = 60

UnreadableError = httpx2.HTTPError
"""The cluster did not answer, or refused to."""


class Reader:
    """One namespace of a cluster."""

    def __init__(self, cluster: KubeConfig, namespace: str, context: str | None = None) -> None:
        config = cluster.get(context)
        assert config is not None, "only a default could be None, and none is given"  # noqa: S101
        # As the provider does, which never asks a proxy for this machine.
        proxy = not config.cluster.server.startswith(("https://127.", "https://localhost"))
        self._client = Client(config, ConnectionParams(timeout=httpx2.Timeout(_SECONDS), trust_env=proxy))
        self.namespace = namespace
        self._path = f"/api/v1/namespaces/{namespace}"

    def read(self, kind: str, labels: str = "") -> list[Object]:
        """Return all objects of a kind, such as `pods`."""
        answer = self._client.get(f"{self._path}/{kind}", params={"labelSelector": labels})
        return list(answer.raise_for_status().json()["items"])

    def log(self, pod: Object, container: Container) -> list[str]:
        """Return the last lines of a container's log, with those of the attempt before when it is trying again."""
        lines: list[str] = []
        for previous in ("true", "false") if container.running and container.failures else ("false",):
            params = {"container": container.name, "tailLines": str(_LOG_LINES), "previous": previous}
            answer = self._client.get(f"{self._path}/pods/{pod['metadata']['name']}/log", params=params)
            if answer.is_success:  # a log may be gone, or not begun
                lines += answer.text.splitlines()
        return lines

    def follow(self, pod: str, container: str, lines: int, *, follow: bool) -> Iterator[str]:
        """Yield the lines of a log as they come."""
        params = {"container": container, "tailLines": str(lines), "follow": str(follow).lower()}
        timeout = httpx2.Timeout(_SECONDS, read=None)
        with self._client.stream("GET", f"{self._path}/pods/{pod}/log", params=params, timeout=timeout) as answer:
            if answer.is_success:
                yield from answer.iter_lines()

    def public_key(self, pod: Object) -> str:
        """Return the public half of the SSH key that a pod's git-sync, or its first git bundle, shows."""
        secrets = {each["name"]: each.get("secret", {}) for each in pod["spec"].get("volumes") or []}
        volume = secrets.get("git-sync-ssh-key") or secrets.get("git-key-dags-folder") or {}
        name = volume.get("secretName", "")
        try:
            data = self._client.get(f"{self._path}/secrets/{name}").raise_for_status().json()["data"]
            public = load_ssh_private_key(base64.b64decode(data["gitSshKey"]), None).public_key()
        except (UnreadableError, KeyError, ValueError):
            return f"(the key in Secret {name} cannot be read)"
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def helm_began(self) -> datetime | None:
        """Tell since when Helm has been at work; None when it is not."""
        return max(
            map(creation, self.read("secrets", "owner=helm,status in (pending-install,pending-upgrade)")), default=None
        )
