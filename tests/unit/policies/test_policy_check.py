"""The two ways to run the policies: `airflow-stack check` without an engine, and Pulumi's policy SDK."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_stack.choices import Tier
from airflow_stack.policies.model import RELEASE, Rule
from airflow_stack.policies.rules import RULES
from tests.support.cases import HTTPS, ROOT, Config
from tests.support.command import Command, Done
from tests.support.golden import Golden
from tests.support.policy_cases import CANARY, CASES

BY_NAME = {rule.name: rule for rule in RULES}


@pytest.fixture
def check(tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `airflow-stack check` on a stack with these settings."""
    monkeypatch.chdir(tmp_path)

    def run(config: Config, *options: str) -> Done:
        (tmp_path / "Pulumi.mine.yaml").write_text(yaml.safe_dump({"config": {"airflow:dags": HTTPS, **config}}))
        return run_command("check", "--stack", "mine", *options)

    return run


def test_check_refuses_the_same_as_the_engine_without_an_engine(check: Command, golden: Golden) -> None:
    violation = {"airflow:environment": {"STRIPE_API_KEY": CANARY}}
    status, out, err = check(violation)
    assert (status, out) == (1, "")
    assert err == golden(name="mandatory")
    assert CANARY not in err

    status, out, err = check({**violation, "policies:levels": {"no-plaintext-secrets": "advisory"}})
    assert status == 0
    assert out + err == golden(name="advisory")

    status, _, err = check({"policies:levels": {"latest": "advisory"}})
    assert status == 1
    assert err == golden(name="no such rule")


@pytest.mark.parametrize("stack", ["acme-prod", "prod-eu", "prd"])
def test_check_names_the_tier_of_a_stack_and_applies_its_policies(
    stack: str, tmp_path: Path, run_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / f"Pulumi.{stack}.yaml"
    file.write_text(yaml.safe_dump({"config": {"airflow:dags": HTTPS}}))
    status, out, err = run_command("check", "--stack", stack)
    assert (status, out) == (1, "")
    assert f"stack {stack!r} (production by the stack's name; airflow:tier sets it) violates mandatory policies" in err
    file.write_text(yaml.safe_dump({"config": {"airflow:dags": HTTPS, "airflow:tier": "development"}}))
    status, out, _ = run_command("check", "--stack", stack)
    assert (status, out.splitlines()[-1]) == (0, "tier: development by airflow:tier")


def test_check_lists_every_rule_with_its_source(check: Command, golden: Golden) -> None:
    status, out, _ = check({"policies:levels": {"resources-set": "disabled"}}, "--policy")
    assert status == 0
    assert [rule.name for rule in RULES if rule.name not in out or rule.source not in out] == []
    assert out == golden


def test_the_guide_lists_every_rule_with_its_source() -> None:
    guide = (ROOT / "docs" / "guides" / "policies.md").read_text()
    missing = [
        rule.name
        for rule in RULES
        if not re.search(rf"\| `{rule.name}` \| {re.escape(rule.description)} \|.*{re.escape(rule.source)}", guide)
    ]
    assert missing == []


Validate = Callable[[Rule, dict[str, Any]], list[str]]


@pytest.fixture
def validate() -> Validate:
    """Run a rule like Pulumi's policy SDK."""
    sdk = pytest.importorskip("pulumi_policy")
    proxy = importlib.import_module("pulumi_policy.proxy")
    pack = importlib.import_module("airflow_stack.policies.pack")

    def ask(rule: Rule, props: dict[str, Any]) -> list[str]:
        options = sdk.PolicyResourceOptions(False, [], None, [], sdk.PolicyCustomTimeouts(0, 0, 0), [])
        guarded = proxy.unknown_checking_proxy(props)
        args = sdk.ResourceValidationArgs(RELEASE, guarded, "urn", "airflow-release", options, None)
        messages: list[str] = []
        pack.validation(rule, Tier.DEVELOPMENT)(args, lambda message, _: messages.append(message))
        return messages

    return ask


def test_the_pack_and_the_tests_give_the_rules_the_same_resources(validate: Validate) -> None:
    for name, case in CASES.items():
        for resource in case.bad:
            if resource.type == RELEASE and case.tier is Tier.DEVELOPMENT:
                rule = BY_NAME[name]
                expected = [f"{violation}\nsee: {rule.source}" for violation in rule.violations(resource, case.tier)]
                assert validate(rule, dict(resource.props)) == expected


def test_the_pack_postpones_a_rule_until_its_value_is_known(validate: Validate, golden: Golden) -> None:
    proxy = importlib.import_module("pulumi_policy.proxy")
    unknown = {"chart": "airflow", "values": {"fernetKeySecretName": proxy.UNKNOWN_STRING_VALUE, "fernetKey": CANARY}}
    with pytest.raises(Exception) as put_off:
        validate(BY_NAME["own-keys"], unknown)
    assert vars(put_off.value) == golden
    assert validate(BY_NAME["no-plaintext-secrets"], unknown)
