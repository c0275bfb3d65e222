"""The lines that `check` prints."""

from airflow_stack.chart.delivery import followed
from airflow_stack.chart.login import redirect_address
from airflow_stack.chart.values import chart_values
from airflow_stack.credentials import SECRETS
from airflow_stack.policies.model import Level
from airflow_stack.policies.rules import RULES

from .model import CheckedStack

_HEADINGS = {
    Level.ADVISORY: "does not comply with all policies",
    Level.MANDATORY: "violates mandatory policies",
}


def policy_table(checked: CheckedStack) -> str:
    """Every policy with its level, result and source."""
    policies, violated = checked.policies, {finding.rule.name for finding in checked.findings}
    lines = [f"policies of a {policies.tier} stack"]
    for rule in RULES:
        level = policies.level(rule)
        result = "-" if level is Level.DISABLED else "violated" if rule.name in violated else "ok"
        lines += [f"  {level:<10}{result:<9}{rule.name}", f"{'':21}{rule.description}", f"{'':21}{rule.source}"]
    return "\n".join(lines)


def violations(checked: CheckedStack, level: Level) -> str:
    """The violated policies of a level; empty if there are none."""
    texts = [
        f"\n  {found.rule.name} ({found.resource}): {found.rule.description}\n"
        + "".join(f"    {line}\n" for line in [*str(found.violation).splitlines(), f"see: {found.rule.source}"])
        for found in checked.findings
        if found.level is level
    ]
    return "\n".join([f"stack {checked.name!r} ({checked.policies}) {_HEADINGS[level]}", *texts]) if texts else ""


def summary(checked: CheckedStack) -> str:
    """One line on a valid stack."""
    settings = checked.settings
    redirect = redirect_address(settings, chart_values(settings)) if settings.access.login else ""
    return (
        f"stack {checked.name!r} is valid: {settings.executor.value}, size {settings.size.value}, {followed(settings)}\n"
        f"tier: {checked.policies}" + (f"\nredirect address for the identity provider: {redirect}" if redirect else "")
    )


def missing_secrets(checked: CheckedStack) -> list[str]:
    """The commands that set the missing secrets."""
    return [f"before `pulumi up`: {command}" for command in secret_commands(checked)]


def secret_commands(checked: CheckedStack) -> list[str]:
    """The commands themselves."""
    return [SECRETS[key].command_for(checked.name) for key in checked.missing_secrets]


def as_data(checked: CheckedStack, level: Level) -> list[dict[str, str]]:
    """The violated policies of a level, for programs."""
    return [
        {
            "message": f"{found.rule.name} ({found.resource}): {found.rule.description}",
            "violation": str(found.violation),
            "source": found.rule.source,
        }
        for found in checked.findings
        if found.level is level
    ]


def as_result(checked: CheckedStack) -> dict[str, object]:
    """The stack and the result of every policy, for programs."""
    settings, violated = checked.settings, {found.rule.name for found in checked.findings}
    return {
        "stack": checked.name,
        "namespace": settings.namespace,
        "executor": settings.executor.value,
        "size": settings.size.value,
        "tier": str(checked.policies.tier),
        "follows": followed(settings),
        "missingSecrets": checked.missing_secrets,
        "policies": {
            rule.name: {"level": str(checked.policies.level(rule)), "violated": rule.name in violated} for rule in RULES
        },
    }
