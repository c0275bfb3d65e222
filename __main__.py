"""A stack's settings, one Airflow, and what the stack tells the world."""

import signal
import sys
from pathlib import Path

import pulumi
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env

sys.path.insert(
    0, str(Path(__file__).with_name("components"))
)  # the requirements are enough: the package need not be installed

from airflow_stack import Airflow
from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import arguments, load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.names import PROJECT

signal.signal(
    signal.SIGINT, signal.SIG_DFL
)  # Pulumi interrupts a program when a resource fails: no traceback after the cause

config = pulumi.Config()
prefix = f"{PROJECT}:"
given = {key.removeprefix(prefix): value for key, value in get_config_env().items() if key.startswith(prefix)}
encrypted = {key.removeprefix(prefix) for key in get_config_secret_keys_env()}

try:
    settings = load(pulumi.get_stack(), given, encrypted)
except SettingsError as error:
    pulumi.log.error(str(error))
    sys.exit(32)  # Pulumi's code for "the user has been told": no traceback and no second error

secrets = {key: config.require_secret(key) for key in SECRETS if given.get(key)}
airflow = Airflow("airflow", arguments(settings, secrets))

for name, output in airflow.outputs().items():
    pulumi.export(name, output)
