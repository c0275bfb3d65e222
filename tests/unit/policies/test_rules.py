"""The policies as pure rules: violations, accepted resources, messages, and the settings of a stack."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from airflow_stack.chart.values import chart_values
from airflow_stack.choices import Tier
from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.recording import Recording
from airflow_stack.errors import UserError
from airflow_stack.policies.model import RELEASE, UNKNOWN, Level, NotYetKnownError, Resource
from airflow_stack.policies.rules import RULES, Choice, Finding, chosen
from tests.support.cases import (
    AUTHENTICATIONS,
    BUNDLES,
    EXECUTORS,
    IMAGE,
    LOGS,
    STACKS,
    Config,
    deployed,
    settings,
    stack_settings,
)
from tests.support.golden import Golden
from tests.support.policy_attacks import ATTACKS
from tests.support.policy_cases import CANARY, CASES, pod, release, sync

BY_NAME = {rule.name: rule for rule in RULES}
DEVELOPMENT = chosen("dev", {})


def test_every_rule_has_resources_that_violate_it_and_resources_that_comply() -> None:
    assert CASES.keys() == BY_NAME.keys()
    assert len(BY_NAME) == len(RULES)
    assert all(case.bad and case.good for case in CASES.values())


@pytest.mark.parametrize("name", CASES)
def test_a_rule_reports_violations_with_place_reason_and_fix(name: str, golden: Golden) -> None:
    case = CASES[name]
    found = [BY_NAME[name].violations(resource, case.tier) for resource in case.bad]
    assert all(found)
    assert "\n\n".join(str(violation) for violations in found for violation in violations) == golden


@pytest.mark.parametrize("name", CASES)
def test_a_rule_accepts_compliant_resources(name: str) -> None:
    case = CASES[name]
    found = {str(violation) for resource in case.good for violation in BY_NAME[name].violations(resource, case.tier)}
    assert found == set()


@pytest.mark.parametrize(
    ("name", "resource"), [(name, each) for name, attacks in ATTACKS.items() for each in attacks.caught]
)
def test_a_rule_catches_every_way_around_it(name: str, resource: Resource) -> None:
    assert BY_NAME[name].violations(resource, ATTACKS[name].tier)


@pytest.mark.parametrize(
    ("name", "resource"), [(name, each) for name, attacks in ATTACKS.items() for each in attacks.accepted]
)
def test_a_rule_accepts_a_harmless_look_alike(name: str, resource: Resource) -> None:
    assert BY_NAME[name].violations(resource, ATTACKS[name].tier) == []


def test_every_rule_has_a_public_source() -> None:
    threads = r"https://(github\.com/[\w-]+/[\w-]+/(issues|pull)/\d+|(airflow\.apache\.org|kubernetes\.io)/docs/.+)"
    assert [rule.name for rule in RULES if not re.fullmatch(threads, rule.source)] == []


def test_no_message_shows_a_secret() -> None:
    everything = [resource for case in CASES.values() for resource in case.bad]
    secret = [
        *everything,
        sync(repo=f"ssh://git:{CANARY}@git.example.com/dags.git"),
        pod(image=f"https://u:{CANARY}@r.example.com/a"),
    ]
    for tier in Tier:
        findings = Choice(tier).judge(secret)
        assert len(findings) > len(everything) / 2
        assert [found for found in findings if CANARY in f"{found.violation}{found.resource}"] == []


def judged(recording: Recording, choice: Choice) -> list[Finding]:
    return choice.judge(
        Resource(each.type, each.name, each.inputs, each.protect, urn) for urn, each in recording.resources.items()
    )


@pytest.mark.parametrize("stack", STACKS)
def test_the_stacks_of_this_project_comply_with_every_rule(stack: str) -> None:
    assert judged(record_stack(stack_settings(stack), stack), chosen(stack, {})) == []


def test_the_release_complies_with_every_rule_for_every_choice_of_settings() -> None:
    deliveries: list[Config] = [*({"dags": dags} for dags in (*AUTHENTICATIONS.values(), *BUNDLES.values())), IMAGE]
    found = {
        (found.rule.name, str(found.violation))
        for executor, delivery, logs in product(EXECUTORS, deliveries, LOGS.values())
        for found in DEVELOPMENT.judge(
            [release(dict(chart_values(settings(executor=executor, logs=logs, **delivery))))]
        )
    }
    assert found == set()


def test_the_chart_alone_violates_the_rules() -> None:
    found = {found.rule.name for found in Choice(Tier.PRODUCTION).judge([release(version=None)])}
    assert found == {
        "pinned-chart", "no-helm-hooks", "own-keys", "no-default-admin", "bounded-volumes", "no-privileges", "resources-set", "production-database",
        "production-logs",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        ({"values": {"triggerer": {"persistence": {"enabled": True}}}}, "bounded-volumes"),
        ({"environment": {"STRIPE_API_KEY": CANARY}}, "no-plaintext-secrets"),
        ({"images": {"airflow": {"tag": "latest", "version": "3.2.2"}}}, "no-latest-tag"),
    ],
)
def test_a_violation_by_a_setting_is_found_in_the_whole_program(args: dict[str, Any], rule: str) -> None:
    assert rule in {found.rule.name for found in judged(deployed(**args), DEVELOPMENT)}


def test_the_defaults_violate_every_production_rule_in_production() -> None:
    found = {found.rule.name for found in judged(deployed(), chosen("prod", {}))}
    assert found == {"production-ref", "production-database", "production-logs", "production-protection"}


def test_other_helm_releases_are_ignored() -> None:
    ingress = Resource(
        RELEASE, "ingress", {"name": "ingress", "chart": "ingress-nginx", "version": "4.12.1", "values": {}}
    )
    assert Choice(Tier.PRODUCTION).judge([ingress]) == []


@pytest.mark.parametrize(
    ("tier", "stacks"),
    [
        ("production", (
            "prod Prod production PRODUCTION prd live acme-prod prod-eu prod_eu eu.prod prod2 prod-eu-2 euProd ProdEU acme/airflow/production "
            "acme-prd-1 live-eu prod-nonprod preprod-prod airflow-prod-blue PROD1"
        )),
        ("staging", "staging stage stg acme-staging staging2 acme/airflow/Staging"),
        ("development", (
            "dev team-a nonprod preprod pre-prod non-prod no-prod not-prod pre_production nonProd PreProd reproduce product products prods "
            "delivery alive livestock produce production/dev backstage test acme-preprod-eu non-live"
        )),
    ],
)  # fmt: skip
def test_the_tier_follows_from_the_words_of_the_stacks_name(tier: str, stacks: str) -> None:
    assert {stack: str(chosen(stack, {}).tier) for stack in stacks.split()} == dict.fromkeys(stacks.split(), tier)


@pytest.mark.parametrize(
    ("stack", "config", "tier", "expected"),
    [
        ("team-a", {}, "production", "production by airflow:tier"),
        ("prod", {}, "development", "development by airflow:tier"),
        ("team-a", {"environment": "production"}, None, "production by policies:environment"),
        ("prod", {"environment": "development"}, None, "development by policies:environment"),
        ("prod", {"environment": "staging"}, "staging", "staging by airflow:tier"),
        ("prod-eu", {}, None, "production by the stack's name; airflow:tier sets it"),
        ("dev", {"environment": ""}, "", "development by the stack's name; airflow:tier sets it"),
    ],
)
def test_a_setting_decides_the_tier_and_the_source_is_named(
    stack: str, config: dict[str, Any], tier: str | None, expected: str
) -> None:
    assert str(chosen(stack, config, tier)) == expected


def test_two_settings_with_different_tiers_are_refused(golden: Golden) -> None:
    with pytest.raises(UserError) as refused:
        chosen("dev", {"environment": "staging"}, "production")
    assert str(refused.value) == golden


def test_a_stack_chooses_the_level_of_each_rule() -> None:
    levels = {"own-keys": "advisory", "no-helm-hooks": "disabled"}
    findings = chosen("dev", {"levels": levels}).judge([release()])
    by_rule = {found.rule.name: found.level for found in findings}
    assert by_rule["own-keys"] is Level.ADVISORY
    assert "no-helm-hooks" not in by_rule
    assert by_rule["no-default-admin"] is Level.MANDATORY
    assert findings[-1].level is Level.ADVISORY, "the mandatory ones come first"


@pytest.mark.parametrize(
    "config",
    [
        {"enviroment": "production"},
        {"environment": "prod"},
        {"levels": "advisory"},
        {"levels": {"own-key": "advisory"}},
        {"levels": {"own-keys": "off"}},
    ],
    ids=str,
)
def test_a_wrong_policy_setting_is_refused_with_allowed_values_and_fix(config: dict[str, Any], golden: Golden) -> None:
    with pytest.raises(UserError) as refused:
        chosen("dev", config)
    assert str(refused.value) == golden


def test_an_unknown_value_postpones_only_the_rules_that_need_it() -> None:
    resource = release(
        {"fernetKeySecretName": UNKNOWN, "fernetKey": CANARY, "scheduler": {"podAnnotations": {"digest": UNKNOWN}}}
    )
    with pytest.raises(NotYetKnownError, match="fernetKeySecretName"):
        BY_NAME["own-keys"].violations(resource, Tier.DEVELOPMENT)
    assert BY_NAME["no-plaintext-secrets"].violations(resource, Tier.DEVELOPMENT)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything inside a value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from places(below, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], instead: object) -> Any:
    """A copy of a value with a replacement at one path."""
    if not path:
        return instead
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], instead)
    return copy


@pytest.mark.parametrize("name", CASES)
def test_no_rule_raises_on_a_value_of_a_wrong_type(name: str) -> None:
    """The chart or Kubernetes refuses such values. An exception in the pack would hide that."""
    for resource in CASES[name].bad:
        for path, instead in product(places(resource.props), (None, "x", 1, ["x"], {"x": 1}, UNKNOWN)):
            strange = replace(resource, props=replaced(resource.props, path, instead))
            with suppress(NotYetKnownError):
                BY_NAME[name].violations(strange, CASES[name].tier)
