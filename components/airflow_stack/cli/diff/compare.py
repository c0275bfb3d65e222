"""Compares stacks of the work tree with a base: renders both trees, then compares the renderings."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.cli import stack_file
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.credentials import SECRETS
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Chart

from .base_tree import checked_out
from .blast_radius import blast_radius
from .chart_files import chart_file
from .model import Effect, RenderedStack, StackDiff, dangerous
from .object_changes import field_changes, normalized, object_changes
from .renderings import ProjectTree, recorded, rendered_stack
from .totals import totals_of

_Template = tuple[Chart, str, str, dict[str, Any]]
"""Arguments of `helm_template`."""


def compare(root: Path, stacks: Sequence[str], base: str, chart: Path | None) -> tuple[list[StackDiff], str]:
    """Compare stacks with the base.

    Args:
        root: Folder of the stack files: the work tree.
        stacks: Names of the stacks.
        base: Commit to compare with.
        chart: Local chart for both; None: the chart of each.

    Returns:
        The results, and the hash of the base.

    Raises:
        UserError: the base, a program or a chart is not available, or a stack is in neither tree.
    """
    with checked_out(root, base) as (folder, commit):
        trees = [ProjectTree(folder, f"the base {base!r}"), ProjectTree(root, "the work tree")]
        for stack in stacks:
            if not any(tree.has(stack) for tree in trees):
                stack_file.read(root, stack)  # raises an error that lists the stacks
        before, after = recorded(trees, stacks, chart.absolute() if chart else None)
        with ThreadPoolExecutor() as workers:  # Helm runs in parallel
            return list(workers.map(partial(_diff, before, after), stacks)), commit


def diff_renderings(stack: str, before: RenderedStack | None, after: RenderedStack) -> StackDiff:
    """Compare two renderings of a stack. Without `before` everything is new."""
    if before is None:
        changes = tuple(object_changes(RenderedStack({}, {}), after))
        text = f"The stack is new: its first `pulumi up` creates {len(after.objects)} objects."
        return StackDiff(stack, (Effect("new", text),), objects=changes, after=totals_of(after))
    return StackDiff(
        stack,
        tuple(blast_radius(before, after)),
        tuple(field_changes(normalized(before.settings), normalized(after.settings), settings=True)),
        tuple(object_changes(before, after)),
        totals_of(before),
        totals_of(after),
    )


def _diff(before: ProjectTree, after: ProjectTree, stack: str) -> StackDiff:
    if stack not in after.stacks:
        text = "The stack's file is gone. This deletes nothing: run `pulumi destroy` and `pulumi stack rm` while the file still exists."
        return StackDiff(stack, (dangerous("removed", text),))
    trees = [tree for tree in (before, after) if stack in tree.stacks]
    templates = [[*_templates(tree, stack)] for tree in trees]
    different: list[_Template] = []  # equal templates of both trees are rendered once
    for template in (template for of_tree in templates for template in of_tree):
        if template not in different:
            different.append(template)
    with ThreadPoolExecutor() as workers:
        done = list(workers.map(lambda template: helm_template(*template), different))
    released = [[manifest for each in of_tree for manifest in done[different.index(each)]] for of_tree in templates]
    changed_secrets = _reencrypted(before, after, stack) if len(trees) == 2 else frozenset[str]()
    new = rendered_stack(after.stacks[stack], released[-1], changed_secrets)
    old = rendered_stack(before.stacks[stack], released[0]) if len(trees) == 2 else None
    return diff_renderings(stack, old, new)


def _templates(tree: ProjectTree, stack: str) -> Iterator[_Template]:
    for resource in tree.stacks[stack]["resources"]:
        if resource["type"] == RELEASE:
            release = resource["inputs"]
            chart = Chart(path=str(chart_file(release, tree.folder)))
            yield chart, release["name"], release["namespace"], release["values"]


def _reencrypted(before: ProjectTree, after: ProjectTree, stack: str) -> frozenset[str]:
    """The secrets whose encrypted text changed; none if the encryption itself changed, because then all texts change."""
    old, new = (_encryption(tree.folder, stack) for tree in (before, after))
    if old[0] != new[0]:
        return frozenset()
    return frozenset(key for key in SECRETS if key in new[1] and new[1][key] != old[1].get(key))


def _encryption(folder: Path, stack: str) -> tuple[list[object], Mapping[str, Any]]:
    text = (folder / f"Pulumi.{stack.rsplit('/', 1)[-1]}.yaml").read_text()
    content = yaml.safe_load(text) or {}
    config = {key.removeprefix(f"{PROJECT}:"): value for key, value in (content.get("config") or {}).items()}
    return [content.get(key) for key in ("encryptionsalt", "encryptedkey", "secretsprovider")], config
