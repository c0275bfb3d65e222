"""All rules, and a stack's settings for them: its tier, and the level of each rule.

The settings are in the stack file, the levels in a namespace that the program does not read:

    airflow:tier: production
    policies:levels: {resources-set: advisory, pod-security: disabled}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from airflow_stack.choices import Tier
from airflow_stack.errors import UserError

from . import (
    admin_rules,
    chart_rules,
    connection_rules,
    git_rules,
    plaintext_rules,
    privilege_rules,
    production_rules,
    workload_rules,
)
from .model import Level, Resource, Rule, Violation
from .tiers import by_name

RULES: tuple[Rule, ...] = (
    *chart_rules.RULES,
    *admin_rules.RULES,
    *git_rules.RULES,
    *connection_rules.RULES,
    *workload_rules.RULES,
    *privilege_rules.RULES,
    *plaintext_rules.RULES,
    *production_rules.RULES,
)
CONFIG = "policies"
"""Namespace of the stack's settings."""
_TIER = "airflow:tier"


@dataclass(frozen=True)
class Finding:
    """A violation with its rule, level and resource."""

    rule: Rule
    level: Level
    resource: str
    violation: Violation


@dataclass(frozen=True)
class Choice:
    """Tier of a stack, and its levels of rules."""

    tier: Tier
    levels: Mapping[str, Level] = field(default_factory=dict)
    source: str = ""
    """The setting that says so; empty: the stack's name."""

    def __str__(self) -> str:
        """The tier, and where it comes from."""
        return f"{self.tier} by {self.source}" if self.source else f"{self.tier} by the stack's name; {_TIER} sets it"

    def level(self, rule: Rule) -> Level:
        """Level of a rule; `disabled` for a rule of another tier."""
        return self.levels.get(rule.name, rule.level) if rule.only in (None, self.tier) else Level.DISABLED

    def judge(self, resources: Iterable[Resource]) -> list[Finding]:
        """All violations, mandatory rules first."""
        rules = sorted(RULES, key=lambda rule: list(Level).index(self.level(rule)))
        everything = sorted(resources, key=lambda resource: resource.name)  # a program registers them in any order
        return [
            Finding(rule, self.level(rule), resource.name, violation)
            for rule in rules
            if self.level(rule) is not Level.DISABLED
            for resource in everything
            for violation in rule.violations(resource, self.tier)
        ]


def chosen(stack: str, config: Mapping[str, object], tier: object = None) -> Choice:
    """The tier and levels of a stack. By default the stack's name decides the tier, and each rule has its own level.

    Args:
        stack: Name of the stack.
        config: Its settings in the namespace `policies`.
        tier: Its setting `airflow:tier`.

    Raises:
        UserError: a setting is unknown or has an invalid value, or two settings name different tiers.
    """
    if unknown := sorted(config.keys() - {"environment", "levels"}):
        raise _wrong(
            unknown[0],
            "is not a setting of the policies",
            ("environment", "levels"),
            f"pulumi config rm {CONFIG}:{unknown[0]}",
        )
    given = {_TIER: tier or None, f"{CONFIG}:environment": config.get("environment") or None}
    for key, value in given.items():
        if value not in (None, *Tier):
            raise UserError(
                f"{key} cannot be {value!r}\nallowed: {', '.join(Tier)}\nfix: pulumi config set {key} production"
            )
    if None not in given.values() and len(set(given.values())) > 1:
        raise _wrong(
            "environment",
            f"is {given[f'{CONFIG}:environment']!r}, but {_TIER} is {tier!r}",
            ("one of the two",),
            f"pulumi config rm {CONFIG}:environment",
        )
    source = next((key for key, value in given.items() if value), "")
    decided = Tier(str(given[source])) if source else by_name(stack)
    levels = config.get("levels") or {}
    if not isinstance(levels, Mapping):
        raise _wrong(
            "levels",
            "must be an object of rule names and levels",
            Level,
            f"pulumi config set --path '{CONFIG}:levels.no-latest-tag' advisory",
        )
    names = [rule.name for rule in RULES]
    for name, level in levels.items():
        if name not in names:
            nearest = get_close_matches(str(name), names, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise _wrong(
                f"levels.{name}", f"is not a rule{hint}", names, f"pulumi config rm --path '{CONFIG}:levels.{name}'"
            )
        if level not in list(Level):
            raise _wrong(
                f"levels.{name}",
                f"cannot be {level!r}",
                Level,
                f"pulumi config set --path '{CONFIG}:levels.{name}' advisory",
            )
    return Choice(decided, {name: Level(level) for name, level in levels.items()}, source)


def _wrong(key: str, reason: str, allowed: Iterable[str], way_out: str) -> UserError:
    return UserError(f"{CONFIG}:{key} {reason}\nallowed: {', '.join(allowed)}\nfix: {way_out}")
