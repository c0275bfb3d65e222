"""Every value of the official chart, as a stack's own `values`: it takes effect, is refused with the setting to use, or is listed as without effect.

Helm takes a third of a second for one render. Thus many values change at once, each with a number to find in what is rendered. All values
without effect change at once too, and nothing may change. EVERY_VALUE=1 also renders each switch by itself, about ten minutes.
"""

import json
import os
import re
import subprocess
from base64 import b64decode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from airflow_stack.chart.check import check_values
from airflow_stack.chart.managed import MISSING, WEAKER, value_at
from airflow_stack.chart.merged import at, merge, with_own
from airflow_stack.chart.values import chart_values
from airflow_stack.chart.without_effect import without_effect
from airflow_stack.cli.helm import find_helm
from airflow_stack.settings.models import Settings
from tests.support.cases import EXECUTORS, settings
from tests.support.chart_leaves import ChartLeaves
from tests.support.lean_chart import lean_chart  # noqa: F401

pytestmark = pytest.mark.official_chart

# All optional parts of the chart.
EVERYTHING: dict[str, Any] = {
    **{each: {"enabled": True} for each in ("pgbouncer", "flower", "cleanup", "databaseCleanup")},
    "otelCollector": {"tracesEnabled": True, "metricsEnabled": True},
    "ingress": {each: {"enabled": True} for each in ("flower", "statsd", "pgbouncer")},
}
# Values whose effect has no number in it, or that the chart renders only beside others that are checked here too.
NEEDS: dict[str, dict[str, Any]] = {
    "elasticsearch.enabled": {"elasticsearch": {"secretName": "mine"}},
    "opensearch.enabled": {"opensearch": {"secretName": "mine"}},
}


@pytest.fixture(scope="session")
def chart(lean_chart: Path) -> Path:  # noqa: F811
    return lean_chart


@pytest.fixture(scope="session")
def leaves(chart: Path) -> ChartLeaves:
    return ChartLeaves((chart / "values.yaml").read_text(), (chart / "values.schema.json").read_text())


class Stack:
    """A stack with every part of the chart, and its own values on top."""

    def __init__(self, chart: Path, leaves: ChartLeaves, executor: str) -> None:
        self.chart, self.leaves = chart, leaves
        ingress = {"host": "a.example.com", "controllerNamespace": "ingress"}
        connection = {"metadataConnection": "mine"}
        self.base: Settings = settings(
            executor=executor, ingress=ingress, existingSecrets=connection, values=EVERYTHING
        )
        self.merged = chart_values(self.base)
        self.others = {path: self._other(path, 10_001 + index) for index, path in enumerate(leaves.paths())}
        self.marks = {path: str(10_001 + index) for index, path in enumerate(leaves.paths())}

    def _other(self, path: str, mark: int) -> Any:
        current = value_at(self.merged, path)
        return self.leaves.other(path, mark, value_at(self.leaves.defaults, path) if current is MISSING else current)

    def with_values(self, *paths: str) -> Settings:
        """The stack with other values at these paths."""
        own = merge(EVERYTHING, *(merge(NEEDS.get(path, {}), at(path, self.others[path])) for path in paths))
        return self.base.model_copy(update={"values": own})

    def render(self, *paths: str) -> str:
        """What Helm renders of the stack with other values at these paths."""
        command = [find_helm(), "template", "airflow", str(self.chart), "--skip-schema-validation", "--values", "-"]
        values = json.dumps(chart_values(self.with_values(*paths)))
        done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
        return done.stdout + _decoded(done.stdout) if done.returncode == 0 else ""

    @cache  # noqa: B019  one for each executor
    def outcomes(self) -> Mapping[str, str]:
        """`refused`, `without effect` or `takes effect`, by path."""
        return {path: self._outcome(path) for path in self.others}

    def _outcome(self, path: str) -> str:
        changed = self.with_values(path)
        for problem in check_values(changed):
            if _meet(problem.path, f"values.{path}"):
                assert problem.fix, f"{problem.path}: names no way out"
                return "refused"
        if any(_meet(found, path) for found, _ in without_effect(changed)):
            return "without effect"
        return "takes effect"

    def of(self, outcome: str) -> list[str]:
        """The values with an outcome."""
        return [path for path, found in self.outcomes().items() if found == outcome]


def _decoded(rendered: str) -> str:
    """The content of the Secrets: PgBouncer's configuration."""
    texts = re.findall(r'^  \S+: "?([A-Za-z0-9+/]{8,}={0,2})"?$', rendered, re.MULTILINE)
    return "".join(b64decode(text).decode(errors="replace") for text in texts if len(text) % 4 == 0)


def _meet(one: str, other: str) -> bool:
    """Whether one path is the other, or leads to it."""
    return one == other or one.startswith((f"{other}.", f"{other}[")) or other.startswith(f"{one}.")


@pytest.fixture(scope="module", params=EXECUTORS)
def stack(request: pytest.FixtureRequest, chart: Path, leaves: ChartLeaves) -> Stack:
    return Stack(chart, leaves, request.param)


def test_the_chart_has_more_than_a_thousand_values(leaves: ChartLeaves) -> None:
    assert len(leaves.paths()) > 1100


def test_a_refused_value_is_one_of_few(stack: Stack) -> None:
    assert 60 < len(stack.of("refused")) < 140, stack.of("refused")


def test_no_value_that_is_listed_as_without_effect_has_one(stack: Stack) -> None:
    # Their only effect may be that of values that they would take it from.
    idle = stack.of("without effect")
    assert len(idle) > 200
    assert stack.render(*idle) == stack.render()


def test_every_other_value_is_in_what_is_rendered(stack: Stack) -> None:
    left = [path for path in stack.of("takes effect") if stack.marks[path] in str(stack.others[path])]
    assert len(left) > 400
    # The program names the account of isolated tasks.
    left = [path for path in left if path != "workers.kubernetes.serviceAccount.name"]
    for batch in batches(left):
        rendered = stack.render(*batch)
        left = [path for path in left if path not in batch or not rendered or stack.marks[path] not in rendered]
    with ThreadPoolExecutor(2) as pool:
        alone = dict(zip(left, pool.map(stack.render, left), strict=True))
    assert [path for path, rendered in alone.items() if stack.marks[path] not in rendered] == []


def batches(paths: list[str]) -> Iterator[list[str]]:
    """Values that do not hide each other: those of all components in the first, those of one component in the second."""
    yield [path for path in paths if path.startswith("workers.") is False and "." in path]
    yield [path for path in paths if path.startswith(("workers.celery.", "workers.kubernetes."))]
    yield [
        path
        for path in paths
        if path.startswith("workers.") and not path.startswith(("workers.celery.", "workers.kubernetes."))
    ]
    yield [path for path in paths if "." not in path]


@pytest.mark.skipif(not os.environ.get("EVERY_VALUE"), reason="EVERY_VALUE is not set: one render for each switch")
def test_every_other_switch_changes_what_is_rendered(stack: Stack) -> None:
    unchanged = stack.render()
    left = [path for path in stack.of("takes effect") if stack.marks[path] not in str(stack.others[path])]
    with ThreadPoolExecutor(2) as pool:
        alone = dict(zip(left, pool.map(stack.render, left), strict=True))
    assert [path for path, rendered in alone.items() if rendered in ("", unchanged)] == []


def test_a_weaker_form_takes_effect_as_the_program_uses_the_stronger_one(stack: Stack) -> None:
    for weaker, forms in WEAKER.items():
        own = at(weaker, {"x": 1} if isinstance(value_at(stack.merged, forms[0]), Mapping) else 7)
        merged = with_own(stack.merged, own)
        for form in forms:
            if (before := value_at(stack.merged, form)) is not MISSING:
                assert value_at(merged, form) != before
