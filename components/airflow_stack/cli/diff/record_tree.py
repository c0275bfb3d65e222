"""Runs the program of a project tree, and writes the resources of each stack to a file.

It runs in a process of its own, because two versions of one program cannot share an interpreter. Of the tree it uses only
`stack_file.settings`, `manifests.record_stack` and, to record `__main__.py`, `recording.record` and `given_yaml.document`. Contents of Secrets leave it as digests.
"""

import hashlib
import json
import os
import runpy
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import rpc

_SECRET = "[secret]"  # noqa: S105  as in recordings
_OUTPUTS = "diff:index:Outputs"


def recorded_stack(settings: Any, stack: str, renewed: Sequence[str] = ()) -> dict[str, Any]:  # noqa: ANN401  the tree's own type
    """Settings of a stack, and the resources that the program registers for it.

    Args:
        settings: Settings of the stack.
        stack: Name of the stack.
        renewed: Secret settings that differ from those of the base.
    """
    from airflow_stack.cli.manifests import record_stack

    # An earlier program knows no renewed secrets, and is the base only.
    recording = record_stack(settings, stack, renewed) if renewed else record_stack(settings, stack)
    resources = [
        {
            "type": resource.type,
            "name": resource.name,
            "urn": urn,
            "inputs": without_secrets(resource.inputs, resource.shown),
            "protect": resource.protect,
        }
        for urn, resource in recording.resources.items()
    ]
    return {"settings": settings.model_dump(mode="json", by_alias=True), "resources": resources}


def without_secrets(inputs: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Inputs without secrets. Values of a Secret become digests, which show a change."""
    if inputs.get("kind") != "Secret":
        return shown
    parts = {part: inputs[part] for part in ("data", "stringData") if part in inputs}
    return {**shown, **{part: {key: _digest(value) for key, value in data.items()} for part, data in parts.items()}}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def recorded_program(root: Path, stack: str, settings: Any) -> dict[str, Any] | None:  # noqa: ANN401  as above
    """Outputs of `__main__.py`, and the resources that it adds to Airflow's; None if it cannot run here.

    Args:
        root: Folder of the program.
        stack: Name of the stack.
        settings: Settings of the stack.

    Returns:
        `outputs`: for each the digest of its value, whether it is secret, and whether it shows a secret although it is not.
        `own`: digest of the inputs of each resource, by type and name.
    """
    exported: dict[str, Any] = {}
    if not (root / "__main__.py").is_file():
        return {"outputs": {}, "own": {}}

    def program() -> None:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")
        pulumi.ComponentResource(_OUTPUTS, "outputs").register_outputs(exported)

    export = pulumi.export
    setattr(pulumi, "export", exported.__setitem__)  # noqa: B010  mypy refuses another assignment
    try:
        from airflow_stack.cli.recording import record

        os.environ.update(_configuration(root, stack, settings))
        recording = record(program, stack=stack)
        outputs = recording.outputs[recording.urn(_OUTPUTS)]
    except (Exception, SystemExit):  # any program of a user: its files show as a change
        return None
    finally:
        setattr(pulumi, "export", export)  # noqa: B010
    secrets = {text for each in recording.resources.values() for text in _secrets(each.inputs, each.shown)}
    own = {
        f"{each.type} {each.name}": _digest([without_secrets(each.inputs, each.shown), each.protect])
        for urn, each in recording.resources.items()
        if "airflow:index:" not in urn and each.type != _OUTPUTS
    }
    return {
        "outputs": {
            name: {"digest": _digest(value), "secret": _has_secret(value), "shows": _shows(value, secrets)}
            for name, value in outputs.items()
        },
        "own": own,
    }


def _configuration(root: Path, stack: str, settings: Any) -> dict[str, str]:  # noqa: ANN401  as above
    """The engine's variables with the configuration of a stack. Secrets are placeholders."""
    from airflow_stack.cli import given_yaml
    from airflow_stack.cli.placeholder_secrets import placeholder
    from airflow_stack.inputs.secrets import required_secrets

    file = root / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml"
    config: dict[str, Any] = (given_yaml.document(file) or {}).get("config") or {}
    needed = [f"airflow:{key}" for key in required_secrets(settings)]
    encrypted = {key for key, value in config.items() if isinstance(value, dict) and "secure" in value} | {*needed}
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    plain |= {key: placeholder(key.partition(":")[2]) for key in encrypted}
    return {"PULUMI_CONFIG": json.dumps(plain), "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(encrypted))}


def _secrets(inputs: Any, shown: Any) -> Iterator[str]:  # noqa: ANN401  any property
    """The texts of inputs that are not shown."""
    if shown == _SECRET:
        yield from _texts(inputs)
    elif isinstance(inputs, dict) and isinstance(shown, dict):
        for key in inputs.keys() & shown.keys():
            yield from _secrets(inputs[key], shown[key])
    elif isinstance(inputs, list) and isinstance(shown, list):
        for left, right in zip(inputs, shown, strict=False):
            yield from _secrets(left, right)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= 8:  # a shorter one may be in any text
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _has_secret(value: object) -> bool:
    if isinstance(value, dict):
        return value.get(rpc._special_sig_key) == rpc._special_secret_sig or any(map(_has_secret, value.values()))
    return isinstance(value, list) and any(map(_has_secret, value))


def _shows(value: object, secrets: set[str]) -> bool:
    """Whether a part of an output that is not secret contains a secret."""
    if isinstance(value, dict):
        is_secret = value.get(rpc._special_sig_key) == rpc._special_secret_sig
        return not is_secret and any(_shows(inner, secrets) for inner in value.values())
    if isinstance(value, list):
        return any(_shows(inner, secrets) for inner in value)
    return isinstance(value, str) and any(secret in value for secret in secrets)


def main(arguments: Sequence[str]) -> None:
    """Write the stacks of the current folder to a file; for one with wrong settings, the message.

    Args:
        arguments: The file, a local chart or an empty text, whether to record `__main__.py`, and as JSON the stacks with their renewed secrets.
    """
    target, chart, with_program, plan = arguments
    stacks: Mapping[str, list[str]] = json.loads(plan)
    from airflow_stack.cli import stack_file
    from airflow_stack.errors import UserError

    found: dict[str, dict[str, Any]] = {}
    for stack, renewed in stacks.items():
        try:
            settings = stack_file.settings(Path.cwd(), stack, chart=Path(chart) if chart else None)
        except UserError as error:
            found[stack] = {"problem": str(error)}
        else:
            found[stack] = recorded_stack(settings, stack, renewed)
            if with_program:
                found[stack]["program"] = recorded_program(Path.cwd(), stack, settings)
    Path(target).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
