"""`make bench`: import, preview and render times of the program, compared with an empty program and with a Release alone.

All programs run on one throwaway cluster. Figures are medians. Ratios are relative to the empty program.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from airflow_stack.chart.values import chart_values
from airflow_stack.cli.manifests import stack_manifests
from airflow_stack.settings.models import Logs, Settings
from sandbox import config_copy, pins, toolchain
from sandbox.pulumi_environment import environment
from sandbox.sandbox_stack import SandboxStack
from sandbox.simulated import SimulatedCluster
from tests.support.cases import SERVED, stack_settings

ROOT = Path(__file__).parents[1]
CHART = ROOT / "sandbox" / "chart"
RUNS = 7
ALLOWED_OVER_RELEASE = 0.6  # seconds of a preview without changes (DESIGN, bars)
RELEASE_ALONE = """
import json, pulumi_kubernetes as k8s
values = json.load(open("values.json"))
k8s.helm.v3.Release("airflow", name="airflow", chart=values.pop("chart"), namespace="alone", create_namespace=True, values=values)
"""
MANY = """
import atexit, re
from pathlib import Path
from airflow_stack import Airflow
atexit.register(lambda: Path("peak").write_text(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
for team in range(int(Path("count").read_text())):
    place = {"namespace": f"team-{team}", "labels": {"team": str(team)}, "quota": {"pods": "40"}}
    dags = {"repository": f"git@github.com:acme/team-{team}.git"}
    Airflow(f"team-{team}", {"chart": {"path": "<chart>"}, "dags": dags, **place})
"""
COUNTS = (1, 10, 50)
ALLOWED_GROWTH = 1.3  # cost of one more Airflow at 50 relative to that at 10; on a busy machine a quarter is noise
IMPORTS = {
    "empty": "import pulumi",
    "release alone": "import pulumi, pulumi_kubernetes as k8s; k8s.helm.v3.Release",
    "this program": "import airflow_stack.airflow",
}


def main() -> None:
    """Measure and print the tables."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise each run compiles its imports
    console = Console()
    settings = stack_settings("dev", CHART)
    console.print(_table("Import", "seconds", _imports()), _memory(), sep="\n")
    with tempfile.TemporaryDirectory() as folder, simulated_cluster(Path(folder)) as cluster:
        previews = _previews(Path(folder), settings, cluster)
        console.print(_table("Preview without changes", "seconds", previews))
        _show_many(console, *_many(Path(folder), cluster))
    over = previews["this program"] - previews["release alone"]
    verdict = "within" if over <= ALLOWED_OVER_RELEASE else "OVER"
    console.print(f"more than the release alone: {over:.2f} s, {verdict} the limit of {ALLOWED_OVER_RELEASE} s")
    if over > ALLOWED_OVER_RELEASE:
        console.print(_table("Slowest imports, by package", "seconds", _profile()))
    renders = {name: _median(partial(_render, name)) for name in ("dev", "staging", "prod")}
    console.print(_table("Render a stack", "seconds", renders))


def _render(stack: str) -> None:
    stack_manifests(stack_settings(stack, CHART), stack)


def _imports() -> dict[str, float]:
    return {name: _median(partial(_python, code)) for name, code in IMPORTS.items()}


def _memory() -> Table:
    # getrusage would include the maximum of the parent process.
    measure = "; import re; print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    peak = {name: int(_python(code + measure)) / 1024 for name, code in IMPORTS.items()}
    return _table("Memory", "MiB", peak)


def _profile() -> dict[str, float]:
    """Import time of each package in seconds, slowest first."""
    command = [sys.executable, "-X", "importtime", "-c", IMPORTS["this program"]]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stderr.splitlines()
    spent: dict[str, float] = defaultdict(float)
    for line in lines[1:]:
        own, _, module = line.removeprefix("import time:").split("|")
        depth = 3 if "pulumi_kubernetes" in module else 1
        spent[".".join(module.strip().split(".")[:depth])] += int(own) / 1e6
    return dict(sorted(spent.items(), key=lambda item: -item[1])[:8])


def _python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _previews(folder: Path, settings: Settings, cluster: SimulatedCluster) -> dict[str, float]:
    seconds = {}
    for name, program in (("empty", ""), ("release alone", RELEASE_ALONE), ("this program", None)):
        project, home = ROOT, folder / name.replace(" ", "-")
        if program is not None:
            project = _project(home / "project", program, settings)
        stack = _stack(project, home, cluster)
        if program is None:
            source, target = ROOT / "Pulumi.dev.yaml", stack.config_file
            config_copy.write(source, target, throwaway=True, chart=str(CHART), served=SERVED)
            for key, value in config_copy.missing_secrets(target, SERVED).items():
                stack.set_secret(key, value)
        deployed = stack.up()
        if not deployed.ok:
            raise SystemExit(deployed.output)
        seconds[name] = _median(partial(stack.preview, "--expect-no-changes"))
    return seconds


def _many(folder: Path, cluster: SimulatedCluster) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of a preview with many Airflows, and MiB of its program, by number of Airflows."""
    project = folder / "many"
    project.mkdir()
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "many", "runtime": "python"}))
    (project / "__main__.py").write_text(MANY.replace("<chart>", str(CHART)))
    stack, seconds, memory = _stack(project, folder / "many-home", cluster), {}, {}
    for count in COUNTS:
        (project / "count").write_text(str(count))

        def preview() -> None:
            shown = stack.preview()
            if not shown.ok:
                raise SystemExit(shown.output)

        seconds[str(count)] = _median(preview, 3)
        memory[str(count)] = int((project / "peak").read_text()) / 1024
    return seconds, memory


def _show_many(console: Console, seconds: dict[str, float], memory: dict[str, float]) -> None:
    console.print(_table("First preview of many Airflows", "seconds", seconds), _table("Its program", "MiB", memory))
    for unit, figures in (("s", seconds), ("MiB", memory)):
        one, ten, fifty = figures.values()
        early, late = (ten - one) / (COUNTS[1] - COUNTS[0]), (fifty - ten) / (COUNTS[2] - COUNTS[1])
        verdict = "linear" if late <= ALLOWED_GROWTH * early else "MORE THAN LINEAR"
        console.print(f"one more Airflow costs {early:.2f} {unit} up to 10, {late:.2f} {unit} up to 50: {verdict}")


def _stack(project: Path, home: Path, cluster: SimulatedCluster) -> SandboxStack:
    stack = SandboxStack(project, "dev", home, environment(ROOT, home, cluster.kubeconfig, toolchain.cache_folder()))
    stack.create()
    return stack


@contextmanager
def simulated_cluster(folder: Path) -> Iterator[SimulatedCluster]:
    """A running cluster, removed at the end."""
    cluster = SimulatedCluster(folder / "cluster")
    try:
        cluster.start(toolchain.ensure([*pins.ENGINE, *SimulatedCluster.tools]))
        yield cluster
    finally:
        cluster.stop()


def _project(folder: Path, program: str, settings: Settings) -> Path:
    folder.mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "bench", "runtime": "python"}))
    (folder / "__main__.py").write_text(program)
    values = chart_values(settings.model_copy(update={"logs": Logs()}))  # the volume of logs is a resource of its own
    (folder / "values.json").write_text(json.dumps({**values, "chart": str(CHART)}))
    return folder


def _median(call: Callable[[], object], runs: int = RUNS) -> float:
    seconds = []
    for _ in range(runs):
        began = time.monotonic()
        call()
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds)


def _table(title: str, unit: str, figures: dict[str, float]) -> Table:
    table = Table("", unit, "ratio", title=title, title_justify="left")
    first = next(iter(figures.values()))
    for name, figure in figures.items():
        table.add_row(name, f"{figure:.2f}", f"{figure / first:.1f}")
    return table


if __name__ == "__main__":
    main()
