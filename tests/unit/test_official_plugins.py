"""Inputs that the official plugins need.

Each test covers a fault that occurred with pulumi-kubernetes 4.32 and pulumi-random 4.21, and that stand-ins used to hide.
"""

from collections.abc import Iterator
from itertools import cycle, product
from typing import Any

import pytest

from airflow_stack.cli.manifests import record_stack
from airflow_stack.cli.recording import Recording
from tests.support.cases import (
    AUTHENTICATIONS,
    BUNDLES,
    DATABASES,
    EXECUTORS,
    SIZES,
    STACKS,
    Config,
    settings,
    stack_settings,
)

# Their id is the generated value (pulumi-random, `provider/resources.go` and its Terraform provider).
IDS_THAT_ARE_THE_VALUE = {
    f"random:index/random{kind}:Random{kind}" for kind in ("Bytes", "Id", "Pet", "String", "Uuid")
}
# Each pair of executor and database, with alternating sizes: a size changes only chart values.
CHOICES: dict[str, Config] = {
    f"{executor}, {size}, {database}": {"executor": executor, "size": size, "database": DATABASES[database]}
    for (executor, database), size in zip(product(EXECUTORS, DATABASES), cycle(SIZES), strict=False)
} | {
    git: {"dags": dags} for git, dags in {**AUTHENTICATIONS, **BUNDLES}.items()
}  # fmt: skip


def recorded() -> Iterator[tuple[str, Recording]]:
    """Every stack of this project, and every choice that decides which resources exist."""
    for stack in STACKS:
        yield stack, record_stack(stack_settings(stack), stack)
    for name, config in CHOICES.items():
        yield name, record_stack(settings(**config), "test")


@pytest.fixture(scope="module")
def programs() -> dict[str, Recording]:
    return dict(recorded())


def empties(value: Any, path: str = "") -> Iterator[str]:
    """Paths of the empty maps and lists in a value."""
    if isinstance(value, dict | list) and not value:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from empties(item, f"{path}.{key}" if path else str(key))


def test_no_generated_value_is_the_id_of_its_resource(programs: dict[str, Recording]) -> None:
    """An id is plain text in the state, in its history and in every preview."""
    found = {(name, r.type) for name, seen in programs.items() for r in seen.resources.values() if "random:" in r.type}
    assert len(found) >= len(programs), "every program generates something"
    assert {type_ for _, type_ in found} & IDS_THAT_ARE_THE_VALUE == set()


def test_no_input_of_any_resource_is_an_empty_map_or_list(programs: dict[str, Recording]) -> None:
    """The API server drops them, so a Secret or custom resource with one would always differ from its inputs."""
    found = {
        f"{r.type.split(':')[-1]} {path}"
        for seen in programs.values()
        for r in seen.resources.values()
        if not r.type.startswith("airflow:")
        for path in empties(r.inputs)
    }
    assert sorted(found) == []


# Condition that the provider awaits for each kind (pulumi-kubernetes, `provider/pkg/await/awaiters.go`), and the reason to await it in an `up`;
# empty: it is not awaited.
AWAITED = {
    "Job": "the migration must be complete before a pod of the release starts",
    "StatefulSet": "the migration needs the database",
    "Service": "",  # ready only with its endpoints, and the StatefulSet is awaited anyway
    "PersistentVolumeClaim": "",  # bound only with its first pod
}


def test_nothing_is_awaited_needlessly(programs: dict[str, Recording]) -> None:
    seen = {
        r.type.split(":")[-1]: r.inputs["metadata"].get("annotations", {}).get("pulumi.com/skipAwait") == "true"
        for recording in programs.values()
        for r in recording.resources.values()
        if r.type.split(":")[-1] in AWAITED
    }
    assert seen == {kind: not use for kind, use in AWAITED.items()}


def test_every_replacement_of_a_job_has_a_new_name(programs: dict[str, Recording]) -> None:
    """The preview of a replacement is a dry run of its creation, which would fail with a Job of the same name."""
    names = {
        (r.name, r.inputs["metadata"].get("name"))
        for recording in programs.values()
        for r in recording.resources.values()
        if r.type == "kubernetes:batch/v1:Job"
    }
    assert {job for job, _ in names} == {
        "airflow-migration-job",
        "airflow-admin-job",
        "airflow-rollout-job",
        "airflow-web-ready-job",
    }
    assert {name for _, name in names} == {None}
