"""`airflow-stack diff` on immutable fields, protected objects, NetworkPolicies, and settings that chart values override."""

from typing import Any

import pytest

from airflow_stack.cli.diff.model import Effect, Manifest, RenderedStack, Severity
from airflow_stack.cli.diff.network import network_effects
from airflow_stack.cli.diff.object_changes import object_changes
from airflow_stack.cli.diff.renderings import rendered_stack
from airflow_stack.cli.diff.replacements import replacement_effects
from airflow_stack.cli.immutable_fields import REFUSED_BY_KUBERNETES, REPLACED_BY_PROVIDER
from airflow_stack.cli.pulumi_state import RELEASE


def told(effects: list[Effect]) -> list[str]:
    return [f"{'! ' * (each.severity is Severity.DANGEROUS)}{each.text}" for each in effects]


def manifest(kind: str, name: str, **content: object) -> Manifest:
    return {"kind": kind, "metadata": {"name": name, "namespace": "airflow"}, **content}


def rendering(*own: Manifest, released: tuple[Manifest, ...] = (), protect: bool = False) -> RenderedStack:
    resources = [
        {"type": f"kubernetes:v1:{each['kind']}", "name": each["metadata"]["name"], "inputs": each, "protect": protect}
        for each in own
    ]
    return rendered_stack({"settings": {"namespace": "airflow"}, "resources": resources}, released)


def nested(path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: nested(rest, value) if rest else value}


@pytest.mark.parametrize(
    ("kind", "path"), [(kind, path) for kind, paths in sorted(REFUSED_BY_KUBERNETES.items()) for path in paths]
)
def test_every_immutable_field_of_a_released_object_is_reported_as_refused(kind: str, path: str) -> None:
    old, new = (rendering(released=(manifest(kind, "a", **nested(path, value)),)) for value in ("1", "2"))
    (effect,) = replacement_effects(old, new, object_changes(old, new))
    assert "Helm's upgrade fails" in effect.text
    assert effect.severity is Severity.DANGEROUS


@pytest.mark.parametrize(
    ("kind", "path"),
    [(kind, path) for kind, paths in sorted(REPLACED_BY_PROVIDER.items()) for path in paths if kind not in ("Job", "ConfigMap")],
)  # fmt: skip
def test_every_immutable_field_of_a_protected_object_is_reported_as_refused_by_up(kind: str, path: str) -> None:
    old, new = (rendering(manifest(kind, "a", **nested(path, value)), protect=True) for value in ("1", "2"))
    (effect,) = replacement_effects(old, new, object_changes(old, new))
    assert "is protected" in effect.text and "`pulumi up` stops" in effect.text


def test_a_longer_field_name_is_not_an_immutable_field() -> None:
    old, new = (rendering(manifest("Secret", "a", typeNote=value)) for value in "12")
    assert [*replacement_effects(old, new, object_changes(old, new))] == []


def test_a_workload_without_a_network_policy_is_dangerous_and_a_policy_of_removed_pods_is_not() -> None:
    def pod(name: str) -> Manifest:
        return manifest("Deployment", name, spec={"template": {"metadata": {"labels": {"app": name}}}})

    def policy(name: str, **selector: object) -> Manifest:
        return manifest("NetworkPolicy", name, spec={"podSelector": selector, "policyTypes": ["Ingress"]})

    all_, of_a, of_b = policy("all"), policy("a", matchLabels={"app": "a"}), policy("b", matchLabels={"app": "b"})
    assert [*network_effects(rendering(pod("a"), pod("b"), of_a, of_b), rendering(pod("a"), of_a))] == []
    assert [*network_effects(rendering(pod("a"), all_, of_a), rendering(pod("a"), of_a))] == []
    assert told([*network_effects(rendering(pod("a"), of_a), rendering(pod("a"), of_b))]) == [
        "! No NetworkPolicy selects `a` any more: every pod of the cluster can connect."
    ]


def test_executor_image_and_namespace_are_those_of_the_release() -> None:
    def release(**values: object) -> RenderedStack:
        inputs = {"namespace": "other", "values": values}
        settings = {"namespace": "airflow", "executor": "LocalExecutor", "images": {"airflow": {"tag": "3.3.2"}}}
        resource = {"type": RELEASE, "name": "r", "inputs": inputs, "protect": False}
        return rendered_stack({"settings": settings, "resources": [resource]}, [])

    found = release(executor="CeleryExecutor", defaultAirflowTag="3.2.2@sha256:0").settings
    assert (found["executor"], found["namespace"], found["images"]["airflow"]["tag"]) == (
        "CeleryExecutor",
        "other",
        "3.2.2",
    )
    own = {"airflow": {"repository": "acme/airflow", "tag": "3.1.0"}}
    assert release(images=own, defaultAirflowTag="3.3.2").settings["images"]["airflow"] == own["airflow"]
    assert release(defaultAirflowTag="3.3.2").settings["images"]["airflow"] == {"tag": "3.3.2"}
