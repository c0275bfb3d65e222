"""The rollout of a release: a Job that is complete once every workload is ready, and fails early with the cause.

Helm's own wait ends with `context deadline exceeded`, and only after its whole timeout (docs/decisions/0012-rollout.md).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from airflow_stack.chart import sizes
from airflow_stack.names import RELEASE

from .jobs import JobArgs, run_job
from .kubernetes import KubernetesObject, metadata

_NAME = f"{RELEASE}-rollout"
_RBAC = "rbac.authorization.k8s.io"
_WATCH = (Path(__file__).parent / "rollout_watch.py").read_text()
_RULES = [
    {"apiGroups": [""], "resources": ["events", "pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": ["apps"], "resources": ["deployments", "replicasets", "statefulsets"], "verbs": ["list"]},
]


def _digest(released: Mapping[str, Any]) -> pulumi.Output[str]:
    """Digest of chart and values. Awaits only the outputs among them: `Output.json_dumps` would make an output of each of a thousand values."""
    outputs: list[pulumi.Output[Any]] = []

    def number(output: object) -> str:
        if not isinstance(output, pulumi.Output):
            raise TypeError(f"a chart value is {type(output).__name__}, which JSON cannot hold")
        outputs.append(output)
        return f"output {len(outputs)}"

    text = json.dumps(released, sort_keys=True, default=number)
    return pulumi.Output.all(*outputs).apply(
        lambda known: hashlib.sha256(json.dumps([text, known]).encode()).hexdigest()[:16]
    )


class ReleaseRolloutArgs(JobArgs):
    """Arguments of `ReleaseRollout`."""

    values: Mapping[str, Any]
    """Chart values of the release: the rollout of a changed value is awaited again."""
    chart: str
    """Name and version, or path, of the installed chart."""


class ReleaseRollout(pulumi.ComponentResource):
    """A Job that watches the pods of the release, with an account that may only read them.

    Pass `depends_on` the release.
    """

    ready: pulumi.Output[str]
    """Resolves once every workload is ready. Its value is known in a preview and has no meaning."""

    def __init__(self, name: str, args: ReleaseRolloutArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:ReleaseRollout", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = {"kind": "ServiceAccount", "name": _NAME, "namespace": args["namespace"]}
        manifests: dict[str, tuple[str, str, dict[str, Any]]] = {
            "account": ("v1", "ServiceAccount", {}),
            "role": (f"{_RBAC}/v1", "Role", {"rules": _RULES}),
            "binding": (
                f"{_RBAC}/v1",
                "RoleBinding",
                {"roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": _NAME}, "subjects": [account]},
            ),
        }
        made = [
            KubernetesObject(f"{name}-{what}", api_version, kind, {"metadata": metadata(_NAME, args), **content}, child)
            for what, (api_version, kind, content) in manifests.items()
        ]
        seconds = args.get("timeout_seconds", 900)
        # Longer than the watch itself, whose message has the cause.
        job_args: JobArgs = {
            "namespace": args["namespace"],
            "labels": args.get("labels", {}),
            "image": args["image"],
            "pull_secrets": args.get("pull_secrets", []),
            "timeout_seconds": seconds + 120,
        }
        if "pods" in args:
            job_args["pods"] = args["pods"]
        if "of_release" in args:
            job_args["of_release"] = args["of_release"]
        container = {
            # Not the image's entry point, which waits for the database: this Job has no connection to it.
            "command": ["python", "-c", _WATCH],
            "env": [
                {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                {"name": "RELEASE", "value": RELEASE},
                {"name": "SECONDS", "value": str(seconds)},
            ],
            "resources": sizes.WATCH.as_kubernetes(),
        }
        job = run_job(
            self,
            name,
            "rollout",
            job_args,
            {"checksum/release": _digest({"chart": args["chart"], "values": args["values"]})},
            container,
            pulumi.ResourceOptions(depends_on=made),
            backoff_limit=0,
            serviceAccountName=_NAME,
            automountServiceAccountToken=True,
        )
        self.ready = job.kind
        self.register_outputs({})
