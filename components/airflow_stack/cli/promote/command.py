"""The commands `airflow-stack promote` and `airflow-stack rollback`. Their exit status: 0 done, or nothing to move; 1 refused; 2 it would move."""

import os
import re
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_stack.errors import UserError

if TYPE_CHECKING:
    from airflow_stack.cli.promote.planned_move import Move

_WOULD_MOVE = 2
_COMMIT = re.compile("[0-9a-f]{7,64}")

Yes = Annotated[bool, typer.Option("--yes/--dry-run", "-y", help="Do it; a dry run only shows it.")]
Json = Annotated[bool, typer.Option("--json", help="Print what moves as JSON.")]
Expect = Annotated[str, typer.Option(metavar="OLD..NEW", help="Refuse to move anything else; a dry run prints it.")]


def promote(
    source: Annotated[str, typer.Option("--from", help="Stack whose commit moves on, such as staging.")],
    target: Annotated[str, typer.Option("--to", help="Stack that gets it, such as prod.")],
    yes: Yes = False,
    expect: Expect = "",
    tag: Annotated[str, typer.Option(metavar="NAME", help="New tag, for a stack that follows a tag.")] = "",
    unverified: Annotated[
        str, typer.Option(metavar="COMMIT", help="Move this commit without asking whether the stack runs it.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Move the DAGs that one stack runs on to another: fast-forward the branch that it follows. Without --yes a dry run: status 2 if something would move."""
    from airflow_stack.cli.promote.dag_repository import Repository
    from airflow_stack.cli.promote.planned_move import promotion, verified
    from airflow_stack.cli.promote.stack_refs import End, check_pair, uncommitted
    from airflow_stack.cli.stack_cluster import namespace_reader

    _check_commit("--unverified", unverified)
    root = Path.cwd()
    from_, to = End.read(root, source), End.read(root, target)
    check_pair(from_, to)
    with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
        url = to.settings.dags.repository
        move = promotion(from_, to, Repository(url, Path(folder), os.environ, to.known_hosts), tag)
        said, refusals = "", list[str]()
        if not move.plan.is_empty:
            refusals += move.plan.refusals
            said, refused = verified(
                from_, move.plan.after, partial(namespace_reader, root, source, os.environ), unverified
            )
            refusals += [refused] if refused else []
            refusals += _not_committed(uncommitted(root, [from_.stack, to.stack], os.environ))
            refusals += _unexpected(expect, move.plan.moves)
        move = replace(move, plan=replace(move.plan, verified=said, refusals=refusals))
        again = f"airflow-stack promote --from {source} --to {target} --expect {move.plan.moves} --yes"
        again += f" --tag {tag}" * bool(tag) + f" --unverified {unverified}" * bool(unverified)
        done = f"airflow-stack status --stack {target}"
        if tag:
            done = f"pulumi config set --path 'airflow:dags.tag' {tag} --stack {target} && pulumi up --stack {target}"
        _finish(move, yes=yes, as_json=as_json, again=again, done=done)


def rollback(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Stack that goes back, such as prod.")],
    to: Annotated[str, typer.Option(metavar="COMMIT", help="Commit; left out: before the last promotion.")] = "",
    yes: Yes = False,
    expect: Expect = "",
    as_json: Json = False,
) -> None:
    """Move the branch that a stack follows back to before its last promotion. Without --yes a dry run: status 2 if something would move."""
    from airflow_stack.cli.promote.dag_repository import Repository
    from airflow_stack.cli.promote.planned_move import rollback as moved_back
    from airflow_stack.cli.promote.stack_refs import End, uncommitted

    _check_commit("--to", to)
    root = Path.cwd()
    end = End.read(root, stack)
    with tempfile.TemporaryDirectory(prefix="airflow-stack-") as folder:
        url = end.settings.dags.repository
        move = moved_back(end, Repository(url, Path(folder), os.environ, end.known_hosts), to)
        refusals = _not_committed(uncommitted(root, [end.stack], os.environ)) + _unexpected(expect, move.plan.moves)
        move = replace(move, plan=replace(move.plan, refusals=[] if move.plan.is_empty else refusals))
        again = f"airflow-stack rollback --stack {stack} --to {move.plan.after[:12]} --expect {move.plan.moves} --yes"
        _finish(move, yes=yes, as_json=as_json, again=again, done=f"airflow-stack status --stack {stack}")


def _finish(move: "Move", *, yes: bool, as_json: bool, again: str, done: str) -> None:
    """Show the plan, carry it out where that was asked for and nothing stands against it, and say what comes next."""
    from airflow_stack.cli.promote.render import as_json as jsoned
    from airflow_stack.cli.promote.render import show

    plan = move.plan
    if not as_json:
        show(plan)
    moves = yes and not plan.is_empty and not plan.refusals
    if moves:
        move.carry_out()
    if as_json:
        blocked = plan.is_empty or plan.refusals
        typer.echo(jsoned(plan, moved=moves, next_step="" if blocked else done if moves else again))
    if plan.refusals:
        raise UserError("refused, and nothing was changed:\n" + "\n".join(f"  - {each}" for each in plan.refusals))
    if as_json:
        raise typer.Exit(0 if yes or plan.is_empty else _WOULD_MOVE)
    if plan.is_empty:
        typer.echo(f"nothing to move: stack {plan.stack!r} is at {plan.after[:12]} already")
    elif moves:
        typer.secho(f"done; next: {done}", fg="green")
    else:
        typer.echo(f"nothing was changed; next: {again}")
        raise typer.Exit(_WOULD_MOVE)


def _check_commit(option: str, commit: str) -> None:
    if commit and not _COMMIT.fullmatch(commit):
        raise UserError(f"{option} {commit!r} must be a commit's hash, or 7 or more of its first digits")


def _not_committed(files: list[str]) -> list[str]:
    said = " and ".join(files)
    return (
        [
            f"{said} differs from what is committed, so that the stack may follow something else: commit it, or take it back"
        ]
        if files
        else []
    )


def _unexpected(expect: str, moves: str) -> list[str]:
    return [f"{moves} would move, and --expect names {expect}: look at it again"] if expect not in ("", moves) else []
