"""The official Airflow chart as one Helm release. Helm waits for its pods, or `ReleaseRollout` does."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi

from airflow_stack.names import RELEASE

from .kubernetes import KubernetesResource


class AirflowReleaseArgs(TypedDict):
    """Arguments of `AirflowRelease`."""

    namespace: pulumi.Input[str]
    """Namespace of the release, which must exist."""
    values: Mapping[str, Any]
    """Chart values; names of Secrets, never their content."""
    chart_version: str
    """Exact version of the chart."""
    chart_repository: NotRequired[str]
    """Helm repository URL, or `oci://registry/path`."""
    chart_path: NotRequired[str]
    """Local chart; takes precedence over the repository."""
    timeout_seconds: NotRequired[int]
    """Helm's timeout in seconds."""
    skip_await: NotRequired[bool]
    """Whether Helm does not wait for the pods, because `ReleaseRollout` does; false by default."""


class HelmRelease(KubernetesResource):
    """A `helm.v3.Release` of the Kubernetes provider."""

    name: pulumi.Output[str]
    """Name of the release, once it is installed."""
    status: pulumi.Output[dict[str, Any]]
    """Helm's record of the release: `version` of the chart, `revision` of the release."""

    def __init__(self, resource_name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        # Like the SDK's class: `compat` selects how the provider reads the values, and a None is an output.
        given = {**properties, "compat": "true", "status": None}
        super().__init__("kubernetes:helm.sh/v3:Release", resource_name, given, opts)


class AirflowRelease(pulumi.ComponentResource):
    """A `helm.v3.Release`: the v4 Chart drops hooks, and the v3 Chart keeps Secrets in plain text in the state."""

    chart_version: pulumi.Output[str]
    """Version of the chart that is deployed."""
    service_name: pulumi.Output[str]
    """Service of the API server and UI."""

    def __init__(self, name: str, args: AirflowReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowRelease", name, None, opts)
        properties = {
            "name": RELEASE,
            "namespace": args["namespace"],
            "values": args["values"],
            "timeout": args.get("timeout_seconds", 900),
            "maxHistory": 10,
            "skipAwait": args.get("skip_await", False),
            **_source(args),
        }
        release = HelmRelease(f"{name}-release", properties, pulumi.ResourceOptions(parent=self))
        self.chart_version = release.status.apply(lambda status: str(status.get("version") or args["chart_version"]))
        self.service_name = release.name.apply(lambda release_name: f"{release_name}-api-server")
        self.register_outputs({"chart_version": self.chart_version, "service_name": self.service_name})


def _source(args: AirflowReleaseArgs) -> dict[str, Any]:
    if path := args.get("chart_path"):
        return {"chart": path}
    repository = args.get("chart_repository", "https://airflow.apache.org")
    version = {"version": args["chart_version"]}
    if repository.startswith("oci://"):
        return {"chart": f"{repository.rstrip('/')}/airflow", **version}
    return {"chart": "airflow", "repositoryOpts": {"repo": repository}, **version}
