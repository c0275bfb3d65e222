"""The local admin of a stack, in its cluster. A Job makes it: the migration's, with another script, so that image and database are those of the stack."""

import copy
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient
from airflow_stack.errors import UserError
from airflow_stack.names import BREAK_GLASS_USER, RELEASE

SECRET = f"{RELEASE}-{BREAK_GLASS_USER}"
"""Secret with the password while the local admin exists."""
_SCRIPT = (Path(__file__).parent / "local_admin.py").read_text()
_SECONDS = 600
_OF_THE_JOB = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
"""Labels that Kubernetes adds to a Job's pods."""


class LocalAdmin:
    """The local admin of one namespace.

    Args:
        client: The cluster.
        namespace: Namespace of Airflow.
        pause: Waits some seconds.
    """

    def __init__(self, client: KubernetesClient, namespace: str, pause: Callable[[float], None] = time.sleep) -> None:
        self._client, self._namespace, self._pause = client, namespace, pause
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._core = f"/api/v1/namespaces/{namespace}"

    def make(self, reason: str) -> None:
        """Make the admin, or reset the existing one, with a new password in the Secret.

        Raises:
            UserError: nothing is deployed, or the Job fails; the Secret is then removed.
        """
        template = self._template()
        self._client.delete(f"{self._core}/secrets/{SECRET}")
        password = secrets.token_urlsafe(24)
        content = {"username": BREAK_GLASS_USER, "password": password}
        metadata = {"name": SECRET, "namespace": self._namespace}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}
        self._client.post(f"{self._core}/secrets", secret)
        reference = {"secretKeyRef": {"name": SECRET, "key": "password"}}
        try:
            self._run(template, reason, [{"name": "LOCAL_ADMIN_PASSWORD", "valueFrom": reference}])
        except UserError:
            self._client.delete(f"{self._core}/secrets/{SECRET}")
            raise

    def remove(self, reason: str) -> None:
        """Remove the admin and the Secret, if they exist.

        Raises:
            UserError: nothing is deployed, or the Job fails; the admin may then still exist.
        """
        self._run(self._template(), reason, [])
        self._client.delete(f"{self._core}/secrets/{SECRET}")

    def _template(self) -> dict[str, Any]:
        """The pod template of the newest migration."""
        found = self._client.list_objects(self._jobs, f"component=migrate-database,release={RELEASE}")
        if not found:
            raise UserError(
                f"namespace {self._namespace} has no migration of the database; `pulumi up` deploys the stack"
            )
        newest = max(found, key=lambda job: str(job["metadata"]["creationTimestamp"]))
        template: dict[str, Any] = copy.deepcopy(newest["spec"]["template"])
        return template

    def _run(self, template: dict[str, Any], reason: str, variables: list[dict[str, Any]]) -> None:
        labels = template["metadata"].get("labels") or {}
        template["metadata"] = {"labels": {key: value for key, value in labels.items() if key not in _OF_THE_JOB}}
        container = template["spec"]["containers"][0]
        container["args"] = ["python", "-c", _SCRIPT]
        own = {"NAME": BREAK_GLASS_USER, "REASON": reason, "OPERATOR": self._operator()}
        container["env"] = [
            *(container.get("env") or []),
            *({"name": f"LOCAL_ADMIN_{key}", "value": value} for key, value in own.items()),
            {"name": "AIRFLOW__FAB__UPDATE_FAB_PERMS", "value": "False"},
            *variables,
        ]
        metadata = {"generateName": f"{SECRET}-", "namespace": self._namespace}
        limits = {"backoffLimit": 0, "activeDeadlineSeconds": _SECONDS, "ttlSecondsAfterFinished": _SECONDS}
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {**limits, "template": template}}
        made = self._client.post(self._jobs, job) or {}
        name = made["metadata"]["name"]
        try:
            self._await(name)
        finally:
            self._client.delete(f"{self._jobs}/{name}?propagationPolicy=Background")

    def _await(self, name: str) -> None:
        for _ in range(_SECONDS):
            status: Mapping[str, Any] = (self._client.get(f"{self._jobs}/{name}") or {}).get("status") or {}
            ended = {each["type"] for each in status.get("conditions") or [] if each["status"] == "True"}
            if "Complete" in ended:
                return
            if "Failed" in ended:
                break
            self._pause(1)
        pods = self._client.list_objects(f"{self._core}/pods", f"batch.kubernetes.io/job-name={name}")
        lines = [line for pod in pods for line in self._log(str(pod["metadata"]["name"])) if line.strip()]
        raise UserError(f"the Job {name} failed: {lines[-1].strip()[-300:] if lines else 'its pod printed nothing'}")

    def _log(self, pod: str) -> list[str]:
        return list(self._client.log_lines(f"{self._core}/pods/{pod}/log", tailLines="20"))

    def _operator(self) -> str:
        """The user of the kubeconfig, as the cluster knows it."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = self._client.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", review) or {}
            return str(answer["status"]["userInfo"]["username"])
        except (ClusterError, KeyError):
            return "unknown user of the kubeconfig"
