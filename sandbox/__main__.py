"""Deploys stacks to a throwaway cluster or to yours: the commands behind `make up`, `make status` and `make down`."""

import os
import shlex
import sys
import webbrowser
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from airflow_stack.cli.console import console, say
from airflow_stack.cli.logs.render import print_logs
from airflow_stack.cli.recover import inspection
from airflow_stack.cli.run_app import run
from airflow_stack.cli.status.model import pod_rows
from airflow_stack.cli.status.render import pod_table
from sandbox import SandboxError, clusters, daemons, pins, toolchain
from sandbox.airflow_api import AirflowApi
from sandbox.airflow_ready import ReadyAirflow, wait_ready
from sandbox.pod_watch import PodWatch
from sandbox.sandbox_stack import SandboxStack, stacks
from sandbox.session import ROOT, STATE, Session, stack_file
from sandbox.up_summary import show

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
StackName = Annotated[str, typer.Option("--stack", help="Name of the stack: Pulumi.<stack>.yaml.")]
Where = Annotated[str | None, typer.Option("--cluster", help="kind, node, simulated, or a context of your kubeconfig.")]
Yes = Annotated[bool, typer.Option("--yes", help="Answer every question with yes.")]


@app.command()
def up(stack: StackName = "dev", where: Where = None, yes: Yes = False) -> None:
    """Deploy a stack. Starts a cluster first if none is running."""
    session = _chosen(stack, where, yes=yes)
    if not session.cluster.throwaway and not _confirmed(f"Deploy stack {stack} to {session.cluster.about}?", yes=yes):
        raise SandboxError(f"stack {stack} was not deployed: confirm the question, or set YES=1")
    session.start()
    opened = session.prepare(stack)
    _recover(opened, session, yes=yes)
    namespace = session.namespace(opened)
    result = opened.up(live=PodWatch(session.reader(opened)).look)
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
    unchanged: Annotated[bool, typer.Option("--expect-no-changes", help="Fail if anything would change.")] = False,
) -> None:
    """Show the changes that `up` would make."""
    session = _chosen(stack, where, yes=yes)
    session.start()
    if not session.prepare(stack).preview("--diff", *["--expect-no-changes"] * unchanged, live=True).ok:
        raise typer.Exit(1)


@app.command("open")
def open_(stack: StackName = "dev", where: Where = None) -> None:
    """Open Airflow in the browser, and print user and password."""
    session = _running(where)
    if not session.cluster.runs_pods:
        raise SandboxError(
            "this cluster has simulated nodes, so Airflow has no web page. "
            "Remove it with `make down`, then run `make up` with Docker, or as root on Linux"
        )
    opened = _deployed(session, stack)
    outputs = opened.outputs(secrets=True)
    if not outputs:
        raise SandboxError(f"the last deployment of stack {stack} failed. Run `make up STACK={stack}`")
    page = session.forward(stack, session.namespace(opened))
    say(f"page      {page}")
    if login := _login(outputs):
        say(f"user      {login[0]}\npassword  {login[1]}")
    if sys.stdout.isatty():
        webbrowser.open(page)


@app.command()
def down(
    stack: Annotated[str | None, typer.Option("--stack", help="Remove only this stack.")] = None,
    where: Where = None,
    keep: Annotated[bool, typer.Option("--keep", help="Stop the processes, keep the data for the next `up`.")] = False,
) -> None:
    """Remove the sandbox and its data, or one stack. Removing the last stack removes the sandbox."""
    cluster = clusters.present(STATE, where)
    if cluster is None:
        say("Nothing is running.")
        return
    session = Session(cluster)
    if (stack or not cluster.throwaway) and cluster.running():
        session.start()  # restarts processes that died
        names = stacks(cluster.stacks, session.env())
        if stack and stack not in names:
            say(f"Stack {stack} is not deployed.")
        for name in [name for name in names if stack in (None, "", name)]:
            _destroy(session, session.stack(name))
    if cluster.throwaway and (not stack or not stacks(cluster.stacks, session.env())):
        stopped = ", ".join(session.stop(keep=keep)) or "nothing"
        say(f"Stopped: {stopped}. {'Data is kept for the next `make up`' if keep else 'All data is removed'}.")


@app.command()
def tools(names: Annotated[list[str] | None, typer.Argument(help="Only these tools.")] = None) -> None:
    """Find, download or build the tools of the sandbox, and list them."""
    if unknown := set(names or ()) - set(pins.ALL):
        raise SandboxError(f"ONLY: unknown tool {', '.join(sorted(unknown))}. Known tools: {', '.join(pins.ALL)}")
    chosen = [pins.ALL[name] for name in names or ()] or [*pins.ENGINE, *pins.CONTROL_PLANE, pins.KWOK_TOOL]
    table = Table("tool", "version", "source")
    for name, tool in toolchain.ensure(chosen).items():
        table.add_row(name, tool.version, tool.origin)
    console.print(table)


@app.command()
def env(where: Where = None) -> None:
    """Print shell commands that point pulumi, helm and kubectl at the sandbox."""
    for key, value in _running(where).env().items():
        if os.environ.get(key) != value:
            typer.echo(f"export {key}={shlex.quote(value)}")


@app.command()
def status(where: Where = None) -> None:
    """Show the cluster, its processes, and the pods of each stack."""
    cluster = clusters.present(STATE, where)
    if cluster is None or not cluster.running():
        say("Nothing is running." if cluster is None else "Nothing is running. `make up` continues with the kept data.")
        return
    session = Session(cluster)
    say(f"Cluster: {cluster.about}.")
    if processes := sorted(daemons.running(STATE / "cluster")):
        say(f"Processes: {', '.join(processes)}.")
    names = stacks(cluster.stacks, session.env())
    if not names:
        say("No stack is deployed. Deploy one with `make up`.")
    for name in names:
        say(f"Stack {name}:")
        reader = session.reader(session.stack(name))
        rows = pod_rows(reader.read("pods"), reader.read("events"), datetime.now(UTC))
        console.print(pod_table(rows))


@app.command()
def logs(
    part: Annotated[str | None, typer.Argument(help="Only this component, such as scheduler.")] = None,
    stack: StackName = "dev",
    where: Where = None,
    follow: Annotated[bool, typer.Option(help="Follow the logs, if the output is a terminal.")] = True,
) -> None:
    """Print the logs of Airflow's components."""
    session = _running(where)
    opened = _deployed(session, stack)
    reader = session.reader(opened)
    print_logs(reader, part, follow=follow and sys.stdout.isatty())


def _chosen(stack: str, where: str | None, *, yes: bool) -> Session:
    stack_file(stack)  # fails before a cluster starts
    return Session(clusters.choose(STATE, where, lambda names: _confirmed(f"Install {names} with apt-get?", yes=yes)))


def _running(where: str | None) -> Session:
    cluster = clusters.present(STATE, where)
    if cluster is None or not cluster.running():
        raise SandboxError("no cluster is running. Start one with `make up`")
    return Session(cluster)


def _deployed(session: Session, stack: str) -> SandboxStack:
    if stack not in stacks(session.cluster.stacks, session.env()):
        raise SandboxError(f"stack {stack} is not deployed. Deploy it with `make up STACK={stack}`")
    return session.stack(stack)


def _confirmed(question: str, *, yes: bool) -> bool:
    """Ask on a terminal. Elsewhere only `--yes` confirms."""
    return yes or (sys.stdin.isatty() and typer.confirm(question))


def _recover(stack: SandboxStack, session: Session, *, yes: bool) -> None:
    """Repair a stack after an interrupted update, if the user agrees."""
    found = inspection.inspect(stack.name, ROOT, session.env())
    for leftover in found.leftovers:
        say(f"- {leftover}")
    if found.leftovers and not found.refused:
        if not _confirmed("An earlier update was interrupted. Repair the stack?", yes=yes):
            raise SandboxError(
                f"an earlier update was interrupted. `make up STACK={stack.name} YES=1` repairs the stack, then deploys it"
            )
        found.repair()
    if found.refused:
        raise SandboxError(f"stack {stack.name} was not changed, for the reason above")


def _login(outputs: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password. None if the stack does not create the admin user, or not its password."""
    user, password = outputs.get("adminUser"), outputs.get("adminPassword")
    return (user, password) if user and password else None


def _wait_ready(session: Session, stack: SandboxStack, page: str) -> ReadyAirflow | None:
    """Wait until Airflow runs DAGs. None without a login."""
    outputs = stack.outputs(secrets=True)
    if not (login := _login(outputs)):
        say("Airflow is not tested, because the stack has no password of an admin user.")
        return None
    api = AirflowApi(page, *login)
    watch = PodWatch(session.reader(stack), settled=True)
    return wait_ready(api, watch.look, session.dag_files(stack, outputs.get("dagRef", "")))


def _destroy(session: Session, stack: SandboxStack) -> None:
    throwaway = session.cluster.throwaway
    if throwaway:
        stack.unprotect()
    if not stack.destroy(live=True).ok:
        fix = (
            "`make down` without STACK removes the whole cluster."
            if throwaway
            else "If a resource is protected, run the output of `python -m sandbox env --cluster <context>` in a shell, "
            "and there `pulumi state unprotect <urn>`."
        )
        raise SandboxError(f"stack {stack.name} was not destroyed, for the reason above. {fix}")
    session.forget(stack)
    say(f"Stack {stack.name} and its history are removed.")


def main() -> None:
    """Run a command. Every error ends it with one message instead of a traceback."""
    run(app)


if __name__ == "__main__":
    main()
