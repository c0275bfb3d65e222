"""The policies of `policies/`, asked of a stack without an engine: the program runs against a recording one."""

from pathlib import Path

from airflow_stack.cli import stack_file
from airflow_stack.cli.manifests import record_stack
from airflow_stack.policies.model import Level, Resource
from airflow_stack.policies.rules import CONFIG, RULES, Choice, Finding, chosen
from airflow_stack.settings.models import Settings


def judge(root: Path, stack: str, settings: Settings) -> tuple[Choice, list[Finding]]:
    """What a stack chose of the policies, and where it breaks them.

    Raises:
        UserError: the stack's settings for the policies are wrong.
    """
    config, _ = stack_file.read(root, stack, of=CONFIG)
    choice = chosen(stack, config)
    recorded = record_stack(settings, stack).resources
    return choice, choice.judge(
        Resource(each.type, each.name, each.inputs, each.protect, urn) for urn, each in recorded.items()
    )


def table(choice: Choice, findings: list[Finding]) -> str:
    """Every rule: how strictly the stack takes it, whether it holds, and where it comes from."""
    broken = {finding.rule.name for finding in findings}
    lines = [f"policies of a {choice.environment} stack"]
    for rule in RULES:
        outcome = "-" if choice.level(rule) is Level.DISABLED else "broken" if rule.name in broken else "holds"
        lines += [
            f"  {choice.level(rule):<10}{outcome:<8}{rule.name:<24}{rule.description}",
            f"{rule.source:>{len(rule.source) + 44}}",
        ]
    return "\n".join(lines)


def told(findings: list[Finding], level: Level) -> str:
    """The findings of a level, in words; empty where there are none."""
    return "\n".join(
        f"\n  {found.rule.name} ({found.resource}): {found.rule.description}\n"
        + "".join(f"    {line}\n" for line in [*str(found.violation).splitlines(), f"see: {found.rule.source}"])
        for found in findings
        if found.level is level
    )
