"""The served address: a Job that is complete once gateway or ingress controller serve it, and fails within 30 s with the cause.

A route and an Ingress exist at once, whether or not anything serves them: Pulumi's await has no cause to report (docs/decisions/0014-web-address.md).
"""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from airflow_stack.chart import sizes
from airflow_stack.names import RELEASE

from .jobs import JobArgs, run_job
from .kubernetes import KubernetesObject, metadata

_NAME = f"{RELEASE}-web"
_RBAC = "rbac.authorization.k8s.io"
_SECONDS = 120
_LIST = ["list"]
_RULES = [
    {"apiGroups": [""], "resources": ["events"], "verbs": _LIST},
    {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses"], "verbs": _LIST},
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": _LIST},
]
_OF_CERTIFICATES = [
    {"apiGroups": ["cert-manager.io"], "resources": ["certificates", "certificaterequests"], "verbs": _LIST},
    {"apiGroups": ["acme.cert-manager.io"], "resources": ["challenges"], "verbs": _LIST},
]


def program() -> str:
    """Source of the Job: `rollout_watch.py` without its own start, then `address_watch.py` without its import of that module."""
    shared, own = ((Path(__file__).parent / f"{name}_watch.py").read_text() for name in ("rollout", "address"))
    return shared.partition("\ndef main() -> None:")[0] + own.replace("from airflow_stack.parts.rollout_watch", "#")


class WebReadyArgs(JobArgs):
    """Arguments of `WebReady`."""

    wanted: Mapping[str, str]
    """What serves the address: `route` and `gateway`, or `ingress`, `class` and `certificate`."""
    address: str
    """The address: a changed one is awaited again."""


class WebReady(pulumi.ComponentResource):
    """A Job that watches route, Ingress and certificate, with an account that may only list them.

    Pass `depends_on` the release and the route.
    """

    def __init__(self, name: str, args: WebReadyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow:index:WebReady", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = {"kind": "ServiceAccount", "name": _NAME, "namespace": args["namespace"]}
        role = {"apiGroup": _RBAC, "kind": "Role", "name": _NAME}
        rules = [*_RULES, *(_OF_CERTIFICATES if "certificate" in args["wanted"] else [])]
        made = [
            KubernetesObject(f"{name}-{what}", version, kind, {"metadata": metadata(_NAME, args), **content}, child)
            for what, version, kind, content in (
                ("account", "v1", "ServiceAccount", {}),
                ("role", f"{_RBAC}/v1", "Role", {"rules": rules}),
                ("binding", f"{_RBAC}/v1", "RoleBinding", {"roleRef": role, "subjects": [account]}),
            )
        ]
        job_args: JobArgs = {
            "namespace": args["namespace"],
            "labels": args.get("labels", {}),
            "image": args["image"],
            "pull_secrets": args.get("pull_secrets", []),
            "timeout_seconds": args.get("timeout_seconds", 900),
        }
        if "pods" in args:
            job_args["pods"] = args["pods"]
        if "of_release" in args:
            job_args["of_release"] = args["of_release"]
        known = {"SECONDS": str(_SECONDS), **{key.upper(): value for key, value in args["wanted"].items()}}
        environment = [{"name": key, "value": value} for key, value in sorted(known.items())]
        namespace = {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
        container = {
            "command": ["python", "-c", program()],
            "env": [namespace, *environment],
            "resources": sizes.WATCH.as_kubernetes(),
        }
        run_job(
            self,
            name,
            "web",
            job_args,
            {"airflow-stack/address": args["address"]},
            container,
            pulumi.ResourceOptions(depends_on=made),
            backoff_limit=0,
            serviceAccountName=_NAME,
            automountServiceAccountToken=True,
        )
        self.register_outputs({})
