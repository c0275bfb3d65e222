"""Stacks to test with: the choices that a stack has, and what the program makes of some of them."""

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
from airflow_stack.inputs.secrets import SECRETS
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

# Secrets of a stack that pass every check.
GIVEN = {key: placeholder_secrets.secret(key) for key in SECRETS}
KEY = GIVEN["gitSshKey"]

# What `make up` serves to a stack that names no repository.
SERVED = config_copy.ServedRepository("ssh://git@127.0.0.1:2222/dags.git", "[127.0.0.1]:2222 ssh-ed25519 AAAA\n", KEY)

# The choices of a stack, each with every answer: in the words of a stack file.
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
# Every way in which DAGs get to where they run, with what it needs.
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
    """The error that a wrong configuration ends in."""
    encrypted = SECRETS.keys() & config.keys() if secret_keys is None else secret_keys
    try:
        load("test", config, encrypted, **{"secrets_required": False, **how})
    except SettingsError as error:
        return error
    raise AssertionError(f"nothing is wrong with {config}")


def in_python(config: Config) -> Config:
    """The words of a stack file as those of a program."""
    return {to_snake(key): in_python(value) if isinstance(value, dict) else value for key, value in config.items()}


def settings(**config: object) -> Settings:
    """The settings of a stack that follows a repository by SSH, but for what is given."""
    return load("test", {"dags": SSH, **config}, SECRETS.keys() & config.keys(), secrets_required=False)


def stack_settings(stack: str, chart: Path | None = None) -> Settings:
    """The settings of a stack of this project, as `make up` completes them."""
    with tempfile.TemporaryDirectory() as folder:
        source = ROOT / f"Pulumi.{stack}.yaml"
        config_copy.write(source, Path(folder) / source.name, throwaway=True, served=SERVED)
        return stack_file.settings(Path(folder), stack, chart=chart)


@cache
def every_choice() -> Mapping[str, Settings]:
    """Every combination of the choices, by a name."""
    choices = product(EXECUTORS, SIZES, DATABASES, AUTHENTICATIONS, ACCESSES, LOGS)
    return {
        f"{executor}, {size}, {database}, {git}, {access}, logs: {logs}": settings(
            executor=executor,
            size=size,
            database=DATABASES[database],
            dags=AUTHENTICATIONS[git],
            logs=LOGS[logs],
            **ACCESSES[access],
        )
        for executor, size, database, git, access, logs in choices
    }


def deployed(**args: object) -> Recording:
    """What the program `Airflow("airflow", args)` registers; it follows a repository by SSH, but for what is given."""
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
    """The schema of a chart's values, with its top level closed."""
    return values_schema(Path(chart))


def official_chart() -> Path:
    """The official chart; for tests that are marked with `official_chart`."""
    return Path(os.environ["AIRFLOW_CHART"])


def changed(before: Recording, after: Recording) -> set[str]:
    """Logical names of the resources that are not the same in both: without components, and without the rollout, which follows the release."""

    def inputs(recording: Recording) -> dict[str, object]:
        return {urn: r.inputs for urn, r in recording.resources.items() if not r.type.startswith("airflow:")}

    old, new = inputs(before), inputs(after)
    names = {urn.split("::")[-1] for urn in old.keys() | new.keys() if old.get(urn) != new.get(urn)}
    follows = {name for name in names if name.endswith("-rollout-job")}
    assert bool(follows) == any(name.endswith("-release") for name in names), (
        "a rollout goes with each change of a release"
    )
    return names - follows
