"""What `up` says when a stack is up: what it is made of, where it answers, who may log in, what to do next."""

from collections.abc import Iterator, Mapping

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from airflow_stack.cli.console import console, duration
from airflow_stack.inputs.validation import PROJECT, SECRETS
from sandbox import config_copy, git_repository
from sandbox.airflow_ready import ReadyAirflow
from sandbox.sandbox_stack import PulumiResult, SandboxStack
from sandbox.session import GIT, ROOT, STAND_IN_CHART, Session

_WORDS = {"same": "unchanged", "create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_SHOWN = ("namespace", "gitDeployKey", "dagRepository", "dagRef", "chartVersion", "adminUser")


def show(session: Session, stack: SandboxStack, result: PulumiResult, page: str, ready: ReadyAirflow | None) -> None:
    """Print the summary."""
    outputs = stack.outputs()
    grid = Table.grid(padding=(0, 2))
    lines = (*_parts(session, stack), ("", ""), *_outputs(outputs, page), *_found(ready), *_served(session, stack))
    for label, text in lines:
        grid.add_row(Text(label), Text(text, overflow="fold"))
    grid.add_row()
    grid.add_row(Text("Next", style="bold"), Text(_next_step(session, stack, outputs)))
    changes = ", ".join(f"{count} {_WORDS.get(kind, kind)}" for kind, count in result.changes.items())
    console.print(Panel(grid, title=f"Stack {stack.name} is up ({changes})", title_align="left"))
    for warning in ready.warnings if ready else ():
        console.print(Text(f"warning: {warning}", style="yellow"))


def _parts(session: Session, stack: SandboxStack) -> Iterator[tuple[str, str]]:
    yield "cluster", session.cluster.about
    yield "plugins", "the official ones" if session.official_plugins else "stand-ins for the official ones"
    chart = config_copy.settings(stack.config_file).get(f"{PROJECT}:chart", {}).get("path")
    if chart == str(STAND_IN_CHART):
        chart = (
            "a stand-in that takes the official one's values; AIRFLOW_CHART=<packed chart> makes it the official one"
        )
    yield "chart", chart or "the official one"
    if session.cluster.runs_pods:
        yield "images", "stand-ins, made here from PyPI and Debian" if session.stand_in_images else "the official ones"
    for key in session.supplied_secrets(stack):
        command = SECRETS[key.removeprefix(f"{PROJECT}:")]
        yield key, f"a throwaway value; for your own: {command} --stack {stack.name}"


def _outputs(outputs: Mapping[str, object], page: str) -> Iterator[tuple[str, str]]:
    if page:
        yield "page", page
    for key in _SHOWN:
        if outputs.get(key):
            yield key, str(outputs[key])
    if outputs.get("adminPassword"):
        yield "adminPassword", "`make open` prints it"


def _found(ready: ReadyAirflow | None) -> Iterator[tuple[str, str]]:
    if ready is None:
        return
    yield "Airflow", f"{ready.version}, scheduling"
    yield "DAGs", ", ".join(ready.dags)
    if ready.tasks:
        took = duration(ready.seconds["smoke run"])
        where = len({task.host for task in ready.tasks})
        yield "smoke run", f"green in {took}: {len(ready.tasks)} tasks on {where} {'pod' if where == 1 else 'pods'}"


def _served(session: Session, stack: SandboxStack) -> Iterator[tuple[str, str]]:
    if session.serves_dags(stack):
        yield "deploy key", f"{git_repository.public_key(GIT)} (the sandbox's git server knows it)"


def _next_step(session: Session, stack: SandboxStack, outputs: Mapping[str, object]) -> str:
    if not session.cluster.runs_pods:
        return (
            f"change a setting in Pulumi.{stack.name}.yaml and see `make preview STACK={stack.name}`. There is no "
            "page to open here: for an Airflow that runs, `make down`, then `make up` as root on Linux, with Docker, or "
            "with CLUSTER=<kubeconfig context>."
        )
    if outputs.get("gitDeployKey"):
        return f"add gitDeployKey to {outputs.get('dagRepository')}, read-only, on {outputs.get('gitDeployKeyPage')}."
    if session.serves_dags(stack):
        push = f"git push {(GIT / 'dags.git').relative_to(ROOT)} HEAD:{outputs.get('dagRef')}"
        return f"`make open`; then change a file in dags/, commit it, `{push}`, and see it there."
    return "`make open`."
