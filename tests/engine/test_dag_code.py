"""Rights of the accounts of tasks, triggers and the scheduler, as the real Kubernetes API decides them."""

from collections.abc import Iterator

import pytest
from lightkube import Client
from lightkube.generic_resource import create_global_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Namespace

from sandbox.sandbox_stack import SandboxStack
from tests.engine.test_stacks import OpenStack, prepare

NAMESPACE, JOBS = "dag-code", "dag-code-jobs"
Review = create_global_resource("authorization.k8s.io", "v1", "SubjectAccessReview", "subjectaccessreviews")
RIGHTS = [("pods", "create"), ("pods", "delete"), ("pods/exec", "create"), ("secrets", "get"), ("secrets", "list")]


@pytest.fixture(scope="module")
def stack(open_stack: OpenStack, client: Client) -> Iterator[SandboxStack]:
    """A stack whose tasks may create pods in another namespace."""
    client.create(Namespace(metadata=ObjectMeta(name=JOBS)))
    stack = open_stack("dev")
    prepare(stack, {"airflow:namespace": NAMESPACE, "airflow:security": {"podNamespaces": [JOBS]}}, {})
    result = stack.up()
    assert result.ok, result.output
    yield stack
    gone = stack.destroy()
    assert gone.ok, gone.output


def may(client: Client, component: str, namespace: str) -> set[tuple[str, str]]:
    """Rights of a component's account in a namespace."""
    found = set()
    for resource, verb in RIGHTS:
        kind, _, part = resource.partition("/")
        attributes = {"namespace": namespace, "verb": verb, "resource": kind, "subresource": part}
        user = f"system:serviceaccount:{NAMESPACE}:airflow-{component}"
        groups = ["system:authenticated", "system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}"]
        asked = Review(metadata=ObjectMeta(), spec={"user": user, "groups": groups, "resourceAttributes": attributes})
        if client.create(asked)["status"]["allowed"]:
            found.add((resource, verb))
    return found


@pytest.mark.usefixtures("stack")
def test_tasks_create_pods_in_the_granted_namespace_and_in_no_other(client: Client) -> None:
    pods = {("pods", "create"), ("pods", "delete")}
    for component in ("worker", "triggerer"):
        assert may(client, component, NAMESPACE) == set()
        assert may(client, component, JOBS) == {*pods, ("pods/exec", "create")}
    assert may(client, "scheduler", NAMESPACE) == pods
    assert may(client, "scheduler", JOBS) == set()
    for component in ("api-server", "dag-processor", "statsd"):
        assert may(client, component, NAMESPACE) == may(client, component, JOBS) == set()
        assert may(client, component, "kube-system") == set()


def test_the_stack_is_unchanged_in_the_next_preview(stack: SandboxStack) -> None:
    preview = stack.preview("--diff")
    assert set(preview.changes) == {"same"}, preview.output
