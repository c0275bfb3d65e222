"""Prints logs while they grow, each line with its origin."""

import time
from threading import Thread

from rich.text import Text

from airflow_stack.cli.console import console
from airflow_stack.cli.kubernetes_client import ClusterError
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import workload
from airflow_stack.errors import UserError

from .model import ContainerLog, container_logs

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")
_PAST_LINES = 20
_POLL_SECONDS = 2.0


def print_logs(reader: NamespaceReader, only: str | None = None, *, follow: bool = False) -> None:
    """Print the last lines of all workloads, or of one. With `follow` print new lines and new containers until interrupted.

    Raises:
        UserError: there is no such workload.
        ClusterError: the API server does not answer or refuses.
    """
    printed = set[ContainerLog]()
    while True:
        pods = reader.read("pods")
        names = sorted({workload(pod) for pod in pods})
        if only and only not in names and not printed:
            raise UserError(f"there is no workload {only!r}; workloads: {', '.join(names) or 'none'}")
        for log in container_logs(pods, only):
            if log not in printed:
                printed.add(log)
                colour = _COLOURS[names.index(log.workload) % len(_COLOURS)]
                printer = Thread(target=_print, args=(reader, log, colour, follow), daemon=True)
                printer.start()
                if not follow:
                    printer.join()
        if not follow:
            return
        time.sleep(_POLL_SECONDS)


def _print(reader: NamespaceReader, log: ContainerLog, colour: str, follow: bool) -> None:
    origin = f"{log.workload} {log.container} | "
    try:
        for line in reader.follow(log.pod, log.container, _PAST_LINES, follow=follow):
            console.print(Text(origin, style=colour) + Text.from_ansi(line), soft_wrap=True)
    except ClusterError:  # the pod is gone
        return
