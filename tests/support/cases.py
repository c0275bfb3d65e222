"""Stacks for tests: the choices of a stack, and the resources that the program registers for some of them."""

import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, cast

import pulumi
from pydantic.alias_generators import to_snake

from airflow_stack.airflow import Airflow
from airflow_stack.arguments import AirflowArgs
from airflow_stack.chart.local_chart import values_schema
from airflow_stack.cli import placeholder_secrets, stack_file
from airflow_stack.cli.recording import Recording, record
from airflow_stack.credentials import SECRETS
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError
from airflow_stack.settings.models import Settings
from sandbox import config_copy

ROOT = Path(__file__).parents[2]
CONTRACT_CHART = ROOT / "sandbox" / "chart"
STACKS = ("dev", "staging", "prod")

Config = dict[str, Any]

SSH = {"repository": "git@github.com:acme/dags.git"}
HTTPS = {"repository": "https://github.com/acme/dags.git"}

# Valid secrets of a stack.
GIVEN = {key: placeholder_secrets.placeholder(key) for key in SECRETS}
KEY = GIVEN["gitSshKey"]

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIN1mT8GOtsihXfkVnN+xEVGGs08+i1grbLPSlwYWkHhv"
"""A whole host key, as in known_hosts."""
# DAG repository that `make up` serves to a stack without one.
SERVED = config_copy.ServedRepository("ssh://git@127.0.0.1:2222/dags.git", f"[127.0.0.1]:2222 {HOST_KEY}\n", KEY)

# All choices of a stack, in the notation of a stack file.
EXECUTORS = ("KubernetesExecutor", "LocalExecutor", "CeleryExecutor")
SIZES = ("small", "medium", "large")
DATABASES: dict[str, Config] = {
    "in-cluster": {"inCluster": {"storage": "2Gi", "storageClass": "fast"}},
    "external": {
        "external": {"host": "db.example.com", "port": 6432, "name": "meta", "user": "af", "sslMode": "require"}
    },
    "cloud-native-pg": {"cloudNativePg": {"instances": 2, "storageClass": "fast"}},
}
AUTHENTICATIONS: dict[str, Config] = {
    "ssh-key": {**SSH, "authentication": "sshKey"},
    "generated-ssh-key": {**SSH, "authentication": "generatedSshKey", "branch": "release"},
    "token": {**HTTPS, "authentication": "token", "tag": "v1"},
    "github-app": {
        **HTTPS,
        "authentication": "githubApp",
        "githubApp": {"applicationId": 123456, "installationId": 12345678},
    },
    "public": {**HTTPS, "authentication": "none", "commit": "0" * 40},
}
# All deliveries of DAGs, with their requirements.
IMAGE = {"dags": {"delivery": "image"}, "images": {"airflow": {"repository": "acme/airflow"}}}
BUNDLES: dict[str, Config] = {
    f"bundle, {name}": {**dags, "delivery": "gitBundle"}
    for name, dags in AUTHENTICATIONS.items()
    if name != "github-app"
}
BUNDLES["bundle, several"] = {
    **BUNDLES["bundle, generated-ssh-key"],
    "moreRepositories": {
        "team-a": {"repository": "git@gitlab.com:acme/team-a.git", "tag": "v1", "path": ""},
        "team-b": {"repository": "git@github.com:acme/team-b.git"},
    },
}
ACCESSES: dict[str, Config] = {
    "port-forward": {},
    "ingress": {
        "ingress": {
            "host": "airflow.example.com",
            "controllerNamespace": "ingress",
            "className": "nginx",
            "tlsSecret": "tls",
            "annotations": {"a.example.com/b": "c"},
        }
    },
}
LOGS: dict[str, Config] = {
    "pod": {},
    "volume": {"volume": {"size": "5Gi", "storageClass": "shared"}},
    "remote": {"remote": {"folder": "s3://logs/airflow", "connection": "aws"}},
}


def problems(config: Mapping[str, object], secret_keys: set[str] | None = None, **how: bool) -> SettingsError:
    """Error of a wrong configuration."""
    encrypted = SECRETS.keys() & config.keys() if secret_keys is None else secret_keys
    try:
        load("test", config, encrypted, **{"secrets_required": False, **how})
    except SettingsError as error:
        return error
    raise AssertionError(f"nothing is wrong with {config}")


def in_python(config: Config) -> Config:
    """Configuration of a stack file in the notation of a program."""
    return {to_snake(key): in_python(value) if isinstance(value, dict) else value for key, value in config.items()}


def settings(**config: object) -> Settings:
    """Settings of a stack with a repository over SSH, unless `config` changes it."""
    return load("test", {"dags": SSH, **config}, SECRETS.keys() & config.keys(), secrets_required=False)


def stack_settings(stack: str, chart: Path | None = None) -> Settings:
    """Settings of a stack of this project, completed like by `make up`."""
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT / f"Pulumi.{stack}.yaml"
        config_copy.write(source, Path(folder) / source.name, throwaway=True, served=SERVED)
        return stack_file.settings(Path(folder), stack, chart=chart)


@cache
def every_choice() -> Mapping[str, Settings]:
    """All combinations of the choices that change chart values, by name."""
    choices = product(EXECUTORS, SIZES, AUTHENTICATIONS, ACCESSES, LOGS)
    return {
        f"{executor}, {size}, {git}, {access}, logs: {logs}": settings(
            executor=executor,
            size=size,
            dags=AUTHENTICATIONS[git],
            logs=LOGS[logs],
            **ACCESSES[access],
        )
        for executor, size, git, access, logs in choices
    }


def deployed(**args: object) -> Recording:
    """Resources of the program `Airflow("airflow", args)`, with a repository over SSH unless `args` changes it."""
    return _deployed(json.dumps({"dags": SSH, **args}))


@cache
def _deployed(args: str) -> Recording:
    def program() -> None:
        given = json.loads(args)
        for key in given.keys() & set(map(to_snake, SECRETS)):
            given[key] = pulumi.Output.secret(given[key])
        Airflow("airflow", cast(AirflowArgs, given))

    return record(program)


def closed_schema(chart: str | Path) -> dict[str, Any]:
    """Schema of a chart's values without additional properties at the top level."""
    return values_schema(Path(chart))


def official_chart() -> Path:
    """The official chart, for tests with the mark `official_chart`."""
    return Path(os.environ["AIRFLOW_CHART"])


def changed(before: Recording, after: Recording) -> set[str]:
    """Logical names of the resources that differ, without components and without the rollout, which follows the release."""

    def inputs(recording: Recording) -> dict[str, object]:
        return {urn: r.inputs for urn, r in recording.resources.items() if not r.type.startswith("airflow:")}

    old, new = inputs(before), inputs(after)
    names = {urn.split("::")[-1] for urn in old.keys() | new.keys() if old.get(urn) != new.get(urn)}
    follows = {name for name in names if name.endswith("-rollout-job")}
    assert bool(follows) == any(name.endswith("-release") for name in names), (
        "a rollout goes with each change of a release"
    )
    return names - follows
