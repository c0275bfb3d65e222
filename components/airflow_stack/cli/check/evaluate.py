"""Reads a stack's settings and evaluates the policies. The program runs against a recording engine."""

from pathlib import Path

from airflow_stack.chart.delivery import poll_warnings
from airflow_stack.chart.isolation import isolation_warnings
from airflow_stack.chart.without_effect import value_warnings
from airflow_stack.cli import stack_file
from airflow_stack.cli.manifests import record_stack
from airflow_stack.inputs.validation import missing_secrets
from airflow_stack.inputs.version_check import version_warnings
from airflow_stack.inputs.web_rules import web_warnings
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.policies.model import Resource
from airflow_stack.policies.rules import CONFIG, chosen

from .model import CheckedStack
from .shared_namespace import shared_namespace


def check_stack(root: Path, stack: str, chart: Path | None) -> CheckedStack:
    """Check one stack.

    Args:
        root: Folder of the stack files.
        stack: Name of the stack.
        chart: Local chart to check the chart values against; None: the stack's own.

    Raises:
        UserError: there is no such stack, or its settings are wrong.
    """
    settings = stack_file.settings(root, stack, chart=chart)
    config, _ = stack_file.read(root, stack)
    problems, shared = shared_namespace(root, stack, settings.namespace)
    if problems:
        raise SettingsError(stack, problems)
    policies = chosen(stack, stack_file.read(root, stack, of=CONFIG)[0], settings.tier)
    findings = policies.judge(
        Resource(each.type, each.name, each.inputs, each.protect, urn)
        for urn, each in record_stack(settings, stack).resources.items()
    )
    warnings = [
        *version_warnings(settings),
        *web_warnings(settings),
        *poll_warnings(settings),
        *isolation_warnings(settings),
        *value_warnings(settings),
        *shared,
    ]
    return CheckedStack(stack, settings, policies, findings, warnings, missing_secrets(config))
