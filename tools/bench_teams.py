"""`make bench-teams`: many teams on a simulated cluster, in one program and as separate stacks.

Three environments, each a context of its own. Seconds are of one run; MiB are the peak of Pulumi, its program and its plugins together.
A stack of its own costs the same for every team, so it is measured for one team.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from airflow_stack.cli.teams import stack_files, table_file
from sandbox import toolchain
from sandbox.pulumi_environment import environment
from sandbox.pulumi_environment import plugins as used_plugins
from sandbox.sandbox_stack import PulumiResult, SandboxStack
from sandbox.simulated import SimulatedCluster
from tools.bench import simulated_cluster

ROOT = Path(__file__).parents[1]
CHART = Path(os.environ.get("AIRFLOW_CHART", ROOT / "sandbox" / "chart"))
ENVIRONMENTS = ("dev", "staging", "prod")
PROGRAMS = {
    "one": "from airflow_stack import teams\nteams()\n",
    "own": 'from airflow_stack import Airflow, stack_arguments\nAirflow("airflow", stack_arguments())\n',
}


@dataclass
class Figures:
    """What one way costs."""

    airflows: int
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each command: `first preview`, `up`, `preview without changes`."""
    mib: dict[str, float] = field(default_factory=dict)
    """Peak memory of each command."""
    state_kib: float = 0
    """Size of the state in Pulumi's JSON."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--teams", type=int, nargs="+", default=[1, 10, 50], help="numbers of teams")
    parser.add_argument(
        "--up", type=int, default=50, help="largest number of teams that is deployed, not only previewed"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, simulated_cluster(Path(name)) as cluster:
        folder = Path(name)
        env = environment(ROOT, folder / "home", _contexts(cluster, folder), toolchain.cache_folder())
        console = Console(width=120)
        console.print(f"Plugins: {used_plugins(env)}. Chart: {CHART.name}.")
        _show(console, "A stack of its own, one of them", [_own_stacks(folder / "own", env)])
        figures = []
        for figure in _one_program(folder / "one", env, chosen.teams, chosen.up):
            figures.append(figure)
            _show(console, "One program", figures)


def _own_stacks(folder: Path, env: dict[str, str]) -> Figures:
    """The mean of the stacks of one team."""
    project = _project(folder, "own", 1)
    rows = table_file.read(project / "teams.yaml")
    measured = []
    for file in stack_files.compare(folder, rows):
        stack = SandboxStack(project, file.stack.name, folder, env)
        stack.create()
        created = yaml.safe_load(file.path.read_text()) if file.path.exists() else {}
        file.path.write_text(yaml.safe_dump({**(created or {}), **file.content}))
        measured.append(_measured(stack, 1, deploy=True))
    mean = Figures(1)
    for each in ("seconds", "mib"):
        keys = getattr(measured[0], each)
        setattr(mean, each, {key: sum(getattr(one, each)[key] for one in measured) / len(measured) for key in keys})
    mean.state_kib = sum(one.state_kib for one in measured) / len(measured)
    return mean


def _one_program(folder: Path, env: dict[str, str], numbers: list[int], deployed: int) -> Iterator[Figures]:
    """One program that grows to each number of teams."""
    for number in numbers:
        project = _project(folder, "one", number)
        stack = SandboxStack(project, "all", folder, env)
        stack.create()
        yield _measured(stack, number * len(ENVIRONMENTS), deploy=number <= deployed)


def _measured(stack: SandboxStack, airflows: int, *, deploy: bool) -> Figures:
    figures = Figures(airflows)
    commands: dict[str, Callable[[], PulumiResult]] = {"first preview": stack.preview}
    if deploy:
        commands |= {"up": stack.up, "preview without changes": lambda: stack.preview("--expect-no-changes")}
    for name, command in commands.items():
        began = time.monotonic()
        with _peak_memory() as peak:
            done = command()
        if not done.ok:
            raise SystemExit(done.output)
        figures.seconds[name], figures.mib[name] = time.monotonic() - began, peak[0]
    figures.state_kib = len(json.dumps(stack.export())) / 1024 if deploy else 0
    return figures


@contextmanager
def _peak_memory() -> Iterator[list[float]]:
    """Peak of the memory of all processes that are started in the block, in MiB."""
    peak, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            peak[0] = max(peak[0], _memory_of_children() / 1024)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def _memory_of_children() -> float:
    """KiB of all descendants of this process, without the cluster, which is no child of it."""
    parents, sizes = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:  # it has ended
            continue
        pid = int(lines["Pid"])
        parents[pid], sizes[pid] = int(lines["PPid"]), int(lines.get("VmRSS", "0 kB").split()[0])
    own, names = os.getpid(), {"kube-apiserver", "etcd", "kwok", "kube-controller-manager", "kube-scheduler"}

    def below(pid: int) -> bool:
        while pid in parents:
            if parents[pid] == own:
                return True
            pid = parents[pid]
        return False

    return sum(size for pid, size in sizes.items() if below(pid) and _name(pid) not in names)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _project(folder: Path, way: str, teams: int) -> Path:
    """A project with a table of so many teams."""
    project = folder / "project"
    project.mkdir(parents=True, exist_ok=True)
    (project / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "bench", "runtime": "python"}))
    (project / "__main__.py").write_text(PROGRAMS[way])
    table = {
        "defaults": {"chart": {"path": str(CHART)}, "labels": {"team": "<team>"}},
        "environments": {each: {"cluster": f"cluster-{each}"} for each in ENVIRONMENTS},
        "teams": {
            f"{way}-{n}": {"dags": {"repository": f"https://github.com/acme/team-{n}.git"}} for n in range(teams)
        },
    }
    (project / "teams.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
    return project


def _contexts(cluster: SimulatedCluster, folder: Path) -> str:
    """A kubeconfig with a context for each environment; all lead to the one API server."""
    content = yaml.safe_load(Path(cluster.kubeconfig).read_text())
    first = content["contexts"][0]["context"]
    content["contexts"] += [{"name": f"cluster-{each}", "context": first} for each in ENVIRONMENTS]
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(content))
    return str(file)


def _show(console: Console, title: str, figures: list[Figures]) -> None:
    steps = ("first preview", "up", "preview without changes")
    table = Table("Airflows", *steps, "peak memory", "state", title=title, title_justify="left")
    for each in figures:
        times = [f"{each.seconds[step]:.0f} s" if step in each.seconds else "-" for step in steps]
        state = f"{each.state_kib:.0f} KiB" if each.state_kib else "-"
        table.add_row(str(each.airflows), *times, f"{max(each.mib.values()):.0f} MiB", state)
    console.print(table)


if __name__ == "__main__":
    main()
