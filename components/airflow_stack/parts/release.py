"""The official Airflow chart as one Helm release. Helm waits for its pods, or `rollout.py` does."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi

from airflow_stack.names import RELEASE
from airflow_stack.parts.kubernetes import KubernetesResource


class AirflowReleaseArgs(TypedDict):
    """What a caller decides about the release."""

    namespace: pulumi.Input[str]
    """Namespace of the release, which must exist."""
    values: Mapping[str, Any]
    """Chart values; names of Secrets, never their content."""
    chart_version: str
    """Exact version of the chart."""
    chart_repository: NotRequired[str]
    """Helm repository URL, or `oci://registry/path`."""
    chart_path: NotRequired[str]
    """Local chart; wins over the repository."""
    timeout_seconds: NotRequired[int]
    """Seconds that Helm may take."""
    skip_await: NotRequired[bool]
    """Whether something else waits for the pods, as `ReleaseRollout` does; false by default."""


class HelmRelease(KubernetesResource):
    """A `helm.v3.Release` of the Kubernetes provider."""

    name: pulumi.Output[str]
    """Its name, once it is installed."""
    status: pulumi.Output[dict[str, Any]]
    """What Helm recorded of it: `version` is the chart's, `revision` its own."""

    def __init__(self, resource_name: str, properties: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        # As the SDK's class does: `compat` asks for that way of reading the values, and what is None is an output.
        given = {**properties, "compat": "true", "status": None}
        super().__init__("kubernetes:helm.sh/v3:Release", resource_name, given, opts)


class AirflowRelease(pulumi.ComponentResource):
    """A `helm.v3.Release`: the v4 Chart drops hooks and the v3 Chart keeps Secrets in plain state."""

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
