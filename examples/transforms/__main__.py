"""Company labels on every object, from any component: a transform sees each resource before the engine does."""

from typing import Any

import pulumi

from airflow_stack import Airflow

COMPANY = {"example.com/cost-center": "4711", "example.com/owner": "data-platform"}


def with_company_labels(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Add the labels to an object's metadata. For a Helm release, add them to the values, which label the chart's objects."""
    if not args.type_.startswith("kubernetes:"):
        return None
    place = "values" if args.type_ == "kubernetes:helm.sh/v3:Release" else "metadata"
    inner: Any = args.props.get(place, {})
    labelled = {**inner, "labels": {**inner.get("labels", {}), **COMPANY}}
    return pulumi.ResourceTransformResult(props={**args.props, place: labelled}, opts=args.opts)


pulumi.runtime.register_resource_transform(with_company_labels)

airflow = Airflow(
    "airflow",
    {
        "dags": {"repository": "https://github.com/acme/dags.git", "branch": "main"},
        "namespace": "airflow-labelled",
    },
)

pulumi.export("adminPassword", airflow.admin_password)
