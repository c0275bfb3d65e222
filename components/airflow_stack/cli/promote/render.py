"""Prints a plan as text or as JSON. Text of others, such as a commit's subject, is printed without control characters."""

from collections.abc import Iterable
from dataclasses import asdict

from airflow_stack.cli.console import say
from airflow_stack.cli.counted import counted
from airflow_stack.cli.report import print_report

from .model import DagChange, PromotionPlan

_SIGNS = {"added": "+", "removed": "-", "unreadable": "!"}
_STYLES = {"+": "green", "-": "red", "~": "yellow", "!": "bold red"}
_MAX_LINES, _MAX_CHARACTERS = 40, 100
_KINDS = {
    "runs": "chart and images: the source tested these DAGs with other ones than the target has",
    "other": "others",
    "own": "expected between environments",
}
_JSON_FIELDS = (
    *("stack", "source", "repository", "ref", "before", "after", "forward", "other_files", "verified", "refusals"),
)


def show(plan: PromotionPlan) -> None:
    """Print the plan as text."""
    kind, _, name = plan.ref.removeprefix("refs/").partition("/")
    ref_kind = {"heads": "branch", "tags": "tag"}[kind]
    start = f"{plan.before[:12]} ->" if plan.before else "new, at"
    route = f"promote {plan.source} to {plan.stack}" if plan.forward else f"roll back {plan.stack}"
    say(f"{route}: {plan.repository}", "bold")
    say(_printable(f"  {ref_kind} {name}: {start} {plan.after[:12]}, {counted(len(plan.commits), 'commit')}"))
    if plan.forward and plan.verified:
        say(f"  {plan.verified}", "green")
    title = "Commits" if plan.forward else "Removed commits"
    _list(title, (("+" if plan.forward else "-", f"{c.hash[:12]} {c.author}: {c.subject}") for c in plan.commits))
    _list("Files of the DAG folder", ((_SIGNS.get(f.change, "~"), f.path) for f in plan.files))
    if plan.other_files:
        say(f"  and {plan.other_files} elsewhere")
    _list("DAGs", ((_SIGNS.get(dag.change, "~"), _dag(dag)) for dag in plan.dags))
    for group, label in _KINDS.items():
        found = [each for each in plan.differences if each.kind == group]
        sign = "~" if group == "runs" else " "
        _list(
            f"Different settings, {label}",
            ((sign, _difference(each.key, each.source, each.target)) for each in found),
        )


def print_json(plan: PromotionPlan, *, moved: bool, next_step: str) -> None:
    """The report for programs."""
    content = {
        **{name: getattr(plan, name) for name in _JSON_FIELDS},
        "commits": [asdict(each) for each in plan.commits],
        "files": [{"change": each.change, "path": each.path} for each in plan.files],
        "dags": [asdict(each) for each in plan.dags],
        "differences": [asdict(each) for each in plan.differences],
        "expect": plan.moves,
        "moved": moved,
    }
    print_report(
        "promote" if plan.forward else "rollback",
        content,
        ok=not plan.refusals,
        problems=[{"message": each} for each in plan.refusals],
        following=[next_step] if next_step else [],
    )


def _list(title: str, lines: Iterable[tuple[str, str]]) -> None:
    every = list(lines)
    if every:
        say(title, "bold")
    for sign, text in every[:_MAX_LINES]:
        say(f"  {sign} {_printable(text)}", _STYLES.get(sign, ""))
    if len(every) > _MAX_LINES:
        say(f"  and {len(every) - _MAX_LINES} more; --json lists all")


def _dag(dag: DagChange) -> str:
    match dag.change:
        case "unreadable":
            return f"{dag.path} {dag.id}"
        case "renamed":
            return f"{dag.before} is now {dag.id}: a new DAG for Airflow, without the old runs and pause ({dag.path})"
        case "rescheduled":
            return f"{dag.id}: schedule {_short(dag.before)} -> {_short(dag.after)} ({dag.path})"
    return f"{dag.id}: schedule {_short(dag.before or dag.after)} ({dag.path})"


def _difference(key: str, source: str, target: str) -> str:
    if source == target:
        return f"{key}: differs; not shown because it is long or may hold a secret"
    return f"{key}: {_short(source)} | {_short(target)}"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
