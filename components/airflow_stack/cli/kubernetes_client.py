"""The client of the Kubernetes API and the reader of kubeconfigs that every command uses. Objects are plain data.

lightkube reads a kubeconfig's content and authenticates. It is imported on first use because it takes 0.1 s.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from airflow_stack.cli.progress import waiting
from airflow_stack.errors import UserError

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

KubernetesObject = Mapping[str, Any]
"""An object of the Kubernetes API as plain data."""

CONNECT_SECONDS = 10


class ClusterError(UserError):
    """The API server did not answer or refused a request. `status` is its HTTP status, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class KubernetesClient:
    """Requests to the API server of one kubeconfig context.

    Args:
        config: The context, from `select_context`.
        transport: Replaces the network in a test.

    Raises:
        ClusterError: the context cannot be used.
    """

    def __init__(self, config: "SingleConfig", transport: "httpx2.BaseTransport | None" = None) -> None:
        import httpx2
        from lightkube import ConfigError
        from lightkube.config.client_adapter import Client, ConnectionParams

        self.context, self.server = config.context_name, config.cluster.server
        # Like the Kubernetes provider, which uses no proxy for this machine.
        proxy = not self.server.startswith(("https://127.", "https://localhost"))
        parameters = ConnectionParams(timeout=httpx2.Timeout(CONNECT_SECONDS), trust_env=proxy, transport=transport)
        try:
            self._http = Client(config, parameters)
        except (ConfigError, OSError, ValueError, AssertionError) as error:  # lightkube asserts that there is a user
            raise ClusterError(f"the kubeconfig cannot be used: {error}") from None

    def get(self, path: str, **parameters: str) -> dict[str, Any] | None:
        """Read an object or a list by its path; None if there is no such object.

        Raises:
            ClusterError: the API server does not answer or refuses.
        """
        return self._request("GET", path, params=parameters)

    def list_objects(self, path: str, labels: str = "") -> list[KubernetesObject]:
        """Read the objects at a path such as `/api/v1/namespaces/airflow/pods` that a label selector matches.

        Raises:
            ClusterError: the API server does not answer or refuses.
        """
        return list((self.get(path, labelSelector=labels) or {}).get("items") or [])

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any] | None:
        """Send an object, such as an access review; None if the API server does not know its kind.

        Raises:
            ClusterError: the API server does not answer or refuses.
        """
        return self._request("POST", path, json=body)

    def delete(self, path: str) -> None:
        """Delete an object if it exists.

        Raises:
            ClusterError: the API server does not answer or refuses.
        """
        self._request("DELETE", path)

    def log_lines(self, path: str, *, follow: bool = False, **parameters: str) -> Iterator[str]:
        """Yield the lines of a log; none if the log is gone or has not begun. `follow` waits for more.

        Raises:
            ClusterError: the API server does not answer.
        """
        import httpx2
        from lightkube import ConfigError

        parameters["follow"] = str(follow).lower()
        timeout = httpx2.Timeout(CONNECT_SECONDS, read=None if follow else CONNECT_SECONDS)
        try:
            with self._http.stream("GET", path, params=parameters, timeout=timeout) as answer:
                if answer.is_success:
                    yield from answer.iter_lines()
        except (httpx2.HTTPError, ConfigError, OSError) as error:
            raise _no_answer(error) from None

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:  # noqa: ANN401  httpx2's own
        import httpx2
        from lightkube import ConfigError

        try:
            with waiting("waiting for the Kubernetes API"):
                answer = self._http.request(method, path, **options)
        except (httpx2.HTTPError, ConfigError, OSError) as error:  # a ConfigError is a failed login command
            raise _no_answer(error) from None
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise ClusterError(_refusal(answer, path), answer.status_code)
        content: dict[str, Any] = answer.json()
        return content


def _no_answer(error: Exception) -> ClusterError:
    return ClusterError(f"the cluster does not answer: {str(error) or type(error).__name__}")


def _refusal(answer: "httpx2.Response", path: str) -> str:
    if answer.status_code == 401:
        return "the cluster does not know the user of the kubeconfig (401)"
    with suppress(ValueError, LookupError, TypeError):
        return f"the cluster answers {answer.status_code}: {answer.json()['message']}"
    return f"the cluster answers {answer.status_code} to {path}"


def object_path(api_version: str, kind: str, name: str, namespace: str | None = None) -> str:
    """Path of an object in the Kubernetes API."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{plural(api_version, kind)}/{name}"


def plural(api_version: str, kind: str) -> str:
    """Name of a kind in paths and in access rules; of a custom resource by the usual rule."""
    from lightkube.core.exceptions import LoadResourceError
    from lightkube.core.resource import api_info
    from lightkube.core.resource_registry import resource_registry

    try:
        return str(api_info(resource_registry.load(api_version, kind)).plural)
    except (LoadResourceError, ImportError):
        return f"{kind.lower()}s"


def select_context(kubeconfig: str | None, context: str | None, env: Mapping[str, str]) -> "SingleConfig":
    """Find the context that the Kubernetes provider uses.

    Args:
        kubeconfig: A path or the content; without it KUBECONFIG, `~/.kube/config`, or the service account of a pod.
        context: Name of the context; without it the first `current-context` of the files.
        env: Environment with KUBECONFIG and HOME.

    Raises:
        ClusterError: there is no kubeconfig, or it has no such context.
    """
    from lightkube import ConfigError

    try:
        if kubeconfig and ("\n" in kubeconfig.strip() or kubeconfig.startswith("{")):
            return _selected([(yaml.safe_load(kubeconfig), None)], context)
        own = Path(env.get("HOME", "~")).expanduser() / ".kube" / "config"
        named = kubeconfig or env.get("KUBECONFIG")
        if not named and not own.exists():
            return _selected_service_account()
        paths = [kubeconfig] if kubeconfig else [each for each in (named or str(own)).split(os.pathsep) if each]
        # A missing file is an error only if there is no other.
        files = [Path(path).expanduser() for path in paths if Path(path).expanduser().exists()]
        if not files:
            raise ClusterError(f"no kubeconfig can be used: {', '.join(paths)} not found; set KUBECONFIG")
        return _selected([(yaml.safe_load(file.read_text()), file) for file in files], context)
    except (ConfigError, LookupError, OSError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise ClusterError(f"no kubeconfig can be used: {error}; set KUBECONFIG") from None


def _selected(files: list[tuple[Any, Path | None]], context: str | None) -> "SingleConfig":
    """The context of the first file that has it. Like kubectl, which merges the files; clusters and users of other files are not found."""
    from lightkube import KubeConfig

    current = (content.get("current-context") for content, _ in files if content)
    wanted = context or next(filter(None, current), None)
    if wanted is None:
        raise ClusterError("the kubeconfig has no current context; set kubernetes:context, or KUBECONFIG")
    for content, file in files:
        names = [each["name"] for each in (content or {}).get("contexts") or []]
        if wanted in names and (found := KubeConfig.from_dict(content, fname=file).get(wanted)):
            return found
    raise ClusterError(f"context {wanted!r} not found in the kubeconfig; set kubernetes:context, or KUBECONFIG")


def _selected_service_account() -> "SingleConfig":
    from lightkube import ConfigError, KubeConfig

    with suppress(ConfigError, LookupError, OSError):
        if found := KubeConfig.from_service_account().get():
            return found
    raise ClusterError("no cluster is named, by KUBECONFIG or in ~/.kube/config; set KUBECONFIG")
