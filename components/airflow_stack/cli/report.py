"""The one form of `--json`: an object with `command`, `ok`, `problems`, `warnings`, `next` and `result`.

It is all that a command prints on standard output. An error that ends the command early is in it too, as a problem.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from airflow_stack.errors import UserError

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


def print_report(
    command: str,
    result: Mapping[str, Any],
    *,
    ok: bool = True,
    problems: Iterable[Mapping[str, Any]] = (),
    warnings: Iterable[str] = (),
    following: Iterable[str] = (),
) -> None:
    """Print the report of a command.

    Args:
        command: Name of the command.
        result: What it found; the keys are the command's own.
        ok: Whether nothing needs a person.
        problems: What needs one, each with `message` and optionally `fix`, `path`, `value`, `allowed` and `line`.
        warnings: Sentences that may be ignored.
        following: Commands that come next.
    """
    content = {
        "command": command,
        "ok": ok,
        "problems": list(problems),
        "warnings": list(warnings),
        "next": list(following),
        "result": result,
    }
    typer.echo(json.dumps(content, indent=2, default=str, ensure_ascii=False))


@contextmanager
def errors_in_report(command: str, as_json: bool) -> Iterator[None]:
    """Print the report of an error that ends the command; its message goes to standard error all the same."""
    try:
        yield
    except UserError as error:
        if as_json:
            print_report(command, {}, ok=False, problems=problems_of(error))
        raise


def problems_of(error: UserError) -> list[dict[str, Any]]:
    """The problems of an error: of wrong settings each one, otherwise its message."""
    as_data: Callable[[], list[dict[str, Any]]] | None = getattr(error, "as_data", None)  # of wrong settings
    return as_data() if as_data else [{"message": str(error)}]
