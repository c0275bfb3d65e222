"""The commands of `airflow-stack`. Results go to standard output, everything else to standard error."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from airflow_stack.chart.delivery import followed, poll_warnings
from airflow_stack.cli import stack_file
from airflow_stack.cli.adopt.command import adopt
from airflow_stack.cli.dags import command as dags_command
from airflow_stack.cli.diff.command import diff
from airflow_stack.cli.doctor.model import Part, Status, closing
from airflow_stack.cli.promote.command import promote, rollback
from airflow_stack.errors import UserError
from airflow_stack.inputs.secrets import SECRETS
from airflow_stack.inputs.validation import missing_secrets
from airflow_stack.inputs.version_check import version_warnings
from airflow_stack.policies.model import Level

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIPPED: "bright_black"}
app = typer.Typer(
    name="airflow-stack",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # which would take [secret] for markup
    help=__doc__,
)

app.add_typer(dags_command.app)
app.command()(adopt)
app.command()(diff)
app.command()(promote)
app.command()(rollback)

StackOption = Annotated[str, typer.Option("--stack", "-s", help="Name of the stack: the file Pulumi.<stack>.yaml.")]
ChartOption = Annotated[
    Path | None,
    typer.Option(
        "--chart", envvar="AIRFLOW_CHART", help="Airflow chart, packed or a folder; left out: the stack's own."
    ),
]


class _Dumper(yaml.SafeDumper):
    """Puts `y` and `n` in quotes too: the text is a boolean to Kubernetes' YAML reader, and to PyYAML's it is not."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^[yYnN]$"), list("yYnN"))


@app.callback()
def _commands() -> None:
    """Stacks of Airflow: what is known without deploying them, and what mends them."""


@app.command()
def check(
    stack: StackOption,
    chart: ChartOption = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="List every policy, and whether the stack holds to it.")
    ] = False,
) -> None:
    """Check the settings of a stack and the policies: no cluster, no Pulumi, no secrets are needed."""
    from airflow_stack.cli.check.policies import judge, table, told  # the engine's SDK takes half a second to import

    settings = stack_file.settings(Path.cwd(), stack, chart=chart)
    choice, findings = judge(Path.cwd(), stack, settings)
    if policy:
        typer.echo(table(choice, findings))
    if advice := told(findings, Level.ADVISORY):
        typer.secho(f"warning: stack {stack!r} does not hold to every policy\n{advice}", fg="yellow", err=True)
    if broken := told(findings, Level.MANDATORY):
        raise UserError(f"stack {stack!r} breaks policies that are mandatory\n{broken}")
    typer.echo(
        f"stack {stack!r} is in order: {settings.executor.value}, size {settings.size.value}, {followed(settings)}"
    )
    for warning in (*version_warnings(settings), *poll_warnings(settings)):
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
    config, _ = stack_file.read(Path.cwd(), stack)
    for key in missing_secrets(config):
        typer.echo(f"still to be set before `pulumi up`: {SECRETS[key]} --stack {stack}", err=True)


@app.command()
def render(stack: StackOption, chart: ChartOption = None) -> None:
    """Print all manifests of a stack as YAML, secret values replaced by [secret]."""
    from airflow_stack.cli.manifests import render as manifests  # as above

    settings = stack_file.settings(Path.cwd(), stack, chart=chart)
    typer.echo(yaml.dump_all(manifests(settings, stack), Dumper=_Dumper, sort_keys=False, width=1000), nl=False)


@app.command()
def status(stack: StackOption) -> None:
    """Say how each part of a stack fares; the exit status is 1 while something will not mend itself."""
    from airflow_stack.cli.console import console, say
    from airflow_stack.cli.stack_cluster import namespace_reader
    from airflow_stack.cli.status.render import status_of

    table, problems = status_of(namespace_reader(Path.cwd(), stack, os.environ))
    console.print(table)
    for problem in problems:
        say(f"error: {problem}", "red")
    if problems:
        raise SystemExit(1)


@app.command()
def logs(
    stack: StackOption,
    part: Annotated[str | None, typer.Argument(help="Only of this part, such as scheduler.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
) -> None:
    """Print the latest logs of Airflow's parts, each line with its origin."""
    from airflow_stack.cli.stack_cluster import namespace_reader
    from airflow_stack.cli.status.render import logs as print_logs

    print_logs(namespace_reader(Path.cwd(), stack, os.environ), part, follow=follow)


@app.command()
def doctor(
    stack: StackOption,
    only: Annotated[Part | None, typer.Option("--only", help="Only this part.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of all checks as JSON.")] = False,
    chart: ChartOption = None,
) -> None:
    """Find out before `pulumi up` what would keep it from working; the exit status is 1 if something would."""
    from airflow_stack.cli.doctor.examination import Doctor  # as above

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the key would stay in the temporary folder
    checks = []
    for check in Doctor(stack, Path.cwd(), os.environ, chart).examine(only):
        checks.append(check)
        if not as_json:
            typer.echo(typer.style(f"{check.status.value:<8}", _COLOURS[check.status]) + str(check))
    if as_json:
        typer.echo(json.dumps([check.as_json() for check in checks], indent=2))
    else:
        typer.echo(closing(checks, f"pulumi up --stack {stack}"))
    if any(check.status is Status.FAIL for check in checks):
        raise typer.Exit(1)


@app.command()
def recover(
    stack: StackOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Mend without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what was found.")] = False,
    gone: Annotated[
        str, typer.Option(metavar="USER@HOST", help="Whose lock on another machine you know to be abandoned.")
    ] = "",
) -> None:
    """Mend a stack after a `pulumi up` that was killed or lost its connection; the lock of a running update is left alone."""
    from airflow_stack.cli.recover.inspection import inspect  # as above

    recovery = inspect(stack, Path.cwd(), os.environ, gone=gone)
    for finding in recovery.findings:
        typer.echo(f"- {finding}")
    if recovery.refused:
        raise UserError(f"stack {stack!r} was left as it is, for the reason above")
    if not recovery.findings:
        typer.echo(f"stack {stack!r} has nothing to mend")
        return
    if dry_run or not (yes or (sys.stdin.isatty() and typer.confirm("Do this?", err=True))):
        raise UserError(f"nothing was changed; `airflow-stack recover --stack {stack} --yes` does it")
    recovery.mend()
    typer.echo(f"mended; next: pulumi up --stack {stack}")


def main() -> None:
    """Run a command; what a user can mend ends in one message and exit status 1, without a traceback."""
    try:
        app()
    except UserError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        raise SystemExit(1) from None
