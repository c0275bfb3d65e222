"""Compares stacks of the work tree with a base: renders both trees, then compares the renderings."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from airflow_stack.cli import stack_file
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.credentials import SECRETS
from airflow_stack.names import PROJECT
from airflow_stack.settings.models import Chart

from .base_tree import checked_out
from .blast_radius import blast_radius
from .changed_files import ChangedFile, changed_files
from .chart_files import chart_file
from .deployment_changes import with_deployment
from .file_changes import changes_program
from .model import Effect, RenderedStack, StackDiff, dangerous
from .object_changes import field_changes, normalized, object_changes
from .renderings import ProjectTree, recorded, rendered_stack
from .stack_file_changes import same_encryption
from .totals import totals_of
from .tree_environments import environments

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
        name = f"the base {base!r}"
        old, new = environments(folder, root, name)
        trees = [ProjectTree(folder, name, old), ProjectTree(root, "the work tree", new)]
        for stack in stacks:
            if not any(tree.has(stack) for tree in trees):
                stack_file.read(root, stack)  # raises an error that lists the stacks
        files = changed_files(root, commit)
        renewed = {stack: _renewed(trees[0], trees[1], stack) for stack in stacks}
        before, after = recorded(
            trees, renewed, chart.absolute() if chart else None, with_program=changes_program(files)
        )
        with ThreadPoolExecutor() as workers:  # Helm runs in parallel
            return list(workers.map(partial(_diff, before, after, files, renewed), stacks)), commit


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


def _diff(
    before: ProjectTree,
    after: ProjectTree,
    files: Sequence[ChangedFile],
    renewed: Mapping[str, frozenset[str]],
    stack: str,
) -> StackDiff:
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
    new = rendered_stack(after.stacks[stack], released[-1], renewed[stack])
    old = rendered_stack(before.stacks[stack], released[0]) if len(trees) == 2 else None
    return with_deployment(diff_renderings(stack, old, new), before, after, files)


def _templates(tree: ProjectTree, stack: str) -> Iterator[_Template]:
    for resource in tree.stacks[stack]["resources"]:
        if resource["type"] == RELEASE:
            release = resource["inputs"]
            chart = Chart(path=str(chart_file(release, tree.folder)))
            yield chart, release["name"], release["namespace"], release["values"]


def _renewed(before: ProjectTree, after: ProjectTree, stack: str) -> frozenset[str]:
    """The secrets whose encrypted text changed; none if the encryption itself changed, because then all texts change."""
    old, new = (tree.stack_file(stack) for tree in (before, after))
    if not before.has(stack) or not same_encryption(old, new):
        return frozenset()
    was, then = (content.get("config") or {} for content in (old, new))
    keys = {key: f"{PROJECT}:{key}" for key in SECRETS}
    return frozenset(key for key, full in keys.items() if full in then and then[full] != was.get(full))
