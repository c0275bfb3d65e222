"""Runs in a tree of the project, with that tree's own program, and writes down what each stack registers.

A process of its own because two versions of one program cannot share an interpreter. It takes of the tree only what `airflow-stack render` is
made of: `stack_file.settings` and `render.record_stack`. Contents of Secrets leave it as digests.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def described(settings: Any, stack: str) -> dict[str, Any]:  # noqa: ANN401  the tree's own type
    """A stack's settings, and what the program registers for it."""
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
    """What a preview would show, and of a Secret's values a digest, by which a change is seen."""
    if inputs.get("kind") != "Secret":
        return shown
    parts = {part: inputs[part] for part in ("data", "stringData") if part in inputs}
    return {**shown, **{part: {key: _digest(value) for key, value in data.items()} for part, data in parts.items()}}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def main(arguments: Sequence[str]) -> None:
    """Write the stacks of the current folder to a file; of one whose settings are wrong, why."""
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
            found[stack] = described(settings, stack)
    Path(target).write_text(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
