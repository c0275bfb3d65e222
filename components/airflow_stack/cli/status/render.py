"""What `airflow-stack status` and `logs`, `make status` and `make logs` show of a stack's pods."""

import time
from datetime import UTC, datetime
from threading import Thread

from rich.table import Column, Table
from rich.text import Text

from airflow_stack.cli.console import console, duration
from airflow_stack.cli.kubernetes_client import ClusterError
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import containers, creation, doing, is_task, pulls, workload
from airflow_stack.cli.status import problems
from airflow_stack.cli.status.causes import Problem
from airflow_stack.errors import UserError

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")
_LINES = 20  # of each container, from before
_PERIOD = 2.0  # seconds until new containers are found


def status_table(reader: NamespaceReader) -> Table:
    """Make a table of the pods: whose, in which state, how often restarted, how old, from which image."""
    table = Table("workload", "state", "restarts", "age", Column("image", overflow="fold"))
    pulling = pulls(reader.read("events"))
    for pod in sorted(reader.read("pods"), key=lambda pod: (is_task(pod), workload(pod), creation(pod))):
        restarts = sum(container.restarts for container in containers(pod))
        age = duration((datetime.now(UTC) - creation(pod)).total_seconds())
        state = doing(pod, pulling.get(pod["metadata"]["uid"], ""))
        table.add_row(workload(pod), state, str(restarts), age, pod["spec"]["containers"][0]["image"])
    return table


def status_of(reader: NamespaceReader) -> tuple[Table, list[Problem]]:
    """The table, and what will not mend itself.

    Raises:
        UserError: the cluster does not answer, or nothing is there.
    """
    try:
        pods, table = reader.read("pods"), status_table(reader)
        found = problems.find(pods, reader.read("events"), reader, datetime.now(UTC))
    except ClusterError as error:
        raise UserError(f"the pods of namespace {reader.namespace} cannot be read: {error}") from None
    if not pods:
        raise UserError(f"there is no pod in namespace {reader.namespace}; `pulumi up` makes the stack")
    return table, found


def logs(reader: NamespaceReader, only: str | None = None, *, follow: bool = False) -> None:
    """Print the logs of all workloads, or of one, each line with its origin; `follow` goes on until interrupted.

    Raises:
        UserError: there is no such workload.
    """
    shown = set[tuple[str, str, int]]()
    while True:
        pods = reader.read("pods")
        names = sorted({workload(pod) for pod in pods})
        if only and only not in names and not shown:
            raise UserError(f"there is no workload {only!r}; there are: {', '.join(names) or 'none'}")
        for pod in pods:
            for container in containers(pod) if only in (None, workload(pod)) else ():
                attempt = pod["metadata"]["name"], container.name, container.restarts
                if attempt in shown or container.waits:
                    continue
                shown.add(attempt)
                origin = f"{workload(pod)} {container.name}"
                colour = _COLOURS[names.index(workload(pod)) % len(_COLOURS)]
                printer = Thread(target=_print, args=(reader, *attempt[:2], origin, colour, follow), daemon=True)
                printer.start()
                if not follow:
                    printer.join()
        if not follow:
            return
        time.sleep(_PERIOD)


def _print(reader: NamespaceReader, pod: str, container: str, origin: str, colour: str, follow: bool) -> None:
    try:
        for line in reader.follow(pod, container, _LINES, follow=follow):
            console.print(Text(f"{origin} | ", style=colour) + Text.from_ansi(line), soft_wrap=True)
    except ClusterError:  # the pod is gone
        return
