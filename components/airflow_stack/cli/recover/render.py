"""The lines that `recover` prints."""

from airflow_stack.cli.report import print_report

from .inspection import Recovery


def report(recovery: Recovery) -> str:
    """One line for each leftover."""
    lines = [f"- {leftover}" for leftover in recovery.leftovers]
    return "\n".join(lines) or f"stack {recovery.stack!r} has nothing to repair"


def print_json(recovery: Recovery, *, repaired: bool) -> None:
    """The report for programs."""
    found = [
        {"message": each.description, "fix": each.remedy, "repairable": each.repairable} for each in recovery.leftovers
    ]
    again = f"airflow-stack recover --stack {recovery.stack} --yes"
    following = (
        [f"pulumi up --stack {recovery.stack}"] if repaired else [again] if found and not recovery.refused else []
    )
    print_report(
        "recover",
        {"stack": recovery.stack, "leftovers": found, "repaired": repaired and bool(found)},
        ok=repaired or not found,
        problems=[] if repaired else found,
        following=following if found else [],
    )
