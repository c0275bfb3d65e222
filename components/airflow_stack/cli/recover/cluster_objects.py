"""Objects of the cluster that `recover` reads, and the Helm records that it deletes. It deletes nothing else."""

from dataclasses import dataclass
from datetime import datetime

from airflow_stack.cli.kubernetes_client import KubernetesClient, object_path
from airflow_stack.cli.pulumi_state import StateResource

from .state_repair import Presence


@dataclass(frozen=True)
class HelmRevision:
    """Helm's record of one revision of a release: a Secret beside the release's objects."""

    namespace: str
    secret: str
    number: int
    status: str
    created: datetime

    @property
    def is_pending(self) -> bool:
        """Whether Helm assumes a running operation, and refuses any other."""
        return self.status.startswith("pending-")


def presence(client: KubernetesClient, resource: StateResource) -> Presence:
    """Whether the object of a resource exists, and whether the Kubernetes provider made it.

    Raises:
        ClusterError: the API server does not answer or refuses.
    """
    inputs = resource["inputs"]
    metadata = inputs["metadata"]
    found = client.get(object_path(inputs["apiVersion"], inputs["kind"], metadata["name"], metadata.get("namespace")))
    if found is None:
        return Presence.ABSENT
    managers = {entry.get("manager", "") for entry in found["metadata"].get("managedFields") or []}
    return Presence.PULUMI if any(name.startswith("pulumi") for name in managers) else Presence.FOREIGN


def revisions(client: KubernetesClient, namespace: str, release: str) -> list[HelmRevision]:
    """Helm's records of a release, the oldest first.

    Raises:
        ClusterError: the API server does not answer or refuses.
    """
    found = [
        HelmRevision(
            namespace,
            metadata["name"],
            int(metadata["labels"].get("version", 0)),
            metadata["labels"].get("status", ""),
            datetime.fromisoformat(metadata["creationTimestamp"]),
        )
        for secret in client.list_objects(f"/api/v1/namespaces/{namespace}/secrets", f"owner=helm,name={release}")
        if (metadata := secret["metadata"])
    ]
    return sorted(found, key=lambda revision: revision.number)


def delete_record(client: KubernetesClient, revision: HelmRevision) -> None:
    """Delete Helm's record of a revision. The objects of the release stay.

    Raises:
        ClusterError: the API server does not answer or refuses.
    """
    client.delete(f"/api/v1/namespaces/{revision.namespace}/secrets/{revision.secret}")
