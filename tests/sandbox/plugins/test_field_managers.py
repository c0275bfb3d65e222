"""Field managers of an object, as the official provider handles them."""

from sandbox.plugins.field_managers import may_force, takeover_patch

FIELDS = [
    {"manager": "kubectl-patch", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    {"manager": "pulumi-kubernetes", "operation": "Update", "fieldsV1": {"f:spec": {"f:template": {}}}},
    {"manager": "someone", "operation": "Update", "fieldsV1": {"f:data": {}}},
    {"manager": "pulumi-kubernetes", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}},
]


def test_an_update_takes_over_only_the_fields_of_the_provider_and_of_kubectl() -> None:
    (patch,) = takeover_patch({"metadata": {"managedFields": FIELDS}}, "mine")
    *others, mine = patch["value"]
    assert others == FIELDS[2:]
    assert mine == FIELDS[0] | {
        "manager": "mine",
        "operation": "Apply",
        "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}},
    }
    assert takeover_patch({"metadata": {"managedFields": [*others, mine]}}, "mine") == []


def test_fields_are_forced_only_in_a_preview_by_annotation_or_without_owners() -> None:
    live = {"metadata": {"managedFields": FIELDS}}
    assert may_force(live, {}, preview=True)
    assert not may_force(live, {}, preview=False)
    assert may_force(live, {"pulumi.com/patchForce": "true"}, preview=False)
    assert may_force({"metadata": {}}, {}, preview=False)
