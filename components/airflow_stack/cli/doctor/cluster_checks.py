"""Cluster checks of `doctor`: access, permissions, conflicts with existing objects, chart and database.

Reads only. The API server answers an access review and does not store it.
"""

import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from airflow_stack.cli.kubernetes_client import CONNECT_SECONDS, ClusterError, KubernetesClient
from airflow_stack.cli.pulumi_state import NAMESPACE, RELEASE, State, resources
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE as RELEASE_NAME
from airflow_stack.settings.models import Settings
from airflow_stack.versions import kubernetes_warning

from .address_checks import address_checks
from .chart_checks import find_chart
from .model import Check, CheckError, Status
from .namespace_checks import check_existing_namespace
from .permissions import EVERYTHING, Manifests, grouped, needed_permissions

_PARALLEL_REVIEWS = 8
_CREATE_NAMESPACE = "; with airflow:createNamespace false and an existing namespace, none on namespaces are needed"
_FIXES = {
    0: "check with `kubectl version` whether this machine reaches the cluster",
    401: "log in to it again",
}


class ForbiddenError(CheckError):
    """The user may not read an object."""


class ClusterChecks:
    """The checks of one stack's cluster.

    Args:
        settings: Settings of the stack.
        connect: Makes a client of the cluster.
        state: Reads the state of the stack.
        manifests: Renders the objects of the stack.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], KubernetesClient],
        state: Callable[[], State],
        manifests: Callable[[], Manifests],
    ) -> None:
        self._settings, self._connect, self._state, self._manifests = settings, connect, state, manifests
        self._namespace = settings.namespace
        self._user = "the user"

    def checks(self) -> list[Check]:
        """All checks, in order."""
        checks = [
            Check("kubeconfig", self._kubeconfig),
            Check("cluster", self._cluster, ("kubeconfig",)),
            Check("chart", lambda: find_chart(self._settings.chart)),
            Check("permissions", self._permissions, ("cluster", "chart")),
            Check("namespace", self._namespace_is_usable, ("cluster",)),
            Check("release", self._release_name_is_free, ("cluster",)),
        ]
        if self._settings.database.cloud_native_pg:
            checks.append(Check("database", self._operator, ("cluster",)))
        elif self._settings.database.external:
            checks.append(Check("database", self._database))
        return [*checks, *address_checks(self._settings, self._read)]

    def _kubeconfig(self) -> str:
        try:
            self._client = self._connect()
        except ClusterError as error:
            raise CheckError(str(error), "`kubectl config get-contexts` lists the contexts") from None
        return f"context {self._client.context!r}, {self._client.server}"

    def _read(self, path: str, body: Mapping[str, object] | None = None, **parameters: str) -> dict[str, Any] | None:
        """Response of the API server; None if it has no such object.

        Raises:
            ForbiddenError: the user may not read it.
            CheckError: the API server does not answer or fails.
        """
        try:
            return self._client.post(path, body) if body else self._client.get(path, **parameters)
        except ClusterError as error:
            if error.status == 403:
                raise ForbiddenError(f"{self._user} may not read it", "see permissions", Status.SKIPPED) from None
            raise CheckError(str(error), _FIXES.get(error.status, "check the API server")) from None

    def _cluster(self) -> str:
        version = ""
        with suppress(ForbiddenError):
            version = (self._read("/version") or {}).get("gitVersion", "")
        with suppress(ForbiddenError):
            review = _object("authentication.k8s.io/v1", "SelfSubjectReview")
            if answer := self._read("/apis/authentication.k8s.io/v1/selfsubjectreviews", review):
                self._user = repr(answer["status"]["userInfo"].get("username"))
        message = f"Kubernetes {version or 'of unknown version'}, as user {self._user}"
        if version and (warning := kubernetes_warning(version)):
            raise CheckError(f"{message}; {warning}", "try it on an unimportant stack first", Status.WARN)
        return message

    def _permissions(self) -> str:
        if self._allowed(EVERYTHING):
            return f"{self._user} may do everything"
        try:
            needed = needed_permissions(self._manifests())
        except UserError as error:
            message = f"the objects of the stack cannot be rendered: {error}"
            raise CheckError(message, "correct what `airflow-stack render` reports", Status.SKIPPED) from None
        with ThreadPoolExecutor(_PARALLEL_REVIEWS) as pool:
            allowed = list(pool.map(self._allowed, [each.attributes(self._namespace) for each in needed]))
        if missing := [each for each, is_allowed in zip(needed, allowed, strict=True) if not is_allowed]:
            raise CheckError(
                f"{self._user} lacks permissions in namespace {self._namespace!r}: {grouped(missing)}",
                "let an administrator of the cluster grant them, or run `pulumi up` as another user"
                + (_CREATE_NAMESPACE if any(each.resource == "namespaces" for each in missing) else ""),
            )
        return f"{self._user} has all {len(needed)} that `pulumi up` needs"

    def _allowed(self, attributes: dict[str, str]) -> bool:
        review = _object("authorization.k8s.io/v1", "SelfSubjectAccessReview", spec={"resourceAttributes": attributes})
        with suppress(ForbiddenError):
            answer = self._read("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
            return bool(answer and answer["status"]["allowed"])
        return False

    def _namespace_is_usable(self) -> str:
        if not self._settings.create_namespace:
            return check_existing_namespace(self._namespace, self._read)
        answer = self._read(f"/api/v1/namespaces/{self._namespace}")
        if answer is None:
            return f"{self._namespace!r} does not exist yet"
        if self._is_in_state(NAMESPACE, self._namespace):
            return f"{self._namespace!r} belongs to the stack"
        creators = sorted({each.get("manager", "?") for each in answer["metadata"].get("managedFields", [])})
        raise CheckError(
            f"{self._namespace!r} exists and does not belong to the stack, created by {', '.join(creators) or 'another'}; "
            "`pulumi up` does not take it over",
            "set airflow:namespace to another name, or delete the namespace if its content is not needed",
            Status.WARN,
        )

    def _release_name_is_free(self) -> str:
        path = f"/api/v1/namespaces/{self._namespace}/secrets"
        if not (self._read(path, labelSelector=f"owner=helm,name={RELEASE_NAME}") or {}).get("items"):
            return f"namespace {self._namespace!r} has no Helm release {RELEASE_NAME!r}"
        release = f"{self._namespace}/{RELEASE_NAME}"
        if self._is_in_state(RELEASE, release):
            return f"{release} belongs to the stack"
        raise CheckError(
            f"Helm release {release} exists and does not belong to the stack",
            "set airflow:namespace to another name; after an interrupted `pulumi up`: `airflow-stack recover`; "
            f"otherwise see `helm history {RELEASE_NAME} -n {self._namespace}`",
            Status.WARN,
        )

    def _is_in_state(self, type_: str, id_: str) -> bool:
        return any(each["type"] == type_ and each.get("id") == id_ for each in resources(self._state()))

    def _operator(self) -> str:
        if self._read("/apis/postgresql.cnpg.io/v1") is None:
            raise CheckError(
                "the operator CloudNativePG is not installed", "install it: https://cloudnative-pg.io/docs"
            )
        return "the operator CloudNativePG is installed"

    def _database(self) -> str:
        external = self._settings.database.external
        address = (external.host, external.port) if external else ("", 0)
        try:
            socket.create_connection(address, timeout=CONNECT_SECONDS).close()
        except (OSError, UnicodeError) as error:
            raise CheckError(
                f"{address[0]}:{address[1]} is not reachable from this machine: {error}",
                "only the cluster has to reach it; check airflow:database.external and the database's firewall",
                Status.WARN,
            ) from None
        return f"{address[0]}:{address[1]} answers"


def _object(version: str, kind: str, **more: object) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, **more}
