"""Which commit a stack runs, by its own word: what its DAG processors' pods last logged. Reads pods and logs, changes nothing.

git-sync logs each commit that it has put in place, also when it starts anew; with a git bundle Airflow's DAG processor logs each version.
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


def running(reader: NamespaceReader, delivery: DagDelivery) -> dict[str, str]:
    """The commit of each DAG processor's pod, by the pod's name; empty text where it does not say."""
    container, said = ("git-sync", _GIT_SYNC) if delivery is DagDelivery.GIT_SYNC else ("dag-processor", _BUNDLE)
    found = {}
    for pod in reader.read("pods", _LABELS):
        there = any(each.name == container and each.running for each in containers(pod))
        if pod["metadata"].get("deletionTimestamp") or not there:
            continue
        name = pod["metadata"]["name"]
        matches = [
            match for line in reader.follow(name, container, _LINES, follow=False) if (match := said.search(line))
        ]
        found[name] = matches[-1]["commit"] if matches else ""
    return found
