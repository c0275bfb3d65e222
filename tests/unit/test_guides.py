"""Guides: their stack files pass `check`, their figures are those of the code, and each has prerequisites, steps and a next step."""

import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from airflow_stack.chart import sizes
from airflow_stack.choices import DagDelivery, Executor, Size
from airflow_stack.git import polling
from tests.support.cases import ROOT
from tests.support.command import Command

GUIDES = ROOT / "docs" / "guides"
STACK_FILE = re.compile(r"^ *```yaml\n( *# Pulumi\.(\w+)\.yaml.*?)^ *```", re.DOTALL | re.MULTILINE)
WITH_STEPS = (
    "eks",
    "gke",
    "aks",
    "sizing",
    "python-packages",
    "connections",
    "troubleshooting",
    "releases",
    "beside-argo-cd",
    "coming-from",
    "backup",
)
NOT_RUN = ("eks", "gke", "aks", "python-packages", "connections", "beside-argo-cd", "coming-from", "backup")
PARALLELISM = 32
"""Default of `[core] parallelism`, of one scheduler (Airflow 3.3.2)."""
POOL, OVERFLOW = 5, 10
"""Defaults of `[database] sql_alchemy_pool_size` and `sql_alchemy_max_overflow` (Airflow 3.3.2)."""
PROCESSES, SECONDS_PER_FILE = 2, 0.2
"""Default of `[dag_processor] parsing_processes`, and the guide's assumption."""


def stack_files() -> Iterator[tuple[str, str, str]]:
    """Guide, stack and text of every stack file that a guide shows."""
    for guide in sorted(GUIDES.glob("*.md")):
        for text, stack in STACK_FILE.findall(guide.read_text()):
            yield guide.stem, stack, textwrap.dedent(text)


@pytest.mark.parametrize(("guide", "stack", "text"), list(stack_files()))
def test_check_accepts_every_stack_file_of_a_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_command: Command, guide: str, stack: str, text: str
) -> None:
    template = yaml.safe_load((ROOT / "template" / f"Pulumi.{stack}.yaml").read_text())
    config = {**template["config"], **yaml.safe_load(text)["config"]}  # a guide shows the keys that it changes
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    monkeypatch.chdir(tmp_path)
    done = run_command("check", "--stack", stack)
    assert done.status == 0, f"{guide}: {done.err}"


@pytest.mark.parametrize("guide", WITH_STEPS)
def test_a_guide_has_prerequisites_and_numbered_steps_and_one_next_step(guide: str) -> None:
    text = (GUIDES / f"{guide}.md").read_text()
    assert "\n## Prerequisites\n" in text
    assert re.search(r"^(?:## )?1\. ", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-1] == "Next step"


@pytest.mark.parametrize("guide", WITH_STEPS)
def test_the_commands_of_a_guide_are_valid_shell(guide: str) -> None:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", (GUIDES / f"{guide}.md").read_text(), re.DOTALL | re.MULTILINE)
    for block in blocks:
        checked = subprocess.run(
            ["bash", "-n"], input=textwrap.dedent(block), text=True, capture_output=True, check=False
        )
        assert not checked.stderr, f"{block}{checked.stderr}"


@pytest.mark.parametrize("guide", ["eks", "python-packages"])
def test_the_workflow_of_a_guide_pins_its_actions_and_has_no_rights_by_default(guide: str) -> None:
    (block,) = re.findall(
        r"^ *```yaml\n( *name: .*?)^ *```", (GUIDES / f"{guide}.md").read_text(), re.DOTALL | re.MULTILINE
    )
    workflow = yaml.safe_load(textwrap.dedent(block))
    assert workflow["permissions"] == {}
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]
    pinned = "".join(file.read_text() for file in (ROOT / ".github").glob("**/*.yml"))
    assert used
    assert [each for each in used if each not in pinned] == [], "pin what this project pins"


@pytest.mark.parametrize("guide", NOT_RUN)
def test_a_guide_for_a_cloud_marks_at_its_top_the_parts_that_were_not_run(guide: str) -> None:
    assert "**Not run here**" in (GUIDES / f"{guide}.md").read_text().split("## ")[0]


def test_the_readme_lists_every_guide() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [each.name for each in GUIDES.glob("*.md") if f"(docs/guides/{each.name})" not in readme] == []


def rows(heading: str) -> dict[str, list[str]]:
    """Cells of a table of the sizing guide, by size."""
    section = (GUIDES / "sizing.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in section.splitlines() if "| `" in line]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.parametrize("size", Size)
def test_the_sizing_guides_tasks_are_those_of_the_presets(size: Size) -> None:
    pods, local, celery, requests = rows("Concurrent tasks")[size.value]
    preset = sizes.preset(size, Executor.KUBERNETES)
    assert int(pods) == PARALLELISM * preset.scheduler.replicas
    assert int(local) == preset.parallelism * preset.scheduler.replicas
    assert int(celery) == preset.parallelism * preset.workers.replicas
    containers = [
        *[preset.api_server] * preset.api_server.replicas,
        *[preset.scheduler, sizes.LOG_GROOMER] * preset.scheduler.replicas,
        *[preset.dag_processor, sizes.LOG_GROOMER, sizes.GIT_SYNC] * preset.dag_processor.replicas,
        *[preset.triggerer, sizes.LOG_GROOMER, sizes.GIT_SYNC] * preset.triggerer.replicas,
        sizes.STATSD,
    ]
    gibibytes = sum(_amount(each.memory) for each in containers) / 2**30
    assert requests == f"{sum(_amount(each.cpu) for each in containers):.1f} CPU, {gibibytes:.1f} GiB"


def _amount(quantity: str) -> float:
    """A Kubernetes quantity in CPUs or bytes."""
    found = re.fullmatch(r"(\d+)(m|Mi|Gi)?", quantity)
    assert found, quantity
    return int(found[1]) * {"m": 0.001, "Mi": 2**20, "Gi": 2**30, None: 1}[found[2]]


@pytest.mark.parametrize("size", Size)
def test_the_sizing_guides_files_follow_from_its_formula(size: Size) -> None:
    processors, burst, requested = rows("DAG files")[size.value]
    processor = sizes.preset(size, Executor.KUBERNETES).dag_processor
    parse = polling.spend(60, DagDelivery.GIT_SYNC).parse
    assert int(processors) == processor.replicas
    assert int(burst) == round(processor.replicas * PROCESSES * parse / SECONDS_PER_FILE)
    assert int(requested) == round(processor.replicas * _amount(processor.cpu) * parse / SECONDS_PER_FILE)


@pytest.mark.parametrize("size", Size)
def test_the_sizing_guides_connections_are_those_of_the_pools(size: Size) -> None:
    preset = sizes.preset(size, Executor.KUBERNETES)
    api, schedulers = preset.api_server.replicas, preset.scheduler.replicas
    others = preset.dag_processor.replicas + preset.triggerer.replicas
    pools = 2 * api + schedulers + others
    expected = [api, schedulers, others, pools * POOL, pools * (POOL + OVERFLOW)]
    assert rows("Database connections")[size.value] == [str(each) for each in expected]


@pytest.mark.parametrize("size", Size)
def test_the_sizing_guides_polls_are_those_that_check_prints(size: Size) -> None:
    polls = []
    for executor in (Executor.KUBERNETES, Executor.LOCAL, Executor.CELERY):
        preset = sizes.preset(size, executor)
        pods = polling.pollers(
            DagDelivery.GIT_SYNC,
            executor,
            dag_processors=preset.dag_processor.replicas,
            triggerers=preset.triggerer.replicas,
            schedulers=preset.scheduler.replicas,
            workers=preset.workers.replicas,
        )
        polls.append(f"{polling.polls_per_hour(pods, polling.spend(60, DagDelivery.GIT_SYNC).poll)} an hour")
    assert rows("Polls of the git host")[size.value] == polls
