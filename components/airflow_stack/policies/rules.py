"""All rules, and a stack's settings for them: its environment, and the level of each rule.

The settings are in the stack file, in a namespace that the program does not read:

    policies:environment: production
    policies:levels: {resources-set: advisory, pod-security: disabled}
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from airflow_stack.errors import UserError

from . import chart_rules, git_rules, plaintext_rules, production_rules, workload_rules
from .model import Environment, Level, Resource, Rule, Violation

RULES: tuple[Rule, ...] = (
    *chart_rules.RULES,
    *git_rules.RULES,
    *workload_rules.RULES,
    *plaintext_rules.RULES,
    *production_rules.RULES,
)
CONFIG = "policies"
"""Namespace of the stack's settings."""
_BY_NAME = {
    **dict.fromkeys(("prod", "production", "live"), Environment.PRODUCTION),
    **dict.fromkeys(("staging", "stage"), Environment.STAGING),
}


@dataclass(frozen=True)
class Finding:
    """A violation with its rule, level and resource."""

    rule: Rule
    level: Level
    resource: str
    violation: Violation


@dataclass(frozen=True)
class Choice:
    """Environment of a stack, and its levels of rules."""

    environment: Environment
    levels: Mapping[str, Level] = field(default_factory=dict)

    def level(self, rule: Rule) -> Level:
        """Level of a rule; `disabled` for a rule of another environment."""
        return self.levels.get(rule.name, rule.level) if rule.only in (None, self.environment) else Level.DISABLED

    def judge(self, resources: Iterable[Resource]) -> list[Finding]:
        """All violations, mandatory rules first."""
        rules = sorted(RULES, key=lambda rule: list(Level).index(self.level(rule)))
        everything = sorted(resources, key=lambda resource: resource.name)  # a program registers them in any order
        return [
            Finding(rule, self.level(rule), resource.name, violation)
            for rule in rules
            if self.level(rule) is not Level.DISABLED
            for resource in everything
            for violation in rule.violations(resource, self.environment)
        ]


def chosen(stack: str, config: Mapping[str, object]) -> Choice:
    """The environment and levels of a stack. By default the stack's name decides the environment, and each rule has its own level.

    Args:
        stack: Name of the stack.
        config: Its settings in the namespace `policies`.

    Raises:
        UserError: a setting is unknown or has an invalid value.
    """
    if unknown := sorted(config.keys() - {"environment", "levels"}):
        raise _wrong(
            unknown[0],
            "is not a setting of the policies",
            ("environment", "levels"),
            f"pulumi config rm {CONFIG}:{unknown[0]}",
        )
    environment = config.get("environment") or _BY_NAME.get(stack.rsplit("/", 1)[-1].lower(), Environment.DEVELOPMENT)
    if environment not in list(Environment):
        raise _wrong(
            "environment",
            f"cannot be {environment!r}",
            Environment,
            f"pulumi config set {CONFIG}:environment production",
        )
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
    return Choice(Environment(str(environment)), {name: Level(level) for name, level in levels.items()})


def _wrong(key: str, reason: str, allowed: Iterable[str], way_out: str) -> UserError:
    return UserError(f"{CONFIG}:{key} {reason}\nallowed: {', '.join(allowed)}\nfix: {way_out}")
