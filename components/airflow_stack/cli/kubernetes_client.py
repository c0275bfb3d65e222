"""The cluster of a stack, as far as `recover` looks at it and touches it: are objects there, and the records that Helm keeps of a release.

Deletes records of Helm and nothing else.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from airflow_stack.cli.recover.state_repair import Presence, Resource
from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from lightkube import KubeConfig


class ClusterError(UserError):
    """The cluster was not reached, or refused; the message says why."""


@dataclass(frozen=True)
class Revision:
    """Helm's record of one revision of a release: a Secret beside the release's objects."""

    namespace: str
    secret: str
    number: int
    status: str
    made: datetime

    @property
    def is_pending(self) -> bool:
        """Whether Helm takes an operation for running, and refuses any other."""
        return self.status.startswith("pending-")


class Cluster:
    """The cluster that a kubeconfig and a context name."""

    def __init__(self, config: "KubeConfig", context: str | None) -> None:
        from lightkube import Client, ConfigError

        try:
            chosen = config.get(context)
            server = chosen.cluster.server if chosen else ""
            # As the provider does, which never asks a proxy for this machine.
            proxy = not server.startswith(("https://127.", "https://localhost"))
            self._client = Client(chosen, field_manager="airflow-stack", trust_env=proxy)
        except ConfigError as error:
            raise ClusterError(f"the kubeconfig cannot be used: {error}") from None

    def presence(self, resource: Resource) -> Presence:
        """Whether the object of a resource exists, and whether the provider made it."""
        metadata = resource["inputs"]["metadata"]
        found = None
        with _asking():
            found = self._client.get(_type(resource["inputs"]), metadata["name"], namespace=metadata.get("namespace"))
        if found is None:
            return Presence.ABSENT
        managers = {entry.manager or "" for entry in found.metadata.managedFields or []}
        return Presence.OURS if any(name.startswith("pulumi") for name in managers) else Presence.FOREIGN

    def revisions(self, namespace: str, release: str) -> list[Revision]:
        """Helm's records of a release, the oldest first."""
        from lightkube.resources.core_v1 import Secret

        secrets: list[Secret] = []
        with _asking():
            secrets = list(self._client.list(Secret, namespace=namespace, labels={"owner": "helm", "name": release}))
        found = []
        for secret in secrets:
            if (metadata := secret.metadata) and metadata.name and metadata.creationTimestamp:
                labels = metadata.labels or {}
                number, status = int(labels.get("version", 0)), labels.get("status", "")
                found.append(Revision(namespace, metadata.name, number, status, metadata.creationTimestamp))
        return sorted(found, key=lambda revision: revision.number)

    def forget(self, revision: Revision) -> None:
        """Delete Helm's record of a revision; the objects of the release stay as they are."""
        from lightkube.resources.core_v1 import Secret

        with _asking():
            self._client.delete(Secret, revision.secret, namespace=revision.namespace)


@contextmanager
def _asking() -> Iterator[None]:
    """Pass over what is not there; whatever else goes wrong with the cluster is one error."""
    import httpx2
    from lightkube import ApiError, ConfigError

    try:
        yield
    except ApiError as error:
        if error.status.code != 404:
            raise ClusterError(str(error)) from None
    except (httpx2.HTTPError, ConfigError) as error:
        raise ClusterError(str(error)) from None


def _type(inputs: Mapping[str, str]) -> Any:  # noqa: ANN401  one client method, many types of objects
    from lightkube.core.exceptions import LoadResourceError
    from lightkube.core.resource_registry import resource_registry
    from lightkube.generic_resource import create_namespaced_resource

    api_version, kind = inputs["apiVersion"], inputs["kind"]
    try:
        return resource_registry.load(api_version, kind)
    except LoadResourceError:  # a custom resource
        group, version = api_version.split("/")
        return create_namespaced_resource(group, version, kind, f"{kind.lower()}s")


def _in_a_pod() -> "KubeConfig":
    from lightkube import ConfigError, KubeConfig

    try:
        return KubeConfig.from_service_account()
    except (ConfigError, OSError):
        raise ClusterError("no cluster is named, by KUBECONFIG or in ~/.kube/config; set KUBECONFIG") from None


def kubeconfig(given: str | None, context: str | None, env: Mapping[str, str]) -> "KubeConfig":
    """The kubeconfig as the provider finds it: the stack's setting (a path or the content), KUBECONFIG, or the user's own.

    Of several files in KUBECONFIG that one is taken which knows the context.
    """
    from lightkube import ConfigError, KubeConfig

    try:
        if given and ("\n" in given.strip() or given.startswith("{")):
            return KubeConfig.from_dict(yaml.safe_load(given))
        own = Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"
        named = given or env.get("KUBECONFIG")
        if not named and not own.exists():
            return _in_a_pod()
        paths = [given] if given else (named or str(own)).split(os.pathsep)
        paths = list(filter(None, paths))
        files = [path for path in paths if Path(path).exists()] or paths[
            :1
        ]  # a missing one is only missed when there is no other
        configs = [KubeConfig.from_file(file) for file in files]
        known = [config for config in configs if (context or config.current_context) in config.contexts]
        return (known or configs)[0]
    except (ConfigError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ClusterError(f"no kubeconfig can be used, {error}; set KUBECONFIG") from None
