"""Owners of an object's fields: `fixCSAFieldManagers` and `patchForce` in the official provider's await/await.go.

An object is created by a plain request under the provider's common field manager. The first update moves the fields of that manager and of
kubectl to the object's own field manager, which then applies. Fields of other managers are a conflict.
"""

import copy

from sandbox.plugins.property_values import Properties, Value

_TAKEN_OVER = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)
_OWN = ("pulumi-resource-kubernetes", "pulumi-kubernetes")


def takeover_patch(live: Properties, manager: str) -> list[Value]:
    """JSON patch that moves fields to a manager. Empty if there are none to move."""
    fields = live["metadata"].get("managedFields") or []
    mine = next((each for each in fields if (each["manager"], each["operation"]) == (manager, "Apply")), None)
    entry, others, changed = copy.deepcopy(mine), [], False
    for each in fields:
        if each is mine:
            continue
        if not _is_taken_over(each):
            others.append(each)
            continue
        changed = True
        if entry is None:
            entry = copy.deepcopy(each) | {"manager": manager, "operation": "Apply"}
        else:
            entry["fieldsV1"] = _merged(entry["fieldsV1"], each["fieldsV1"])
    return [{"op": "replace", "path": "/metadata/managedFields", "value": [*others, entry]}] if changed else []


def may_force(live: Properties, annotations: Properties, *, preview: bool) -> bool:
    """Whether an apply may take fields from other managers."""
    fields = live["metadata"].get("managedFields") or []
    ours = any(each["manager"] in _OWN and each["operation"] == "Update" for each in fields)
    return annotations.get("pulumi.com/patchForce") == "true" or (preview and ours) or not fields


def _is_taken_over(entry: Properties) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(name) and entry["operation"] == operation for name, operation in _TAKEN_OVER
    )


def _merged(one: Value, other: Value) -> Value:
    return {key: _merged(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}
