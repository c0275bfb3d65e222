"""The policy pack, which Pulumi's engine runs on every resource: `pulumi preview --policy-pack policies`.

The folder `policies` of a repository holds `PulumiPolicy.yaml` and a program:

    from airflow_stack.policies.pack import main

    main()

Needs the extra `policies`.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

import pulumi

from airflow_stack.choices import Tier
from airflow_stack.errors import UserError
from airflow_stack.names import PROJECT

from .model import UNKNOWN, NotYetKnownError, Resource, Rule
from .rules import CONFIG, RULES, chosen

try:
    from pulumi_policy import (
        EnforcementLevel,
        PolicyPack,
        ReportViolation,
        ResourceValidationArgs,
        ResourceValidationPolicy,
    )
    from pulumi_policy.proxy import UnknownValueError
except ModuleNotFoundError:
    sys.exit(
        "error: the policy pack needs pulumi-policy, which its virtual environment lacks\n"
        "    fix: pip install 'airflow-stack[policies]', and add the extra in requirements.txt"
    )


def plain(value: object) -> object:
    """Plain values from the SDK's proxies; `UNKNOWN` for a value that a preview cannot know."""
    if isinstance(value, Mapping):
        return {key: _plain_item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain_item(value, index) for index in range(len(value))]
    return value


def _plain_item(value: Mapping[str, object] | Sequence[object], key: str | int) -> object:
    try:
        return plain(value[key])  # type: ignore[index]
    except UnknownValueError:
        return UNKNOWN


def validation(rule: Rule, tier: Tier) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """The rule in the form of the SDK."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        props = {key: _plain_item(args.props, key) for key in args.props}
        resource = Resource(args.resource_type, args.name, props, args.opts.protect, args.urn)
        try:
            for violation in rule.violations(resource, tier):
                report(f"{violation}\nsee: {rule.source}", None)
        except NotYetKnownError as unknown:
            args.not_applicable(f"{unknown} is unknown until deployment, which checks it again")

    return validate


def main() -> None:
    """Serve the rules until the engine is done."""
    config = pulumi.Config(CONFIG)
    settings = {"environment": config.get("environment"), "levels": config.get_object("levels")}
    try:
        # Without a stack, for example when the pack is published, every rule has its own level.
        given = {key: value for key, value in settings.items() if value}
        choice = chosen(os.environ.get("PULUMI_STACK", ""), given, pulumi.Config(PROJECT).get("tier"))
    except UserError as error:
        sys.exit(f"error: {error}")
    PolicyPack(
        "airflow",
        policies=[
            ResourceValidationPolicy(
                rule.name,
                rule.description,
                validation(rule, choice.tier),
                EnforcementLevel(choice.level(rule).value),
                url=rule.source,
            )
            for rule in RULES
        ],
    )
