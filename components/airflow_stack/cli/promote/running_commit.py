"""The commit that a stack runs, by the logs of its DAG processors. Reads pods and logs.

git-sync logs each commit that it has checked out, also after a restart. With a git bundle Airflow's DAG processor logs each version.
"""

import re

from airflow_stack.chart.delivery import BUNDLE
from airflow_stack.choices import DagDelivery
from airflow_stack.cli.namespace_reader import NamespaceReader
from airflow_stack.cli.pod_state import containers

_HASH = r"\b(?P<commit>[0-9a-f]{40}(?:[0-9a-f]{24})?)\b"
_GIT_SYNC = re.compile(r'"msg":\s*"updated successfully".*"remote":\s*"' + _HASH)
_BUNDLE = re.compile(rf"Version changed for {re.escape(BUNDLE)}, new version: {_HASH}")
_LINES = 100_000
_LABELS = "component=dag-processor"


def running_commits(reader: NamespaceReader, delivery: DagDelivery) -> dict[str, str]:
    """The commit of each DAG processor, by the name of its pod; empty text if its log names none.

    Raises:
        ClusterError: the API server does not answer or refuses.
    """
    container, pattern = ("git-sync", _GIT_SYNC) if delivery is DagDelivery.GIT_SYNC else ("dag-processor", _BUNDLE)
    found = {}
    for pod in reader.read("pods", _LABELS):
        is_running = any(each.name == container and each.running for each in containers(pod))
        if pod["metadata"].get("deletionTimestamp") or not is_running:
            continue
        name = pod["metadata"]["name"]
        lines = reader.follow(name, container, _LINES, follow=False)
        matches = [match for line in lines if (match := pattern.search(line))]
        found[name] = matches[-1]["commit"] if matches else ""
    return found
