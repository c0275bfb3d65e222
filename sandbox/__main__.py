"""The sandbox's commands, behind `make up`, `make preview`, `make open` and `make down`."""

import os
import shlex
import sys
import webbrowser
from typing import Annotated

import typer
from rich.table import Table

from airflow_stack.cli.console import console, say
from airflow_stack.cli.recover import inspection
from airflow_stack.cli.status.progress import Watch
from airflow_stack.cli.status.render import logs as print_logs
from airflow_stack.cli.status.render import status_table
from airflow_stack.errors import UserError
from sandbox import SandboxError, clusters, daemons, pins, toolchain
from sandbox.airflow_api import AirflowApi
from sandbox.airflow_ready import ReadyAirflow, wait_ready
from sandbox.sandbox_stack import SandboxStack, stacks
from sandbox.session import ROOT, STATE, Session
from sandbox.up_summary import show

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
StackName = Annotated[str, typer.Option("--stack", help="The stack, as in Pulumi.<stack>.yaml.")]
Where = Annotated[str | None, typer.Option("--cluster", help="kind, node, simulated or a context of your kubeconfig.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def up(stack: StackName = "dev", where: Where = None, yes: Yes = False) -> None:
    """Deploy a stack, with all that it takes."""
    session = _chosen(where, yes=yes)
    if not session.cluster.throwaway and not _agreed(f"Deploy stack {stack} to {session.cluster.about}?", yes=yes):
        raise SandboxError("nothing was done; YES=1 answers yes")
    session.start()
    opened = session.prepare(stack)
    _recover(opened, session, yes=yes)
    namespace = session.namespace(opened)
    result = opened.up(live=Watch(session.reader(opened)).look)
    if not result.ok:
        raise typer.Exit(1)
    page, ready = "", None
    if session.cluster.runs_pods:
        page = session.forward(stack, namespace)
        ready = _wait_ready(session, opened, page)
    show(session, opened, result, page, ready)


@app.command()
def preview(
    stack: StackName = "dev",
    where: Where = None,
    yes: Yes = False,
    unchanged: Annotated[bool, typer.Option("--expect-no-changes", help="Fail if there is any.")] = False,
) -> None:
    """Show what `up` would change."""
    session = _chosen(where, yes=yes)
    session.start()
    if not session.prepare(stack).preview("--diff", *["--expect-no-changes"] * unchanged, live=True).ok:
        raise typer.Exit(1)


@app.command("open")
def open_(stack: StackName = "dev", where: Where = None) -> None:
    """Open Airflow's page, and print who may log in."""
    session = _present(where)
    if not session.cluster.runs_pods:
        raise SandboxError("this cluster's nodes are simulated: there is no page")
    opened = _deployed(session, stack)
    outputs = opened.outputs(secrets=True)
    page = session.forward(stack, session.namespace(opened))
    say(f"page      {page}\nuser      {outputs['adminUser']}\npassword  {outputs['adminPassword']}")
    if sys.stdout.isatty():
        webbrowser.open(page)


@app.command()
def down(
    stack: Annotated[str | None, typer.Option("--stack", help="Only this stack.")] = None,
    where: Where = None,
    keep: Annotated[bool, typer.Option("--keep", help="Only end the processes; `up` goes on with the data.")] = False,
) -> None:
    """Remove the sandbox with all that is in it, or one stack; with the last stack goes the sandbox."""
    there = clusters.present(STATE, where)
    if there is None:
        say("Nothing is running.")
        return
    session = Session(there)
    if (stack or not there.throwaway) and there.running():
        session.start()  # a control plane that lost a process is mended first
        names = stacks(there.stacks, session.env())
        if stack and stack not in names:
            say(f"Stack {stack} is not up.")
        for name in [name for name in names if stack in (None, "", name)]:
            _destroy(session, session.stack(name))
    if there.throwaway and (not stack or not stacks(there.stacks, session.env())):
        ended = ", ".join(session.stop(keep=keep)) or "nothing"
        say(f"Ended {ended}; {'the data is kept for the next `make up`' if keep else 'removed all data'}.")


@app.command()
def tools(names: Annotated[list[str] | None, typer.Argument(help="Only these.")] = None) -> None:
    """Find or make the tools that every cluster of ours needs, and list them."""
    if unknown := set(names or ()) - set(pins.ALL):
        raise SandboxError(f"{', '.join(sorted(unknown))}: no such tool; there are {', '.join(pins.ALL)}")
    chosen = [pins.ALL[name] for name in names or ()] or [*pins.ENGINE, *pins.CONTROL_PLANE, pins.KWOK_TOOL]
    table = Table("tool", "version", "from")
    for name, tool in toolchain.ensure(chosen).items():
        table.add_row(name, tool.version, tool.origin)
    console.print(table)


@app.command()
def env(where: Where = None) -> None:
    """Print shell commands for using pulumi, helm and kubectl on the sandbox by hand."""
    for key, value in _present(where).env().items():
        if os.environ.get(key) != value:
            typer.echo(f"export {key}={shlex.quote(value)}")


@app.command()
def status(where: Where = None) -> None:
    """Say what is up, and how each part fares."""
    there = clusters.present(STATE, where)
    if there is None or not there.running():
        say("Nothing is running." if there is None else "Nothing is running; `make up` goes on with the data.")
        return
    session = Session(there)
    say(f"Cluster: {there.about}.")
    say(f"  {', '.join(sorted(daemons.running(STATE / 'cluster')))}")
    names = stacks(there.stacks, session.env())
    if not names:
        say("No stack is up.")
    for name in names:
        say(f"Stack {name}:")
        console.print(status_table(session.reader(session.stack(name))))


@app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help="Only of this part, such as scheduler.")] = None,
    stack: StackName = "dev",
    where: Where = None,
    follow: Annotated[bool, typer.Option(help="Go on as long as there is a terminal to print to.")] = True,
) -> None:
    """Print the logs of Airflow's parts."""
    session = _present(where)
    opened = _deployed(session, stack)
    reader = session.reader(opened)
    print_logs(reader, part, follow=follow and sys.stdout.isatty())


def _chosen(where: str | None, *, yes: bool) -> Session:
    return Session(clusters.choose(STATE, where, lambda names: _agreed(f"Install {names} with apt-get?", yes=yes)))


def _present(where: str | None) -> Session:
    there = clusters.present(STATE, where)
    if there is None or not there.running():
        raise SandboxError("nothing is running; `make up` first")
    return Session(there)


def _deployed(session: Session, stack: str) -> SandboxStack:
    if stack not in stacks(session.cluster.stacks, session.env()):
        raise SandboxError(f"stack {stack} is not up; `make up STACK={stack}` first")
    return session.stack(stack)


def _agreed(question: str, *, yes: bool) -> bool:
    """Ask, where somebody can answer."""
    return yes or (sys.stdin.isatty() and typer.confirm(question))


def _recover(stack: SandboxStack, session: Session, *, yes: bool) -> None:
    """Offer to mend what an update that was broken off has left."""
    found = inspection.inspect(stack.name, ROOT, session.env())
    for finding in found.findings:
        say(f"- {finding}")
    if found.findings and not found.refused:
        if not _agreed("An earlier update was broken off. Mend this?", yes=yes):
            raise SandboxError(f"an earlier update was broken off; `make up STACK={stack.name} YES=1` mends it first")
        found.mend()
    if found.refused:
        raise SandboxError(f"stack {stack.name} was left as it is, for the reason above")


def _wait_ready(session: Session, stack: SandboxStack, page: str) -> ReadyAirflow:
    """Wait until Airflow runs DAGs."""
    outputs = stack.outputs(secrets=True)
    api = AirflowApi(page, outputs["adminUser"], outputs["adminPassword"])
    watch = Watch(session.reader(stack), settled=True)
    return wait_ready(api, watch.look, session.dag_files(stack, outputs.get("dagRef", "")))


def _destroy(session: Session, stack: SandboxStack) -> None:
    throwaway = session.cluster.throwaway
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
    session.forget(stack)
    say(f"Stack {stack.name} is removed, with its history.")


def main() -> None:
    """Run a command; an error that a user can mend is one message, not a traceback."""
    try:
        app()
    except UserError as error:
        say(f"error: {error}", style="red")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
