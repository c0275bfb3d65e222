"""The official Airflow chart as one Helm release. Its pods are awaited by `rollout.py`."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_kubernetes as k8s

from .names import RELEASE


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


class AirflowRelease(pulumi.ComponentResource):
    """A `helm.v3.Release`: the v4 Chart drops hooks and the v3 Chart keeps Secrets in plain state."""

    chart_version: pulumi.Output[str]
    """Version of the chart that is deployed."""
    service_name: pulumi.Output[str]
    """Service of the API server and UI."""

    def __init__(self, name: str, args: AirflowReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:AirflowRelease", name, None, opts)
        release = k8s.helm.v3.Release(
            f"{name}-release",
            name=RELEASE,
            namespace=args["namespace"],
            values=args["values"],
            timeout=args.get("timeout_seconds", 900),
            max_history=10,
            skip_await=True,
            **_source(args),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.chart_version = release.status.apply(lambda status: status.version or args["chart_version"])
        self.service_name = release.name.apply(lambda release_name: f"{release_name}-api-server")
        self.register_outputs({"chart_version": self.chart_version, "service_name": self.service_name})


def _source(args: AirflowReleaseArgs) -> dict[str, Any]:
    if path := args.get("chart_path"):
        return {"chart": path}
    repository = args.get("chart_repository", "https://airflow.apache.org")
    version = {"version": args["chart_version"]}
    if repository.startswith("oci://"):
        return {"chart": f"{repository.rstrip('/')}/airflow", **version}
    return {"chart": "airflow", "repository_opts": {"repo": repository}, **version}
