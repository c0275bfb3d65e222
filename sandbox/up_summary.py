"""Summary at the end of `up`: official parts and stand-ins, addresses, login, next step."""

from collections.abc import Iterator, Mapping

from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from airflow_stack.cli.console import console, duration
from airflow_stack.credentials import SECRETS
from airflow_stack.names import PROJECT
from sandbox import config_copy, git_repository
from sandbox.airflow_ready import ReadyAirflow
from sandbox.sandbox_stack import PulumiResult, SandboxStack
from sandbox.session import GIT, ROOT, STAND_IN_CHART, Session

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
    changes = ", ".join(
        f"{count} {'unchanged' if kind == 'same' else f'{kind}d'}" for kind, count in result.changes.items()
    )
    console.print(Panel(grid, title=f"Stack {stack.name} is up ({changes})", title_align="left"))
    for warning in ready.warnings if ready else ():
        console.print(Text(f"warning: {warning}", style="yellow"))


def _parts(session: Session, stack: SandboxStack) -> Iterator[tuple[str, str]]:
    yield "cluster", session.cluster.about
    yield "plugins", "official" if session.official_plugins else "stand-ins"
    chart = config_copy.settings(stack.config_file).get(f"{PROJECT}:chart", {}).get("path")
    if chart == str(STAND_IN_CHART):
        chart = "stand-in with the official chart's values; for the official one: AIRFLOW_CHART=<packed chart>"
    yield "chart", chart or "official"
    if session.cluster.runs_pods:
        yield "images", "stand-ins, built here from PyPI and Debian" if session.stand_in_images else "official"
    for key in session.supplied_secrets(stack):
        command = SECRETS[key.removeprefix(f"{PROJECT}:")].command
        yield key, f"throwaway value; set your own: {command} --stack {stack.name}"


def _outputs(outputs: Mapping[str, object], page: str) -> Iterator[tuple[str, str]]:
    if page:
        yield "page", page
    for key in _SHOWN:
        if outputs.get(key):
            yield key, str(outputs[key])
    if outputs.get("adminPassword"):
        yield "adminPassword", "shown by `make open`"


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
        yield "deploy key", f"{git_repository.public_key(GIT)} (registered on the sandbox's git server)"


def _next_step(session: Session, stack: SandboxStack, outputs: Mapping[str, object]) -> str:
    if not session.cluster.runs_pods:
        return (
            f"Change a setting in Pulumi.{stack.name}.yaml, then run `make preview STACK={stack.name}`.\n"
            "Simulated pods serve no web page. For a running Airflow: `make down`, then `make up` with Docker, "
            "as root on Linux, or with CLUSTER=<kubeconfig context>."
        )
    if outputs.get("gitDeployKey"):
        page = outputs.get("gitDeployKeyPage")
        return f"Add gitDeployKey to {outputs.get('dagRepository')} as a read-only key: {page}"
    if session.serves_dags(stack):
        push = f"git push {(GIT / 'dags.git').relative_to(ROOT)} HEAD:{outputs.get('dagRef')}"
        return f"Run `make open`. To deploy a change, commit it in dags/ and run `{push}`."
    return "Run `make open`."
