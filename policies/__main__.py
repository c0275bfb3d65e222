"""The policy pack: Pulumi's engine asks it about every resource. `pulumi preview --policy-pack policies`."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(
    0, str(Path(__file__).parents[1] / "components")
)  # Pulumi puts the pack's own folder there, and the rules are a package

from airflow_stack.errors import UserError
from airflow_stack.policies.model import UNKNOWN, Environment, NotYetKnownError, Resource, Rule
from airflow_stack.policies.rules import CONFIG, RULES, chosen


def plain(value: object) -> object:
    """The SDK's guarded values as plain ones; what a preview cannot know is `UNKNOWN`."""
    if isinstance(value, Mapping):
        return {key: _guarded(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_guarded(value, index) for index in range(len(value))]
    return value


def _guarded(value: Mapping[str, object] | Sequence[object], key: str | int) -> object:
    try:
        return plain(value[key])  # type: ignore[index]
    except UnknownValueError:
        return UNKNOWN


def validation(rule: Rule, environment: Environment) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """The rule as the SDK calls it."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        props = {key: _guarded(args.props, key) for key in args.props}
        resource = Resource(args.resource_type, args.name, props, args.opts.protect, args.urn)
        try:
            for violation in rule.violations(resource, environment):
                report(f"{violation}\nsee: {rule.source}", None)
        except NotYetKnownError as unknown:
            args.not_applicable(f"{unknown} is known only once the stack is deployed, and judged then")

    return validate


def main() -> None:
    """Serve the rules until the engine has done."""
    config = pulumi.Config(CONFIG)
    given = {"environment": config.get("environment"), "levels": config.get_object("levels")}
    try:
        # Without a stack, as when the pack is published, every rule is told with its own level.
        choice = chosen(os.environ.get("PULUMI_STACK", ""), {key: value for key, value in given.items() if value})
    except UserError as error:
        sys.exit(f"error: {error}")
    PolicyPack(
        "airflow",
        policies=[
            ResourceValidationPolicy(
                rule.name,
                rule.description,
                validation(rule, choice.environment),
                EnforcementLevel(choice.level(rule).value),
                url=rule.source,
            )
            for rule in RULES
        ],
    )


if __name__ == "__main__":
    main()
