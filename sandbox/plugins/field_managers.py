"""Who owns the fields of an object: `fixCSAFieldManagers` and `patchForce` in the official provider's await/await.go.

An object is created by a plain request, under the provider's common name. The first update hands what that name owns, and what kubectl
owns, to the object's own field manager, which then applies. Whatever anybody else owns is a conflict.
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
    """Return the JSON patch that gives to a manager what it takes over; an empty one if there is nothing."""
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
    """Tell whether an apply takes fields from their owners."""
    fields = live["metadata"].get("managedFields") or []
    ours = any(each["manager"] in _OWN and each["operation"] == "Update" for each in fields)
    return annotations.get("pulumi.com/patchForce") == "true" or (preview and ours) or not fields


def _is_taken_over(entry: Properties) -> bool:
    return not entry.get("subresource") and any(
        entry["manager"].startswith(name) and entry["operation"] == operation for name, operation in _TAKEN_OVER
    )


def _merged(one: Value, other: Value) -> Value:
    return {key: _merged(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}
