"""Adds to a comparison of renderings whatever else decides a deployment: the stack file, `Pulumi.yaml`, policies and changed files."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_stack.choices import Tier
from airflow_stack.errors import UserError
from airflow_stack.policies.model import Level, Resource
from airflow_stack.policies.rules import CONFIG, Choice, chosen

from .changed_files import ChangedFile
from .file_changes import changes_program, file_effects, project_effects
from .model import Effect, StackDiff, dangerous
from .object_changes import normalized
from .program_changes import program_effects
from .quoting import code, listed
from .renderings import ProjectTree
from .stack_file_changes import policy_effects, secret_removals, stack_file_effects, stack_file_fields
from .tree_environments import TreeEnvironment


def with_deployment(
    diff: StackDiff, before: ProjectTree, after: ProjectTree, files: Sequence[ChangedFile]
) -> StackDiff:
    """The comparison with the effects that no rendering shows.

    Args:
        diff: Comparison of the renderings.
        before: The base; without the stack if that is new.
        after: The work tree.
        files: Files that differ.

    Raises:
        UserError: settings of the policies are wrong.
    """
    old, new = (tree.stack_file(diff.stack) for tree in (before, after))
    choices = [_base_choice(before, diff.stack), _choice(after, diff.stack)]
    effects = [*policy_effects(*choices), *_violations(before, after, diff.stack, choices[1].tier)]
    diff = replace(diff, effects=(*_version(before.environment, after.environment), *diff.effects))
    if not before.has(diff.stack):
        return _with(diff, effects)
    project = [*project_effects(*(normalized(tree.project_file()) for tree in (before, after)))]
    of_file = [*stack_file_effects(old, new), *secret_removals(old, new)]
    effects += (effect for effect in of_file if not (effects and effect.kind == "policies"))
    effects += (effect for _, effect in project)
    programs = [tree.stacks[diff.stack].get("program") for tree in (before, after)]
    effects += program_effects(*programs) if changes_program(files) else ()
    dag_folder = str((after.stacks[diff.stack]["settings"].get("dags") or {}).get("path") or "")
    effects += file_effects(files, dag_folder, own_packages=before.environment != after.environment)
    fields = [*stack_file_fields(old, new), *(field for field, _ in project)]
    return _with(replace(diff, settings=(*diff.settings, *fields)), effects)


def _version(old: TreeEnvironment, new: TreeEnvironment) -> Iterator[Effect]:
    if old.version != new.version:
        yield Effect("version", f"The package `airflow-stack` changes from {code(old.version)} to {code(new.version)}.")


def _with(diff: StackDiff, effects: Sequence[Effect]) -> StackDiff:
    return replace(diff, effects=tuple(sorted((*diff.effects, *effects), key=lambda effect: -effect.severity)))


def _base_choice(base: ProjectTree, stack: str) -> Choice:
    """Tier and levels of a stack at the base; those of its name for one that is not there, or whose policies are wrong."""
    with suppress(UserError):
        if base.has(stack):
            return _choice(base, stack)
    return chosen(stack, {})


def _choice(tree: ProjectTree, stack: str) -> Choice:
    config: Mapping[str, Any] = tree.stack_file(stack).get("config") or {}
    policies = {key.removeprefix(f"{CONFIG}:"): value for key, value in config.items() if key.startswith(f"{CONFIG}:")}
    return chosen(stack, policies, tree.stacks[stack]["settings"].get("tier"))


def _violations(before: ProjectTree, after: ProjectTree, stack: str, tier: Tier) -> Iterator[Effect]:
    """Violations of policies that the base does not have, whatever the stack's own levels are."""
    old, new = (_violated(tree.stacks.get(stack, {}).get("resources", ()), tier) for tree in (before, after))
    for name, places in new.items():
        if more := [place for place in places if place not in old.get(name, ())]:
            keys = listed((code(key) for key in dict.fromkeys(key for _, key in more)), 4)
            yield dangerous("policies", f"The policy {code(name)} is violated at {keys}.")


def _violated(resources: Sequence[Mapping[str, Any]], tier: Tier) -> dict[str, list[tuple[str, str]]]:
    """Resource and key of each violation, by policy."""
    plain = [
        Resource(each["type"], each["name"], each["inputs"], each["protect"], each.get("urn", "")) for each in resources
    ]
    found: dict[str, list[tuple[str, str]]] = {}
    for each in Choice(tier).judge(plain):
        if each.level is Level.MANDATORY:
            found.setdefault(each.rule.name, []).append((each.resource, each.violation.key))
    return found
