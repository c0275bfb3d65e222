"""Program of a stack: arguments of `Airflow` from the stack file, and the outputs of the stack.

from airflow_stack import Airflow, export_outputs, stack_arguments

airflow = Airflow("airflow", stack_arguments())
export_outputs(airflow)
"""

import signal
import sys
from collections.abc import Collection
from pathlib import Path

import pulumi
import pulumi_kubernetes
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

from airflow_stack.airflow import Airflow
from airflow_stack.arguments import AirflowArgs
from airflow_stack.cli.teams import table_file
from airflow_stack.credentials import SECRETS
from airflow_stack.errors import UserError
from airflow_stack.inputs.validation import arguments, load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.names import PROJECT

_ERROR_SHOWN = 32
"""Exit status after which Pulumi prints no second error (pulumi/pulumi, `sdk/python/cmd/pulumi-language-python/main.go`)."""


def teams(table: str | Path = "teams.yaml", environments: Collection[str] | None = None) -> dict[str, Airflow]:
    """One `Airflow` for each team and environment of a table, by its name `<team>-<environment>`, in one program.

    Each cluster has a provider of its own. The secrets of an Airflow are settings of its name, such as `data-prod:gitToken`.

    Args:
        table: File of the table, as `airflow-stack teams` reads it.
        environments: Only these environments; None: all.

    Raises:
        SystemExit: the table is wrong. All errors are in one message of the program's log.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # as in `stack_arguments`
    try:
        rows = table_file.read(Path(table))
    except UserError as error:
        pulumi.log.error(str(error))
        sys.exit(_ERROR_SHOWN)
    providers: dict[str, pulumi_kubernetes.Provider] = {}
    made = {}
    for row in rows:
        if environments is not None and row.environment not in environments:
            continue
        provider = None
        if row.cluster:
            provider = providers.get(row.cluster) or pulumi_kubernetes.Provider(
                f"cluster-{row.cluster}", context=row.cluster, enable_secret_mutable=True
            )
            providers[row.cluster] = provider
        config = pulumi.Config(row.name)
        secrets = {key: secret for key in SECRETS if (secret := config.get_secret(key)) is not None}
        made[row.name] = Airflow(row.name, arguments(row.settings, secrets), pulumi.ResourceOptions(provider=provider))
    return made


def stack_arguments() -> AirflowArgs:
    """Validated arguments from the `airflow:` settings of the stack, with its secrets as outputs. The project may have any name.

    Raises:
        SystemExit: a setting is wrong. All errors are in one message of the program's log.
    """
    # Pulumi interrupts a program when a resource fails: no traceback after the cause.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    config, prefix = pulumi.Config(PROJECT), f"{PROJECT}:"
    given = {key.removeprefix(prefix): value for key, value in get_config_env().items() if key.startswith(prefix)}
    encrypted = {key.removeprefix(prefix) for key in get_config_secret_keys_env()}
    try:
        settings = load(pulumi.get_stack(), given, encrypted)
    except SettingsError as error:
        pulumi.log.error(str(error))
        sys.exit(_ERROR_SHOWN)
    return arguments(settings, {key: config.require_secret(key) for key in SECRETS if given.get(key)})


def export_outputs(airflow: Airflow) -> None:
    """Export every output of an `Airflow` as a stack output, under its camelCase name."""
    for name, output in airflow.outputs().items():
        pulumi.export(name, output)
