"""What the state of an object looks like, as `checkpointObject` and `pruneLiveState` in the official provider's provider.go have it.

The outputs are the object as the API server keeps it, with the inputs, the first API version and the field manager beside it.
"""

import secrets

from sandbox.plugins.property_values import Properties, Value, plain, secret, with_secrets_of

INPUTS, _VERSION, _MANAGER = "__inputs", "__initialApiVersion", "__fieldManager"


def marked(properties: Properties, given: Properties) -> Properties:
    """Mark secret what the program gave as a secret, and the data of every Secret."""
    if properties.get("kind") == "Secret":
        guarded = {key: secret(properties[key]) for key in ("data", "stringData") if key in properties}
        return properties | guarded
    return with_secrets_of(properties, given)


def checkpoint(inputs: Properties, live: Properties, given: Properties, version: str, manager: str) -> Properties:
    """Make the outputs of an object from its plain inputs and its state in the cluster; `given` tells what is secret."""
    return marked(live, given) | {INPUTS: marked(inputs, given), _VERSION: version, _MANAGER: manager}


def inputs_and_live(outputs: Properties) -> tuple[Properties, Properties]:
    """Take apart what `checkpoint` made."""
    live = plain(outputs)
    return live.pop(INPUTS, {}), live


def initial_version(outputs: Properties, inputs: Properties) -> str:
    """Say with which API version the object was created."""
    return str(outputs.get(_VERSION) or inputs.get("apiVersion", ""))


def field_manager(outputs: Properties) -> str:
    """Say by which name the fields of the object are owned: that of the state, or a new one."""
    return str(outputs.get(_MANAGER) or f"pulumi-kubernetes-{secrets.token_hex(4)}")


def pruned(live: Value, shape: Value) -> Value:
    """Cut from a value what the shape does not name; where their types differ, the value stays whole."""
    if isinstance(live, dict) and isinstance(shape, dict):
        return {key: pruned(value, shape[key]) for key, value in live.items() if key in shape}
    if isinstance(live, list) and isinstance(shape, list):
        if not live or not shape:
            return []
        if type(live[0]) is not type(shape[0]):
            return live
        return [pruned(*pair) for pair in zip(live, shape, strict=False)]
    return live
