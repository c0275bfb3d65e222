"""The result of `check`. Pure."""

from dataclasses import dataclass

from airflow_stack.policies.rules import Choice, Finding
from airflow_stack.settings.models import Settings


@dataclass(frozen=True)
class CheckedStack:
    """A stack with valid settings."""

    name: str
    settings: Settings
    policies: Choice
    """Tier, and level of each policy."""
    findings: list[Finding]
    """Violated policies."""
    warnings: list[str]
    missing_secrets: list[str]
    """Secret settings that the stack needs and does not have yet."""
