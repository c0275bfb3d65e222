"""State of an object, as `checkpointObject` and `pruneLiveState` in the official provider's provider.go write it.

The outputs are the live object, plus its inputs, first API version and field manager.
"""

import secrets

from sandbox.plugins.property_values import Properties, Value, plain, secret, with_secrets_of

INPUTS, _VERSION, _MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"


def with_secrets_marked(properties: Properties, pattern: Properties) -> Properties:
    """Mark the secrets of the pattern in plain properties, and the data of each Secret."""
    if properties.get("kind") == "Secret":
        data = {key: secret(properties[key]) for key in ("data", "stringData") if key in properties}
        return properties | data
    return with_secrets_of(properties, pattern)


def checkpoint(inputs: Properties, live: Properties, pattern: Properties, version: str, manager: str) -> Properties:
    """Outputs of an object, from its plain inputs and the live object. The secrets of `pattern` are marked in them."""
    marked_inputs = with_secrets_marked(inputs, pattern)
    return with_secrets_marked(live, pattern) | {INPUTS: marked_inputs, _VERSION: version, _MANAGER: manager}


def inputs_and_live(outputs: Properties) -> tuple[Properties, Properties]:
    """Plain inputs and live object in the outputs of `checkpoint`."""
    live = plain(outputs)
    return live.pop(INPUTS, {}), live


def initial_version(outputs: Properties, inputs: Properties) -> str:
    """API version of the object at its creation."""
    return str(outputs.get(_VERSION) or inputs.get("apiVersion", ""))


def field_manager(outputs: Properties) -> str:
    """Field manager of the object: from the state, or a new one."""
    return str(outputs.get(_MANAGER) or f"pulumi-kubernetes-{secrets.token_hex(4)}")


def pruned(live: Value, shape: Value) -> Value:
    """Value without the keys that the shape lacks. Where their types differ, the value stays complete."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: pruned(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        if not live or not shape:
            return []
        if type(live[0]) is not type(shape[0]):
            return live
        return [pruned(*pair) for pair in zip(live, shape, strict=False)]
    return live
