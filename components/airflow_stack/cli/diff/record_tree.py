"""Runs the program of a project tree, and writes the resources of each stack to a file.

It runs in a process of its own, because two versions of one program cannot share an interpreter. It uses only two functions of the tree:
`stack_file.settings` and `manifests.record_stack`. Contents of Secrets leave it as digests.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def recorded_stack(settings: Any, stack: str) -> dict[str, Any]:  # noqa: ANN401  the tree's own type
    """Settings of a stack, and the resources that the program registers for it."""
    from airflow_stack.cli.manifests import record_stack

    resources = [
        {
            "type": resource.type,
            "name": resource.name,
            "inputs": _without_secrets(resource.inputs, resource.shown),
            "protect": resource.protect,
        }
        for resource in record_stack(settings, stack).resources.values()
    ]
    return {"settings": settings.model_dump(mode="json", by_alias=True), "resources": resources}


def _without_secrets(inputs: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Inputs without secrets. Values of a Secret become digests, which show a change."""
    if inputs.get("kind") != "Secret":
        return shown
    parts = {part: inputs[part] for part in ("data", "stringData") if part in inputs}
    return {**shown, **{part: {key: _digest(value) for key, value in data.items()} for part, data in parts.items()}}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Write the stacks of the current folder to a file; for one with wrong settings, the message."""
    target, chart, *stacks = arguments
    from airflow_stack.cli import stack_file
    from airflow_stack.errors import UserError

    found: dict[str, dict[str, Any]] = {}
    for stack in stacks:
        try:
            settings = stack_file.settings(Path.cwd(), stack, chart=Path(chart) if chart else None)
        except UserError as error:
            found[stack] = {"problem": str(error)}
        else:
            found[stack] = recorded_stack(settings, stack)
    Path(target).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
