"""The sandbox's commands, behind `make up`, `make preview` and `make down`."""

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from components.stack_config import PROJECT, SECRETS, SettingsError
from sandbox import SandboxError, pins, processes, stackfile, toolchain
from sandbox.console import console, say
from sandbox.session import STAND_IN_CHART, STATE, Session
from sandbox.stack import Result, Stack, stacks

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
StackName = Annotated[str, typer.Option("--stack", help="The stack, as in Pulumi.<stack>.yaml.")]
Context = Annotated[str | None, typer.Option("--cluster", help="A context of your kubeconfig: deploy there.")]
_SHOWN = ("namespace", "adminUser", "gitDeployKey", "dagRepository", "dagRef", "chartVersion")


@app.command()
def up(
    stack: StackName = "dev",
    cluster: Context = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before deploying to your own cluster.")] = False,
) -> None:
    """Deploy a stack, with all that it takes."""
    session = Session(cluster)
    if not (session.cluster.throwaway or yes):
        typer.confirm(f"Deploy stack {stack} to {session.cluster.about}?", abort=True)
    session.start()
    opened = session.prepare(stack)
    result = opened.up(live=True)
    if not result.ok:
        raise typer.Exit(1)
    _show(session, opened, result)


@app.command()
def preview(stack: StackName = "dev", cluster: Context = None) -> None:
    """Show what `up` would change."""
    session = Session(cluster)
    session.start()
    if not session.prepare(stack).preview("--diff", live=True).ok:
        raise typer.Exit(1)


@app.command()
def down(
    stack: Annotated[str | None, typer.Option("--stack", help="Only this stack; otherwise all.")] = None,
    cluster: Context = None,
) -> None:
    """Remove stacks; with the last one of the sandbox goes the cluster."""
    session = Session(cluster)
    at, whole = session.cluster, session.cluster.throwaway and not stack
    if at.running():
        try:
            session.start()  # a control plane that lost a process is mended first
            names = stacks(at.stacks, session.env())
            for name in [name for name in names if stack in (None, "", name)]:
                _destroy(session.stack(name), throwaway=at.throwaway)
            if stack and stack not in names:
                say(f"Stack {stack} is not up.")
            whole = at.throwaway and not stacks(at.stacks, session.env())
        except SandboxError as error:
            if not whole:
                raise
            say(f"{error}\nThe cluster is removed all the same, with all that is in it.")
    if whole:
        ended = ", ".join(at.stop())
        say(f"Ended {ended}, and removed all data." if ended else "Nothing is running.")


@app.command()
def tools() -> None:
    """Find or make the tools, and list them."""
    table = Table("tool", "version", "from")
    for name, tool in toolchain.ensure([*pins.ENGINE, *pins.CONTROL_PLANE]).items():
        table.add_row(name, tool.version, tool.origin)
    console.print(table)


@app.command()
def env(cluster: Context = None) -> None:
    """Print shell commands for using pulumi, helm and kubectl on the sandbox by hand."""
    session = Session(cluster)
    if not session.cluster.running():
        raise SandboxError("nothing is running; `make up` first")
    for key, value in session.env().items():
        if os.environ.get(key) != value:
            typer.echo(f"export {key}={shlex.quote(value)}")


@app.command()
def status(cluster: Context = None) -> None:
    """Say what is up."""
    session = Session(cluster)
    if not session.cluster.running():
        say("Nothing is running.")
        return
    say(f"Cluster: {session.cluster.about}.")
    for name, pid in sorted(processes.running(STATE / "cluster").items()):
        say(f"  {name}: process {pid}")
    say(f"Stacks: {', '.join(stacks(session.cluster.stacks, session.env())) or 'none'}.")


def _destroy(stack: Stack, *, throwaway: bool) -> None:
    if throwaway:
        stack.unprotect()
    if not stack.destroy(live=True).ok:
        way_out = (
            "`make down` without STACK removes the whole cluster."
            if throwaway
            else "A protected resource is deleted only after `pulumi state unprotect <urn>`, in a shell that has "
            "run the output of `python -m sandbox env --cluster <context>`."
        )
        raise SandboxError(f"stack {stack.name} could not be destroyed. {way_out}")
    stack.remove()
    say(f"Stack {stack.name} is removed, with its history.")


def _show(session: Session, stack: Stack, result: Result) -> None:
    outputs = stack.outputs()
    grid = Table.grid(padding=(0, 2))
    for label, text in (*_parts(session, stack), ("", ""), *_outputs(session, stack, outputs)):
        grid.add_row(Text(label), Text(text))
    grid.add_row()
    grid.add_row(Text("Next", style="bold"), Text(_next_step(session, stack, outputs)))
    changes = ", ".join(f"{count} {kind}" for kind, count in result.changes.items())
    console.print(Panel(grid, title=f"Stack {stack.name} is up ({changes})", title_align="left"))


def _parts(session: Session, stack: Stack) -> Iterator[tuple[str, str]]:
    yield "cluster", session.cluster.about
    yield "plugins", "the official ones" if session.official_plugins else "stand-ins for the official ones"
    chart = stackfile.settings(stack.config_file).get("airflow:chart", {}).get("path")
    if chart == str(STAND_IN_CHART):
        chart = (
            "a stand-in that takes the official one's values; AIRFLOW_CHART=<packed chart> makes it the official one"
        )
    yield "chart", chart or "the official one"
    for key in session.supplied_secrets(stack):
        command = SECRETS[key.removeprefix(f"{PROJECT}:")]
        yield key, f"a throwaway value; for your own: {command} --stack {stack.name}"


def _outputs(session: Session, stack: Stack, outputs: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for key in (("portForward", "url") if session.cluster.serves else ()) + _SHOWN:
        if outputs.get(key):
            yield key, str(outputs[key])
    if outputs.get("adminPassword"):
        show = f"pulumi stack output adminPassword --show-secrets --stack {stack.name}"
        yield "adminPassword", f'hidden; eval "$(.venv/bin/python -m sandbox env)"; {show}'


def _next_step(session: Session, stack: Stack, outputs: Mapping[str, object]) -> str:
    if not session.cluster.serves:
        return (
            f"change a setting in Pulumi.{stack.name}.yaml and see `make preview STACK={stack.name}`. There is no "
            "page to open here: for an Airflow that runs, `make down`, then start Docker or name a cluster with "
            "CLUSTER=<kubeconfig context>, and `make up`."
        )
    if outputs.get("gitDeployKey"):
        return f"add gitDeployKey as a read-only deploy key of {outputs.get('dagRepository')}."
    forward = outputs.get("portForward")
    return (f"run `{forward}` and " if forward else "") + f"open {outputs['url']}"


def main() -> None:
    """Run a command; an error that a user can mend is one message, not a traceback."""
    try:
        app()
    except (SandboxError, SettingsError) as error:
        say(f"error: {error}", style="red")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
