"""URNs and names of objects are an interface: an upgraded stack has them in its state and in the cluster.

`tests/urns/<stack>.txt` lists them for each stack. No command writes the lists: edit them by hand, as the failure message says.
"""

import pytest

from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.recording import Recording
from tests.support.cases import ROOT, STACKS, stack_settings
from tests.support.golden import Golden
from tools.release import version
from tools.releases import RELEASED

LISTS = ROOT / "tests" / "urns"

MOVED = """\
An upgrade would delete these resources of stack {stack} and create them again, with the loss of their content:
{gone}
If they were renamed or moved:
  1. Give each its earlier URN: pulumi.ResourceOptions(aliases=[pulumi.Alias(name=..., type_=..., parent=...)]). Keep the name of the object in
     the cluster, which has no alias.
  2. Run tests/engine/test_upgrade.py, which upgrades from each released version: it must replace and delete nothing.
If their removal is intended, announce each in CHANGELOG.md under "Upgrading", with the fate of its data: "- `name` is deleted ..." or
"- `name` is replaced ...".
Then edit {file}:
{edit}"""
NEW = """\
Stack {stack} has resources that are missing in its list. An upgrade is safe, but from the next release on these URNs are permanent. If the names
are right, edit {file}:
{edit}"""


def chain(seen: Recording, urn: str) -> str:
    """Types from the top component down, in the form of a URN."""
    resource = seen.resources[urn]
    above = f"{chain(seen, resource.parent)}$" if resource.parent in seen.resources else ""
    return f"{above}{resource.type}"


def identities(seen: Recording) -> set[str]:
    """URN of every resource without stack and project, and the name of its object in the cluster."""
    found = set()
    for urn, resource in seen.resources.items():
        inputs = resource.inputs
        own = inputs.get("metadata", {}).get("name") or inputs.get("name")
        found.add(f"{chain(seen, urn)}::{resource.name}" + (f" -> {own}" if own else ""))
    return found


def complaint(stack: str, listed: set[str], registered: set[str]) -> str:
    """Instructions for every difference; empty without a difference."""
    gone, new = sorted(listed - registered), sorted(registered - listed)
    edit = "\n".join([*(f"- {line}" for line in gone), *(f"+ {line}" for line in new)])
    words = MOVED if gone else NEW if new else ""
    return words.format(
        stack=stack, file=f"tests/urns/{stack}.txt", gone="\n".join(f"  {line}" for line in gone), edit=edit
    )


@pytest.mark.parametrize("stack", STACKS)
def test_every_resource_keeps_its_urn_and_its_name_in_the_cluster(stack: str) -> None:
    listed = (LISTS / f"{stack}.txt").read_text().splitlines()
    assert listed == sorted(set(listed)), "sorted, each line once"
    found = identities(record_stack(stack_settings(stack), stack))
    if words := complaint(stack, set(listed), found):
        pytest.fail(words, pytrace=False)


def test_a_moved_resource_is_reported_with_its_alias_and_a_new_one_with_its_line(golden: Golden) -> None:
    assert complaint("prod", {"a::old -> x"}, {"a::new -> x"}) == golden(name="moved")
    assert complaint("prod", {"a::old"}, {"a::old", "a::new"}) == golden(name="added")
    assert complaint("prod", {"a::old"}, {"a::old"}) == ""


def test_the_version_of_this_checkout_has_released_states() -> None:
    folder = RELEASED / version()
    kept = {file.name for file in folder.glob("*")}
    wanted = {name for stack in STACKS for name in (f"Pulumi.{stack}.yaml", f"{stack}.json")}
    assert kept == wanted, f"`make released`, as part of the release, writes {folder.relative_to(ROOT)}"
