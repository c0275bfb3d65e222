"""Resources and manifests of a stack, from its settings alone: no engine, no cluster, no secrets.

The program runs against a recording engine. Its resources are those of `pulumi up`, with placeholders for secrets.
"""

from collections.abc import Collection
from typing import Any

import pulumi

from airflow_stack.airflow import Airflow
from airflow_stack.cli import placeholder_secrets
from airflow_stack.cli.helm import helm_template
from airflow_stack.cli.pulumi_state import RELEASE
from airflow_stack.cli.recording import Recording, record, with_name
from airflow_stack.inputs.secrets import required_secrets
from airflow_stack.inputs.validation import arguments
from airflow_stack.settings.models import Settings


def record_stack(settings: Settings, stack: str, renewed: Collection[str] = ()) -> Recording:
    """Resources that the program registers for a stack.

    Args:
        settings: Settings of the stack.
        stack: Name of the stack.
        renewed: Secret settings that have other placeholders than usual.
    """

    def program() -> None:
        secrets = {
            key: pulumi.Output.secret(placeholder_secrets.placeholder(key, renewed=key in renewed))
            for key in required_secrets(settings)
        }
        Airflow("airflow", arguments(settings, secrets))

    return record(program, stack=stack)


def stack_manifests(settings: Settings, stack: str) -> list[dict[str, Any]]:
    """Manifests of the program's objects and of the release.

    Raises:
        UserError: Helm is missing, the chart is not available, or Helm refuses the values.
    """
    recording = record_stack(settings, stack)
    own = [
        with_name(resource.inputs, resource.name)
        for resource in recording.resources.values()
        if resource.type.startswith("kubernetes:") and resource.type != RELEASE
    ]
    release = recording.only(RELEASE).inputs
    return own + helm_template(settings.chart, release["name"], release["namespace"], release["values"])
