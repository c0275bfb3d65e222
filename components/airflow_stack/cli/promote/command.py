"""`airflow-stack promote` and `rollback`. Exit status: 0 moved, or nothing to move; 1 refused; 2 a dry run that would move something."""

import os
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_stack.cli.options import stack_option
from airflow_stack.cli.report import JsonOption, errors_in_report
from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from .planned_move import PlannedMove

_WOULD_MOVE = 2
_COMMIT = re.compile("[0-9a-f]{7,64}")

YesOption = Annotated[bool, typer.Option("--yes/--dry-run", "-y", help="Move it. Default: a dry run shows the plan.")]
ExpectOption = Annotated[
    str, typer.Option(metavar="OLD..NEW", help="Refuse to move anything else. A dry run prints it.")
]


def promote(
    source: Annotated[
        str,
        stack_option("--from", text="Stack whose commit is promoted, such as staging."),
    ],
    target: Annotated[
        str,
        stack_option("--to", text="Stack that gets it, such as prod."),
    ],
    yes: YesOption = False,
    expect: ExpectOption = "",
    tag: Annotated[str, typer.Option(metavar="NAME", help="New tag, for a stack that follows a tag.")] = "",
    unverified: Annotated[
        str, typer.Option(metavar="COMMIT", help="Promote this commit without verifying that the stack runs it.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Promote the DAGs of one stack to another: fast-forward the branch that it follows.

    Without --yes it is a dry run. Exit status: 0 moved, or nothing to move; 2 a dry run that would move something; 1 refused.
    """
    with errors_in_report("promote", as_json):
        from airflow_stack.cli.stack_cluster import namespace_reader  # takes a quarter of a second to import

        from .dag_repository import RepositoryCopy
        from .planned_move import promotion, verify
        from .stack_refs import StackRef, check_pair, uncommitted

        _check_commit("--unverified", unverified)
        root = Path.cwd()
        from_, to = StackRef.read(root, source), StackRef.read(root, target)
        check_pair(from_, to)
        with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
            url = to.settings.dags.repository
            move = promotion(from_, to, RepositoryCopy(url, Path(folder), os.environ, to.known_hosts), tag)
            evidence, refusals = "", list[str]()
            if not move.plan.is_empty:
                refusals += move.plan.refusals
                reader = partial(namespace_reader, root, source, os.environ)
                evidence, refusal = verify(from_, move.plan.after, reader, unverified)
                refusals += [refusal] if refusal else []
                refusals += _not_committed(uncommitted(root, [from_.stack, to.stack], os.environ))
                refusals += _unexpected(expect, move.plan.moves)
            move = replace(move, plan=replace(move.plan, verified=evidence, refusals=refusals))
            again = f"airflow-stack promote --from {source} --to {target} --expect {move.plan.moves} --yes"
            again += f" --tag {tag}" * bool(tag) + f" --unverified {unverified}" * bool(unverified)
            following = f"airflow-stack status --stack {target}"
            if tag:
                set_tag = f"pulumi config set --path 'airflow:dags.tag' {tag} --stack {target}"
                following = f"{set_tag} && pulumi up --stack {target}"
            _finish(move, yes=yes, as_json=as_json, again=again, following=following)


def rollback(
    stack: Annotated[
        str,
        stack_option("--stack", "-s", text="Stack to roll back, such as prod."),
    ],
    to: Annotated[
        str, typer.Option(metavar="COMMIT", help="Commit to go back to. Default: the one before the last promotion.")
    ] = "",
    yes: YesOption = False,
    expect: ExpectOption = "",
    as_json: JsonOption = False,
) -> None:
    """Move the branch that a stack follows back to before its last promotion.

    Without --yes it is a dry run. Exit status: 0 moved, or nothing to move; 2 a dry run that would move something; 1 refused.
    """
    with errors_in_report("rollback", as_json):
        from .dag_repository import RepositoryCopy
        from .planned_move import rollback as planned_rollback
        from .stack_refs import StackRef, uncommitted

        _check_commit("--to", to)
        root = Path.cwd()
        target = StackRef.read(root, stack)
        with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
            url = target.settings.dags.repository
            move = planned_rollback(target, RepositoryCopy(url, Path(folder), os.environ, target.known_hosts), to)
            refusals = _not_committed(uncommitted(root, [target.stack], os.environ)) + _unexpected(
                expect, move.plan.moves
            )
            move = replace(move, plan=replace(move.plan, refusals=[] if move.plan.is_empty else refusals))
            again = (
                f"airflow-stack rollback --stack {stack} --to {move.plan.after[:12]} --expect {move.plan.moves} --yes"
            )
            _finish(move, yes=yes, as_json=as_json, again=again, following=f"airflow-stack status --stack {stack}")


def _finish(move: "PlannedMove", *, yes: bool, as_json: bool, again: str, following: str) -> None:
    """Show the plan, carry it out if it is confirmed and not refused, and print the next step."""
    from . import render

    plan = move.plan
    if not as_json:
        render.show(plan)
    moves = yes and not plan.is_empty and not plan.refusals
    if moves:
        move.carry_out()
    if as_json:
        blocked = plan.is_empty or plan.refusals
        next_step = "" if blocked else following if moves else again
        render.print_json(plan, moved=moves, next_step=next_step)
    if plan.refusals:
        refused = "refused, and nothing was changed:\n" + "\n".join(f"  - {each}" for each in plan.refusals)
        if not as_json:
            raise UserError(refused)
        typer.echo(f"error: {refused}", err=True)
        raise typer.Exit(1)
    if as_json:
        raise typer.Exit(0 if yes or plan.is_empty else _WOULD_MOVE)
    if plan.is_empty:
        typer.echo(f"nothing to move: stack {plan.stack!r} is at {plan.after[:12]} already")
    elif moves:
        typer.secho(f"done; next: {following}", fg="green")
    else:
        typer.echo(f"nothing was changed; next: {again}")
        raise typer.Exit(_WOULD_MOVE)


def _check_commit(option: str, commit: str) -> None:
    if commit and not _COMMIT.fullmatch(commit):
        raise UserError(f"{option} {commit!r} must be a commit's hash, or at least 7 of its first digits")


def _not_committed(files: list[str]) -> list[str]:
    if not files:
        return []
    return [
        f"{' and '.join(files)} has uncommitted changes, so the deployed stack may follow another ref: commit or revert them"
    ]


def _unexpected(expect: str, moves: str) -> list[str]:
    return (
        [f"{moves} would move, and --expect names {expect}: review the plan again"] if expect not in ("", moves) else []
    )
