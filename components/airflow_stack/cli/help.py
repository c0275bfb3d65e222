"""The help of the command line: commands in groups, each with an example."""

from collections.abc import Iterable, Iterator
from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Project": ("init", "teams"),
    "Adopt": ("adopt",),
    "Check": ("check", "dags", "doctor"),
    "Review": ("diff", "render"),
    "Deploy": ("promote", "rollback"),
    "Operate": ("status", "logs", "recover", "admin"),
}
"""Commands by group, in the order of the help."""

EXAMPLES = {
    "init": "airflow-stack init airflow --repository git@github.com:acme/dags.git",
    "teams": "airflow-stack teams --write",
    "adopt": "airflow-stack adopt --release airflow --output Pulumi.prod.yaml",
    "check": "airflow-stack check --stack staging",
    "dags": "airflow-stack dags check dags --stack staging",
    "doctor": "airflow-stack doctor --stack staging",
    "diff": "airflow-stack diff --stack staging --stack prod --base main",
    "render": "airflow-stack render --stack prod > prod.yaml",
    "promote": "airflow-stack promote --from staging --to prod",
    "rollback": "airflow-stack rollback --stack prod",
    "status": "airflow-stack status --stack prod",
    "logs": "airflow-stack logs --stack prod scheduler --follow",
    "recover": "airflow-stack recover --stack prod --dry-run",
    "admin": 'airflow-stack admin --stack prod --reason "Okta does not answer"',
}
"""One command line for each command."""


def example(command: str) -> str:
    """The end of a command's help; `\\b` keeps the lines as they are."""
    return f"\b\nExample:\n  {EXAMPLES[command]}"


class GroupedCommands(TyperGroup):
    """Lists the commands by group. A command without a group stands under "Other"."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  typer has no public types for them
        """Write a list for each group, whole sentences in it."""
        for title, names in self._groups():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=1000)) for name in names])

    def _groups(self) -> Iterator[tuple[str, list[str]]]:
        names: Iterable[str]
        grouped = {name for names in GROUPS.values() for name in names}
        others = [name for name in self.commands if name not in grouped]
        for title, names in (*GROUPS.items(), ("Commands" if len(others) == len(self.commands) else "Other", others)):
            if present := [name for name in names if name in self.commands]:
                yield title, present
