"""`make bench-real`: waiting times of a user and memory, on real pods of this machine.

Measures `make up` and compares it with plain Helm (same chart, values and images). Measures the times from a push to the listed DAG and from a
trigger to the end of a run. Uses its own checkout and cluster. Nothing else should run on the machine.
"""

import base64
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from airflow_stack.names import LOG_CLAIM
from sandbox import toolchain
from sandbox.node import machine
from tests.support.project import NAMESPACE, Project, wait_for

PUSHES, RUNS = 20, 5
VISIBLE_WITHIN = 20  # seconds: polls as often as the chart's default, every 5
PLAIN = "plain"
DAG = """
from datetime import datetime
from airflow.sdk import dag, task

@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False, tags=["bench"])
def {name}():
    @task
    def hello() -> str:
        return "hello"
    hello()

{name}()
"""


def main() -> None:
    """Measure and print one table."""
    table = Table("measurement", "median", "95th percentile", "runs", "bar")
    with tempfile.TemporaryDirectory(prefix="airflow-bench-") as folder:
        project = Project.copy(Path(folder) / "checkout", "node")
        try:
            _measure(project, table)
        finally:
            began = time.monotonic()
            project.sandbox("down")
            table.add_row("`make down`", _seconds(time.monotonic() - began), "", "1", "")
    Console(width=110).print(table)


def _measure(project: Project, table: Table) -> None:
    dags = {**project.setting("dags"), "visibleWithinSeconds": VISIBLE_WITHIN}
    began = time.monotonic()
    output = project.up(dags=dags)
    table.add_row(
        "`make up` with cached tools and images, including the smoke run",
        _seconds(time.monotonic() - began),
        "",
        "1",
        "120 s",
    )
    deployed = _duration(output)
    memory = _memory(project)
    _runs(project, table, "KubernetesExecutor")
    _pushes(project, table)
    if "AIRFLOW_CHART" in os.environ:  # the stand-in chart has no Jobs to compare with
        helm = _plain_helm(project)
        bar = f"1.05 x {helm:.1f} s + 10 s = {1.05 * helm + 10:.1f} s"
        table.add_row("`helm install --wait` with the same chart and values", _seconds(helm), "", "1", "")
        table.add_row("`pulumi up` of the whole stack, including the database", _seconds(deployed), "", "1", bar)
    project.up(dags=dags, executor="LocalExecutor")
    _runs(project, table, "LocalExecutor")
    for what, size in memory.items():
        table.add_row(f"memory of {what}", f"{size / 2**20:.0f} MiB", "", "1", "")


def _pushes(project: Project, table: Table) -> None:
    """Push DAG files at varying times between polls, and wait until each is listed."""
    took = []
    for number in range(PUSHES):
        name = f"pushed_{number}"
        time.sleep(number * 7 % 10 * 0.5)
        project.push({f"{name}.py": DAG.format(name=name)})
        took.append(wait_for(f"DAG {name} in the list", lambda: project.airflow.dags(), lambda seen: name in seen))  # noqa: B023
    _row(table, f"push to listed, polls every 5 s (visibleWithinSeconds: {VISIBLE_WITHIN})", took, "10 s for 95 %")


def _runs(project: Project, table: Table, executor: str) -> None:
    project.airflow.unpause("sample_etl")
    took = []
    for _ in range(RUNS):
        began = time.monotonic()
        project.airflow.ends_green("sample_etl", project.airflow.trigger("sample_etl"))
        took.append(time.monotonic() - began)
    _row(table, f"a run of three tasks that do nothing, {executor}", took, "")


def _plain_helm(project: Project) -> float:
    """Install the same release with Helm and the chart's own Jobs, while the stack is scaled to zero. Returns the seconds."""
    kubectl = _Kubectl(project)
    values = json.loads(kubectl.tool("helm", "get", "values", "airflow", f"--namespace={NAMESPACE}", "--output=json"))
    job = {"enabled": True, "useHelmHooks": False, "applyCustomEnv": False}
    values |= {"migrateDatabaseJob": job, "createUserJob": job}
    for component in ("apiServer", "scheduler", "dagProcessor", "triggerer"):  # their pods must wait for the migration
        values[component]["waitForMigrations"] = {"enabled": True}
    kubectl("create", "namespace", PLAIN)
    for secret in json.loads(kubectl("get", "secrets", f"--namespace={NAMESPACE}", "--output=json"))["items"]:
        if secret["type"] == "Opaque":
            kubectl("create", "--filename=-", given=_copied(secret))
    claim = json.loads(kubectl("get", "pvc", LOG_CLAIM, f"--namespace={NAMESPACE}", "--output=json"))
    size = {"accessModes": claim["spec"]["accessModes"], "resources": claim["spec"]["resources"]}
    kubectl(
        "create",
        "--filename=-",
        given={"apiVersion": "v1", "kind": "PersistentVolumeClaim", **_at(claim), "spec": size},
    )
    psql = 'psql --username "$POSTGRES_USER" --dbname postgres --command "create database plain"'
    kubectl("exec", f"--namespace={NAMESPACE}", "airflow-database-0", "--", "sh", "-c", psql)
    scaled = ("deployment,statefulset", "--selector=tier=airflow", f"--namespace={NAMESPACE}")
    kubectl("scale", *scaled, "--replicas=0")
    waited = ("--for=delete", "--selector=component=scheduler", f"--namespace={NAMESPACE}", "--timeout=180s")
    kubectl("wait", "pod", *waited)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(values))
        file.flush()
        began = time.monotonic()
        chart, place = os.environ["AIRFLOW_CHART"], f"--namespace={PLAIN}"
        kubectl.tool("helm", "install", "airflow", chart, place, f"--values={file.name}", "--wait", "--timeout=15m")
        took = time.monotonic() - began
    kubectl("delete", "namespace", PLAIN)
    kubectl("scale", *scaled, "--replicas=1")
    kubectl("wait", "--for=condition=Available", "deployment", "--all", f"--namespace={NAMESPACE}", "--timeout=300s")
    return took


class _Kubectl:
    """kubectl and helm on the project's cluster."""

    def __init__(self, project: Project) -> None:
        self._env = {
            **os.environ,
            "KUBECONFIG": str(project.state / "cluster" / "kubeconfig"),
            "PATH": f"{toolchain.cache_folder() / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }

    def __call__(self, *words: str, given: object = None) -> str:
        return self.tool("kubectl", *words, given=given)

    def tool(self, *words: str, given: object = None) -> str:
        text = json.dumps(given) if given else ""
        done = subprocess.run(words, env=self._env, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _copied(secret: dict[str, Any]) -> dict[str, Any]:
    data = dict(secret["data"])
    for key in [key for key in data if key.lower().endswith("connection")]:
        text = base64.b64decode(data[key]).decode()
        text = re.sub(r"@airflow-database:(\d+)/[^?]*", rf"@airflow-database.{NAMESPACE}:\1/plain", text)
        data[key] = base64.b64encode(text.encode()).decode()
    return {"apiVersion": "v1", "kind": "Secret", **_at(secret), "data": data}


def _at(thing: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": thing["metadata"]["name"], "namespace": PLAIN}}


def _memory(project: Project) -> dict[str, int]:
    """Resident memory of the pods and of the node's processes, in bytes."""
    home = str(project.state / "cluster")
    own = sum(_resident(pid) for pid in Path("/proc").iterdir() if pid.name.isdigit() and home in _environ(pid))
    pods = 0
    for root in machine.hierarchies():
        for file in root.glob("airflow-sandbox-*/kubepods/memory.stat"):
            found = re.search(r"^(?:total_rss|anon) (\d+)$", file.read_text(), re.MULTILINE)
            pods = max(pods, int(found[1]) if found else 0)
    return {"the pods": pods, "the node's processes": own}


def _environ(process: Path) -> str:
    try:
        return (process / "environ").read_text(errors="replace")
    except OSError:
        return ""


def _resident(process: Path) -> int:
    try:
        return int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _duration(output: str) -> float:
    """Seconds of the deployment, as printed by Pulumi."""
    found = re.search(r"Duration: (?:(\d+)m)?(\d+)s", output)
    assert found, output
    return int(found[1] or 0) * 60 + int(found[2])


def _row(table: Table, what: str, took: list[float], bar: str) -> None:
    worst = statistics.quantiles(took, n=20, method="inclusive")[-1]
    table.add_row(what, _seconds(statistics.median(took)), _seconds(worst), str(len(took)), bar)


def _seconds(number: float) -> str:
    return f"{number:.1f} s"


if __name__ == "__main__":
    main()
