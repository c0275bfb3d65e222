"""Names of stacks, and those with a file in a folder."""

import re
from pathlib import Path

from airflow_stack.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")  # Pulumi's rule (sdk/go/common/tokens, ParseStackName)


def stack_names(root: Path) -> list[str]:
    """Names of the stacks with a file in a folder."""
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in root.glob("Pulumi.*.yaml"))


def short_name(stack: str) -> str:
    """Name of a stack without its organization and project.

    Raises:
        UserError: Pulumi allows no such name.
    """
    name = stack.rsplit("/", 1)[-1]
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 40 else f"{name[:39]}…"
        raise UserError(f"{shown!r} is not the name of a stack: letters, digits, -, _ and ., at most 100 characters")
    return name
