"""One stack's comparison, and how all stacks are compared: the trees are rendered, the charts are filled in, the rest is pure."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli import stack_file
from airflow_stack.cli.diff.base_tree import checked_out
from airflow_stack.cli.diff.blast_radius import blast_radius, level
from airflow_stack.cli.diff.chart_files import chart_file
from airflow_stack.cli.diff.model import Finding, Level, dangerous
from airflow_stack.cli.diff.object_changes import Change, Field, changes, fields, normal
from airflow_stack.cli.diff.renderings import RELEASE, Side, Tree, described, side
from airflow_stack.cli.diff.totals import Totals, totals
from airflow_stack.cli.helm import helm_template
from airflow_stack.credentials import SECRETS
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Chart

_Rendering = tuple[Chart, str, str, dict[str, Any]]


@dataclass(frozen=True)
class Report:
    """What a change does to one stack."""

    stack: str
    findings: tuple[Finding, ...] = ()
    settings: tuple[Field, ...] = ()
    objects: tuple[Change, ...] = ()
    before: Totals = field(default_factory=Totals)
    after: Totals = field(default_factory=Totals)

    @property
    def level(self) -> Level:
        """How much the change asks of a reviewer."""
        return level(list(self.findings))


def compared(stack: str, before: Side | None, after: Side) -> Report:
    """The report on one stack; without a side before, all of it is new."""
    if before is None:
        everything = changes(Side({}, {}), after)
        text = f"The stack is new at this change: {len(after.objects)} objects are made by its first `pulumi up`."
        return Report(stack, (Finding("new", text),), (), tuple(everything), Totals(), totals(after))
    return Report(
        stack,
        tuple(blast_radius(before, after)),
        tuple(fields(normal(before.settings), normal(after.settings), settings=True)),
        tuple(changes(before, after)),
        totals(before),
        totals(after),
    )


def compare(root: Path, stacks: Sequence[str], base: str, chart: Path | None) -> tuple[list[Report], str]:
    """The reports on stacks as they are in `root` against the base, and the base's commit.

    Raises:
        UserError: the base, a program or a chart cannot be had.
        SettingsError: a stack is on neither side.
    """
    with checked_out(root, base) as (folder, commit):
        trees = [Tree(folder, f"the base {base!r}"), Tree(root, "the work tree")]
        for stack in stacks:
            if not any(tree.has(stack) for tree in trees):
                stack_file.read(root, stack)  # which says what stacks there are
        before, after = described(trees, stacks, chart.absolute() if chart else None)
        with ThreadPoolExecutor() as workers:  # Helm runs beside Helm
            return list(workers.map(partial(_report, before, after), stacks)), commit


def _report(before: Tree, after: Tree, stack: str) -> Report:
    if stack not in after.stacks:
        text = "The stack's file is gone. That deletes nothing: `pulumi destroy` and `pulumi stack rm` do, while the file is still there."
        return Report(stack, (dangerous("removed", text),))
    trees = [tree for tree in (before, after) if stack in tree.stacks]
    asked = [[*_releases(tree, stack)] for tree in trees]
    different: list[_Rendering] = []
    for rendering in (rendering for of_tree in asked for rendering in of_tree):
        if rendering not in different:
            different.append(rendering)
    with ThreadPoolExecutor() as workers:
        done = list(workers.map(lambda rendering: helm_template(*rendering), different))
    charts = [[manifest for rendering in of_tree for manifest in done[different.index(rendering)]] for of_tree in asked]
    new = side(after.stacks[stack], charts[-1], _renewed(before, after, stack) if len(trees) == 2 else frozenset())
    return compared(stack, side(before.stacks[stack], charts[0]) if len(trees) == 2 else None, new)


def _releases(tree: Tree, stack: str) -> Iterator[_Rendering]:
    """What Helm is asked to render; where both sides ask for the same, it is asked once."""
    for resource in tree.stacks[stack]["resources"]:
        if resource["type"] == RELEASE:
            release = resource["inputs"]
            chart = Chart(path=str(chart_file(release, tree.folder)))
            yield chart, release["name"], release["namespace"], release["values"]


def _renewed(before: Tree, after: Tree, stack: str) -> frozenset[str]:
    """The secrets of the stack file whose encrypted text changed; after a change of the encryption itself all have, and none is told."""
    old, new = (_encrypted(tree.folder, stack) for tree in (before, after))
    if old[0] != new[0]:
        return frozenset()
    return frozenset(key for key in SECRETS if key in new[1] and new[1][key] != old[1].get(key))


def _encrypted(folder: Path, stack: str) -> tuple[list[object], Mapping[str, Any]]:
    text = (folder / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml").read_text()
    content = yaml.safe_load(text) or {}
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in (content.get("config") or {}).items()}
    return [content.get(key) for key in ("encryptionsalt", "encryptedkey", "secretsprovider")], config
