"""The cluster part of `doctor`: who `up` would be there, what it may do, what is in its way, and the database.

Asks, and changes nothing: an access review is answered, never stored.
"""

import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from airflow_stack.cli.doctor import namespace_checks
from airflow_stack.cli.doctor.chart_checks import find_chart
from airflow_stack.cli.doctor.git_probe import CONNECT_SECONDS
from airflow_stack.cli.doctor.model import Status, Step, UnwellError
from airflow_stack.cli.doctor.rights import EVERYTHING, Manifests, grouped, rights
from airflow_stack.cli.kubernetes_client import ClusterError, KubernetesClient
from airflow_stack.cli.pulumi_cli import State
from airflow_stack.cli.recover import state_repair as recover_state
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE
from airflow_stack.settings.models import Settings
from airflow_stack.versions import kubernetes_warning

_NAMESPACE = "kubernetes:core/v1:Namespace"
_AT_ONCE = 8
_WITHOUT_NAMESPACE = "; rights on namespaces are not needed in one that exists: airflow:createNamespace false"
_FIXES = {
    0: "see with `kubectl version` whether it runs, and whether this machine reaches it",
    401: "log in to it again",
}


class ForbiddenError(UnwellError):
    """The user may not read something."""


class ClusterChecks:
    """The checks of the cluster of one stack.

    Args:
        settings: The stack's settings.
        connect: Makes a client of the cluster.
        state: Reads the stack's state.
        manifests: Renders what `up` makes.
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

    def steps(self) -> list[Step]:
        """All checks, in their order."""
        steps = [
            Step("kubeconfig", self._kubeconfig),
            Step("cluster", self._answers, ("kubeconfig",)),
            Step("chart", lambda: find_chart(self._settings.chart)),
            Step("permissions", self._permissions, ("cluster", "chart")),
            Step("namespace", self._namespace_fits, ("cluster",)),
            Step("release", self._release_is_free, ("cluster",)),
        ]
        if self._settings.database.cloud_native_pg:
            steps.append(Step("database", self._operator, ("cluster",)))
        elif self._settings.database.external:
            steps.append(Step("database", self._database))
        return steps

    def _kubeconfig(self) -> str:
        try:
            self._client = self._connect()
        except ClusterError as error:
            raise UnwellError(str(error), "`kubectl config get-contexts` lists the contexts") from None
        return f"context {self._client.context!r}, {self._client.server}"

    def _read(self, path: str, body: Mapping[str, object] | None = None, **parameters: str) -> dict[str, Any] | None:
        """Response of the API server; None if it has no such object.

        Raises:
            ForbiddenError: the user may not read it.
            UnwellError: the API server does not answer or fails.
        """
        try:
            return self._client.post(path, body) if body else self._client.get(path, **parameters)
        except ClusterError as error:
            if error.status == 403:
                raise ForbiddenError(f"{self._user} may not look", "see permissions", Status.SKIPPED) from None
            raise UnwellError(str(error), _FIXES.get(error.status, "check the API server")) from None

    def _answers(self) -> str:
        known = ""
        with suppress(ForbiddenError):
            known = (self._read("/version") or {}).get("gitVersion", "")
        with suppress(ForbiddenError):
            review = _object("authentication.k8s.io/v1", "SelfSubjectReview")
            if answer := self._read("/apis/authentication.k8s.io/v1/selfsubjectreviews", review):
                self._user = repr(answer["status"]["userInfo"].get("username"))
        said = f"Kubernetes {known or 'of unknown version'} answers, and knows {self._user}"
        if known and (warning := kubernetes_warning(known)):
            raise UnwellError(f"{said}; {warning}", "try it on a stack of no importance first", Status.WARN)
        return said

    def _permissions(self) -> str:
        if self._allowed(EVERYTHING):
            return f"{self._user} may do everything"
        try:
            wanted = rights(self._manifests())
        except UserError as error:
            message = f"what `up` makes cannot be rendered: {error}"
            raise UnwellError(message, "make `airflow-stack render` work", Status.SKIPPED) from None
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            allowed = list(pool.map(self._allowed, [right.attributes(self._namespace) for right in wanted]))
        if missing := [right for right, has in zip(wanted, allowed, strict=True) if not has]:
            raise UnwellError(
                f"{self._user} may not, in namespace {self._namespace!r}: {grouped(missing)}",
                "have an administrator of the cluster grant that, or run `up` as somebody who may"
                + (_WITHOUT_NAMESPACE if any(right.resource == "namespaces" for right in missing) else ""),
            )
        return f"{self._user} may do all that `up` does ({len(wanted)} rights)"

    def _allowed(self, attributes: dict[str, str]) -> bool:
        review = _object("authorization.k8s.io/v1", "SelfSubjectAccessReview", spec={"resourceAttributes": attributes})
        with suppress(ForbiddenError):
            answer = self._read("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
            return bool(answer and answer["status"]["allowed"])
        return False

    def _namespace_fits(self) -> str:
        if not self._settings.create_namespace:
            return namespace_checks.examine(self._namespace, self._read)
        answer = self._read(f"/api/v1/namespaces/{self._namespace}")
        if answer is None:
            return f"{self._namespace!r} is free"
        known = recover_state.resources(self._state())
        if any(each["type"] == _NAMESPACE and each.get("id") == self._namespace for each in known):
            return f"{self._namespace!r} is the stack's own"
        makers = sorted({each.get("manager", "?") for each in answer["metadata"].get("managedFields", [])})
        raise UnwellError(
            f"{self._namespace!r} is there already and not the stack's, made by {', '.join(makers) or 'another'}; `up` will not take it over",
            "set airflow:namespace to another name, or delete the namespace if nobody needs what is in it",
            Status.WARN,
        )

    def _release_is_free(self) -> str:
        path = f"/api/v1/namespaces/{self._namespace}/secrets"
        records = (self._read(path, labelSelector=f"owner=helm,name={RELEASE}") or {}).get("items", [])
        if not records:
            return f"no Helm release {RELEASE!r} is in namespace {self._namespace!r}"
        known = recover_state.resources(self._state())
        place = f"{self._namespace}/{RELEASE}"
        if any(each["type"] == recover_state.RELEASE and each.get("id") == place for each in known):
            return f"{place} is the stack's own"
        raise UnwellError(
            f"Helm release {place} is there already and not the stack's",
            f"set airflow:namespace to another name; after an interrupted `up`: `airflow-stack recover`; "
            f"otherwise see `helm history {RELEASE} -n {self._namespace}`",
            Status.WARN,
        )

    def _operator(self) -> str:
        if self._read("/apis/postgresql.cnpg.io/v1") is None:
            raise UnwellError(
                "the operator CloudNativePG is not in the cluster", "install it: https://cloudnative-pg.io/docs"
            )
        return "the operator CloudNativePG is in the cluster"

    def _database(self) -> str:
        external = self._settings.database.external
        where = (external.host, external.port) if external else ("", 0)
        try:
            socket.create_connection(where, timeout=CONNECT_SECONDS).close()
        except (OSError, UnicodeError) as error:
            raise UnwellError(
                f"{where[0]}:{where[1]} does not answer here: {error}",
                "only the cluster has to reach it; see airflow:database.external and the database's firewall",
                Status.WARN,
            ) from None
        return f"{where[0]}:{where[1]} answers"


def _object(version: str, kind: str, **more: object) -> dict[str, object]:
    return {"apiVersion": version, "kind": kind, **more}
