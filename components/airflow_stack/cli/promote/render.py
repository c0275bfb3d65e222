"""Prints a plan: in colour on a terminal, plain elsewhere, or as JSON. What others wrote, such as a commit's subject, has no control characters."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from airflow_stack.cli.console import say
from airflow_stack.cli.promote.model import DagChange, Plan, commits

_SIGNS = {"added": "+", "removed": "-", "unreadable": "!"}
_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red"}
_MOST, _LONGEST = 40, 100
_KINDS = {
    "runs": "chart and images: the source tried these DAGs with others than the target has",
    "other": "others",
    "own": "an environment's own",
}


def show(plan: Plan) -> None:
    """Print all that moves."""
    kind, _, name = plan.ref.removeprefix("refs/").partition("/")
    what = {"heads": "branch", "tags": "tag"}[kind]
    begin = f"{plan.before[:12]} ->" if plan.before else "new, at"
    route = f"promote {plan.source} to {plan.stack}" if plan.forward else f"roll back {plan.stack}"
    say(f"{route}: {plan.repository}", "bold")
    say(_plain(f"  {what} {name}: {begin} {plan.after[:12]}, {commits(len(plan.commits))}"))
    if plan.forward and plan.verified:
        say(f"  {plan.verified}", "green")
    title = "Commits" if plan.forward else "Commits that leave"
    _list(title, (("+" if plan.forward else "-", f"{c.hash[:12]} {c.author}: {c.subject}") for c in plan.commits))
    _list("Files of the DAG folder", ((_SIGNS.get(f.change, "~"), f.path) for f in plan.files))
    if plan.other_files:
        say(f"  and {plan.other_files} elsewhere")
    _list("DAGs", ((_SIGNS.get(dag.change, "~"), _dag(dag)) for dag in plan.dags))
    for group, said in _KINDS.items():
        found = [each for each in plan.differences if each.kind == group]
        _list(
            f"Settings that differ, {said}",
            (("~" if group == "runs" else " ", _difference(each.key, each.source, each.target)) for each in found),
        )


def as_json(plan: Plan, *, moved: bool, next_step: str) -> str:
    """The plan for a program."""
    names = (
        "stack",
        "source",
        "repository",
        "ref",
        "before",
        "after",
        "forward",
        "other_files",
        "verified",
        "refusals",
    )
    content = {
        **{name: getattr(plan, name) for name in names},
        "commits": [asdict(each) for each in plan.commits],
        "files": [{"change": each.change, "path": each.path} for each in plan.files],
        "dags": [asdict(each) for each in plan.dags],
        "differences": [asdict(each) for each in plan.differences],
        "expect": plan.moves,
        "moved": moved,
        "next": next_step,
    }
    return json.dumps(content, indent=2)


def _list(title: str, lines: Iterable[tuple[str, str]]) -> None:
    every = list(lines)
    if every:
        say(title, "bold")
    for sign, text in every[:_MOST]:
        say(f"  {sign} {_plain(text)}", _STYLES.get(sign, ""))
    if len(every) > _MOST:
        say(f"  and {len(every) - _MOST} more; --json lists all")


def _dag(dag: DagChange) -> str:
    match dag.change:
        case "unreadable":
            return f"{dag.path} {dag.id}"
        case "renamed":
            return f"{dag.before} is now {dag.after}: a new DAG to Airflow, without its runs and its pause ({dag.path})"
        case "rescheduled":
            return f"{dag.id}: schedule {_short(dag.before)} -> {_short(dag.after)} ({dag.path})"
    return f"{dag.id}: schedule {_short(dag.before or dag.after)} ({dag.path})"


def _difference(key: str, source: str, target: str) -> str:
    if source == target:
        return f"{key}: differs; not shown, for it may hold a secret or is long"
    return f"{key}: {_short(source)} | {_short(target)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
