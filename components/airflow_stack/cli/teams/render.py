"""What `teams` prints."""

from collections.abc import Iterable, Sequence
from typing import Any

from airflow_stack.cli.counted import counted

from .stack_files import StackFile


def as_text(files: Sequence[StackFile], left_over: Sequence[str], *, written: bool) -> str:
    """A line for each stack that is not as the table says, and a summary."""
    lines = [f"  {file.path.name}: {_state(file)}" for file in files if file.state != "same"]
    lines += [f"  Pulumi.{name}.yaml: no longer in the table" for name in left_over]
    same = sum(file.state == "same" for file in files)
    teams = len({file.stack.team for file in files})
    total = f"{counted(len(files), 'stack')} of {counted(teams, 'team')}"
    if written:
        return "\n".join([*lines, f"{total}: {len(files) - same} written, {same} as they were"])
    return "\n".join([*lines, f"{total}: {same} as the table says, {len(files) - same} not"])


def _state(file: StackFile) -> str:
    return "is missing" if not file.exists else f"differs in {', '.join(file.differences)}"


def as_result(files: Iterable[StackFile], left_over: Sequence[str]) -> dict[str, Any]:
    """The stacks for `--json`."""
    stacks = []
    for file in files:
        stack, dags = file.stack, file.stack.settings.dags
        stacks.append(
            {
                "stack": stack.name,
                "team": stack.team,
                "environment": stack.environment,
                "cluster": stack.cluster,
                "namespace": stack.settings.namespace,
                "repository": dags.repository,
                "ref": dags.ref,
                "file": file.path.name,
                "state": file.state,
                "differences": list(file.differences),
            }
        )
    return {"stacks": stacks, "leftOver": list(left_over)}
