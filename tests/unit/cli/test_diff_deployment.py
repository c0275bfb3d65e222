"""`airflow-stack diff` beyond renderings: policies, cluster, ESC, encryption, `Pulumi.yaml`, pipelines, the program and other files."""

import subprocess
from fnmatch import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.choices import Tier
from airflow_stack.cli.diff.changed_files import ChangedFile
from airflow_stack.cli.diff.file_changes import file_effects, project_effects
from airflow_stack.cli.diff.model import Effect, Severity
from airflow_stack.cli.diff.program_changes import program_effects
from airflow_stack.cli.diff.stack_file_changes import (
    policy_effects,
    secret_removals,
    stack_file_effects,
    stack_file_fields,
)
from airflow_stack.policies.model import Level
from airflow_stack.policies.rules import RULES, Choice, chosen
from tests.support.cases import ROOT
from tests.support.golden import Golden
from tests.support.workflows import gitlab

SECURE = {"secure": "v1:canary"}


def told(effects: list[Effect]) -> list[str]:
    return [f"{'! ' * (each.severity is Severity.DANGEROUS)}{each.text}" for each in effects]


def stack(**config: object) -> dict[str, Any]:
    """A stack file with these keys; `__` is a colon."""
    return {"config": {key.replace("__", ":"): value for key, value in config.items()}}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, stack(kubernetes__context="other")),
        (stack(kubernetes__kubeconfig=SECURE), stack(kubernetes__kubeconfig={"secure": "v1:other"})),
        ({}, stack(kubernetes__upsertExistingObjects=True)),
        (stack(kubernetes__enableSecretMutable=True), {}),
        ({}, {"environment": ["acme/other-esc"]}),
        ({"environment": ["a", "b"]}, {"environment": ["b", "a"]}),
        ({"environment": ["a"]}, {"environment": {"imports": ["a"], "values": {"token": "canary"}}}),
        ({"secretsprovider": "awskms://a"}, {"secretsprovider": "passphrase"}),
    ],
    ids=str,
)
def test_another_cluster_provider_esc_environment_or_key_is_dangerous(
    old: dict[str, Any], new: dict[str, Any], golden: Golden
) -> None:
    effects = [*stack_file_effects(old, new)]
    assert max(effect.severity for effect in effects) is Severity.DANGEROUS
    assert "canary" not in f"{effects}{[*stack_file_fields(old, new)]}"
    assert "\n".join(told(effects)) == golden


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, stack(aws__region="eu-west-1")),
        ({}, stack(acme__password=SECURE)),
        ({"encryptionsalt": "v1:a"}, {"encryptionsalt": "v1:b", **stack(airflow__gitSshKey=SECURE)}),
        ({}, stack(policies__levels={"own-keys": "mandatory"})),
        ({}, {"new-key-of-pulumi": {"a": [1]}}),
    ],
    ids=str,
)
def test_what_cannot_be_judged_is_a_change(old: dict[str, Any], new: dict[str, Any], golden: Golden) -> None:
    effects = [*stack_file_effects(old, new)]
    assert {effect.severity for effect in effects} == {Severity.CHANGE}
    assert "canary" not in f"{effects}{[*stack_file_fields(old, new)]}"
    assert "\n".join(told(effects)) == golden


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(min_size=1),
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text("abc", min_size=1), inner, min_size=1),
    max_leaves=4,
)
_KEYS = (
    "kubernetes:context",
    "kubernetes:x",
    "policies:levels",
    "policies:environment",
    "aws:region",
    "acme:secret",
    "pulumi:tags",
)
_STACK_FILES = st.fixed_dictionaries(
    {"config": st.dictionaries(st.sampled_from(_KEYS), _VALUES | st.just(SECURE))},
    optional=dict.fromkeys(("environment", "encryptionsalt", "secretsprovider", "encryptedkey", "other"), _VALUES),
)


@given(_STACK_FILES, _STACK_FILES)
def test_no_difference_of_two_stack_files_is_silent(old: dict[str, Any], new: dict[str, Any]) -> None:
    effects = [*stack_file_effects(old, new)]
    assert bool(effects) == (old != new)
    assert "canary" not in f"{effects}{[*stack_file_fields(old, new)]}"
    moved = old["config"].get("kubernetes:context") != new["config"].get("kubernetes:context")
    if moved or old.get("environment") != new.get("environment"):
        assert max(effect.severity for effect in effects) is Severity.DANGEROUS


def test_every_file_that_a_pipeline_deploys_is_compared() -> None:
    tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    deployed = [
        name
        for name in tracked
        if any(
            fnmatch(name, pattern.replace("**/*", "*"))
            for pattern in gitlab()[".deployed"]
            if "/" in pattern or "/" not in name
        )
    ]
    silent = {name for name in deployed if not [*file_effects([ChangedFile(name)], "")]}
    compared_by_content = {name for name in silent if name.startswith("Pulumi.")}
    assert len(deployed) > 100
    assert silent - compared_by_content - {name for name in silent if name.endswith(".md")} == set()


def test_settings_of_airflow_and_an_empty_section_are_no_change_of_the_rest() -> None:
    old, new = stack(airflow__size="small", airflow__gitToken=SECURE), stack(airflow__size="large", aws__tags={})
    assert not [*stack_file_effects(old, new)]
    assert not [*stack_file_fields(old, new)]
    assert told([*secret_removals(old, new)]) == [
        "The secret `airflow:gitToken` is removed: `pulumi up` refuses the stack while its settings need it."
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("level", [Level.ADVISORY, Level.DISABLED])
def test_a_lower_level_of_any_policy_is_dangerous_and_a_higher_one_is_not(rule: Any, level: Level) -> None:
    tier = rule.only or Tier.DEVELOPMENT
    own, lower = Choice(tier), Choice(tier, {rule.name: level})
    assert told([*policy_effects(own, lower)]) == [
        f"! Policies become weaker: `{rule.name}` is {level.value} instead of mandatory."
    ]
    assert {effect.severity for effect in policy_effects(lower, own)} == {Severity.CHANGE}
    assert [*policy_effects(lower, lower)] == []


def test_a_stack_that_stops_being_production_is_dangerous() -> None:
    production, development = chosen("prod", {}), chosen("prod", {}, "development")
    assert told([*policy_effects(production, development)]) == [
        "! The stack is `development` instead of `production`: other policies apply."
    ]
    assert told([*policy_effects(development, production)]) == [
        "The stack is `production` instead of `development`: other policies apply."
    ]


PIPELINE = "steps:\n  - run: pulumi up --policy-pack policies\n    environment: prod\n"


@pytest.mark.parametrize(
    ("file", "severity"),
    [
        (ChangedFile("policies/__main__.py"), 2),
        (ChangedFile("policies/PulumiPolicy.yaml", is_deleted=True), 3),
        (ChangedFile("components/airflow_stack/policies/git_rules.py"), 2),
        (ChangedFile(".github/workflows/deploy.yml", old=PIPELINE, new=PIPELINE + "# comment\n"), 2),
        (ChangedFile(".github/workflows/deploy.yml", old=PIPELINE, new=PIPELINE.replace("--policy-pack policies", "")), 3),
        (ChangedFile(".github/workflows/deploy.yml", old=PIPELINE, new=PIPELINE.replace("environment: prod", "")), 3),
        (ChangedFile(".github/workflows/new.yml", new="on: pull_request_target\n"), 3),
        (ChangedFile(".github/workflows/old.yml", is_deleted=True, old=PIPELINE), 3),
        (ChangedFile(".gitlab-ci.yml", old="a: 1", new="a: 2"), 2),
        (ChangedFile("__main__.py"), 2),
        (ChangedFile("extra.py", is_deleted=True), 2),
        (ChangedFile("components/airflow_stack/chart/values.py"), 2),
        (ChangedFile("requirements.txt"), 2),
        (ChangedFile("pyproject.toml"), 2),
        (ChangedFile("Makefile"), 2),
        (ChangedFile("sandbox/pins.py"), 2),
        (ChangedFile("charts/airflow-1.22.0.tgz"), 2),
        (ChangedFile("no extension"), 2),
        (ChangedFile("a`b\n</details>@all"), 2),
    ],
    ids=lambda value: value.path if isinstance(value, ChangedFile) else "",
)  # fmt: skip
def test_a_file_that_may_decide_a_deployment_is_at_least_a_change(
    file: ChangedFile, severity: int, golden: Golden
) -> None:
    (effect,) = file_effects([file], "dags")
    assert effect.severity == severity
    assert effect.text == golden


@pytest.mark.parametrize(
    "path",
    ["dags/a.py", "flows/sub/a.py", "docs/x/y.md", "README.md", "tests/unit/test_a.py", "LICENSE", "Pulumi.other.yaml", "schemas/stack.schema.json"],
)  # fmt: skip
def test_a_file_that_no_deployment_reads_is_no_change(path: str) -> None:
    assert [*file_effects([ChangedFile(path)], "flows")] == []


@pytest.mark.parametrize("folder", ["components", "policies/", "/", "", "."])
def test_the_folder_of_the_dags_hides_no_file_of_the_program(folder: str) -> None:
    for path in (
        "components/airflow_stack/policies/model.py",
        "policies/__main__.py",
        "__main__.py",
        "components/x.py",
    ):
        assert [*file_effects([ChangedFile(path)], folder)]


def test_a_file_that_git_does_not_know_counts_where_a_deployment_reads_it() -> None:
    for name, counts in (
        ("policies/new.py", True),
        ("extra.py", True),
        ("found/diff.md", False),
        (".cache/airflow-stack/x", False),
    ):
        assert bool([*file_effects([ChangedFile(name, is_untracked=True)], "")]) is counts


def test_many_files_are_counted() -> None:
    (effect,) = file_effects([ChangedFile(f"{number}.py") for number in range(9)], "")
    assert effect.text == "The program changes (`0.py`, `1.py`, `2.py`, `3.py` and 5 more)."


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ({"runtime": {"name": "python"}}, {"runtime": {"name": "python", "options": {"virtualenv": "x"}}}, 3),
        ({"name": "airflow"}, {"name": "other"}, 3),
        ({}, {"plugins": {"providers": [{"name": "kubernetes", "path": "./x"}]}}, 3),
        ({"config": {"kubernetes:enableSecretMutable": {"value": True}}}, {"config": {}}, 3),
        ({}, {"config": {"policies:environment": "development"}}, 3),
        ({"config": {"size": {"default": "small"}}}, {"config": {"size": {"default": "large"}}}, 2),
        ({}, {"stackConfigDir": "elsewhere"}, 3),
        ({"config": {}}, {"config": "elsewhere"}, 3),
        ({}, {"unknown": 1}, 2),
    ],
    ids=str,
)
def test_a_field_of_the_project_file_is_compared(old: dict[str, Any], new: dict[str, Any], severity: int) -> None:
    found = [*project_effects(old, new)]
    assert {effect.severity for _, effect in found} == {severity}
    assert all(field.path.startswith("Pulumi.yaml ") for field, _ in found)


def test_a_description_in_the_project_file_is_no_change() -> None:
    new = {"description": "x", "author": "y", "config": {"size": {"description": "z", "type": "string"}}}
    assert [*project_effects({}, new)] == []


def output(digest: str = "a", *, secret: bool = False, shows: bool = False) -> dict[str, object]:
    return {"digest": digest, "secret": secret, "shows": shows}


def test_an_output_that_shows_a_secret_is_dangerous() -> None:
    old = {"outputs": {"password": output(secret=True), "url": output(), "old": output(shows=True)}, "own": {"b": "1"}}
    new = {
        "outputs": {"password": output("b"), "url": output(), "leak": output(shows=True), "old": output(shows=True)},
        "own": {"b": "2", "c": "1"},
    }
    assert told([*program_effects(old, new)]) == [
        "! The output `leak` shows a secret: the state, `pulumi stack output` and pipelines show it.",
        "! The output `password` is no longer secret.",
        "The program's outputs change: `leak` is new and `password` changes.",
        "The program's resources besides Airflow's change: `b` changes and `c` is new.",
    ]
    assert [*program_effects(new, new)] == []


def test_a_program_that_needs_an_engine_is_named() -> None:
    (effect,) = program_effects(None, None)
    assert effect.severity is Severity.CHANGE
