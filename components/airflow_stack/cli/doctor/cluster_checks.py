"""The cluster part of `doctor`: who `up` would be there, what it may do, what is in its way, and the database.

Asks, and changes nothing: an access review is answered, never stored.
"""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2

from airflow_stack.cli.doctor import namespace_checks
from airflow_stack.cli.doctor.chart_checks import find_chart
from airflow_stack.cli.doctor.git_probe import CONNECT_SECONDS
from airflow_stack.cli.doctor.model import Status, Step, UnwellError
from airflow_stack.cli.doctor.rights import EVERYTHING, Manifests, grouped, rights
from airflow_stack.cli.pulumi_cli import State
from airflow_stack.cli.recover import state_repair as recover_state
from airflow_stack.errors import UserError
from airflow_stack.names import RELEASE
from airflow_stack.settings.models import Settings
from airflow_stack.versions import kubernetes_warning

if TYPE_CHECKING:
    from lightkube import KubeConfig

Find = Callable[[], "tuple[KubeConfig, str | None]"]
_NAMESPACE = "kubernetes:core/v1:Namespace"
_AT_ONCE = 8
_WITHOUT_NAMESPACE = "; rights on namespaces are not needed in one that exists: airflow:createNamespace false"


class ClusterChecks:
    """The checks of the cluster of one stack.

    Args:
        settings: The stack's settings.
        find: Finds the kubeconfig and the context in it.
        state: Reads the stack's state.
        manifests: Renders what `up` makes.
        transport: Plays the cluster in a test.
    """

    def __init__(
        self,
        settings: Settings,
        find: Find,
        state: Callable[[], State],
        manifests: Callable[[], Manifests],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._settings, self._find, self._state, self._manifests = settings, find, state, manifests
        self._namespace, self._transport = settings.namespace, transport
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
        from lightkube import ConfigError
        from lightkube.config.client_adapter import Client, ConnectionParams

        way_out = "`kubectl config get-contexts` shows what there is; set kubernetes:context, or KUBECONFIG"
        config, context = self._find()
        try:
            chosen = config.get(context)
            if chosen is None:
                raise UnwellError("the kubeconfig has no current context", way_out)
            # As the provider does, which never asks a proxy for this machine.
            proxy = not chosen.cluster.server.startswith(("https://127.", "https://localhost"))
            timeout = httpx2.Timeout(CONNECT_SECONDS)
            self._client = Client(chosen, ConnectionParams(timeout=timeout, trust_env=proxy, transport=self._transport))
        except (
            ConfigError,
            LookupError,
            OSError,
            ValueError,
            AssertionError,
        ) as error:  # lightkube asserts that there is a user
            raise UnwellError(f"the kubeconfig cannot be used: {error}", way_out) from None
        return f"context {chosen.context_name!r}, {chosen.cluster.server}"

    def _ask(self, path: str, body: object = None, **parameters: str) -> httpx2.Response:
        """What the API server answers; "not found" and "forbidden" are answers."""
        from lightkube import ConfigError

        try:
            answer = self._client.request("GET" if body is None else "POST", path, json=body, params=parameters)
        except (httpx2.HTTPError, ConfigError, OSError) as error:
            way_out = "see with `kubectl version` whether it runs, and whether this machine reaches it"
            raise UnwellError(f"the cluster does not answer: {error or type(error).__name__}", way_out) from None
        if answer.status_code == 401:
            raise UnwellError("the cluster does not know the user of the kubeconfig (401)", "log in to it again")
        if not answer.is_success and answer.status_code not in (403, 404):
            raise UnwellError(f"the cluster answers {answer.status_code} to {path}", "see how its API server fares")
        return answer

    def _answers(self) -> str:
        version = self._ask("/version")
        review = _object("authentication.k8s.io/v1", "SelfSubjectReview")
        who = self._ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
        if who.is_success:
            self._user = repr(who.json()["status"]["userInfo"].get("username"))
        known = version.json()["gitVersion"] if version.is_success else ""
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
        answer = self._ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        return bool(answer.is_success and answer.json()["status"]["allowed"])

    def _namespace_fits(self) -> str:
        if not self._settings.create_namespace:
            return namespace_checks.examine(self._namespace, self._found)
        answer = self._found(f"/api/v1/namespaces/{self._namespace}")
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
        records = (self._found(path, labelSelector=f"owner=helm,name={RELEASE}") or {}).get("items", [])
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

    def _found(self, path: str, **parameters: str) -> dict[str, Any] | None:
        answer = self._ask(path, **parameters)
        if answer.status_code == 403:
            raise UnwellError(f"{self._user} may not look", "see permissions", Status.SKIPPED)
        found: dict[str, Any] | None = answer.json() if answer.is_success else None
        return found

    def _operator(self) -> str:
        if self._found("/apis/postgresql.cnpg.io/v1") is None:
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
