"""Generated keys and passwords have the form, the Secret and the data key that their readers expect."""

import re
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from airflow_stack.cli.recording import Recording, generated_outputs, record
from airflow_stack.parts.generated_credentials import AirflowCredentials, AirflowCredentialsArgs

SECRET = "kubernetes:core/v1:Secret"
PASSWORD = "random:index/randomPassword:RandomPassword"

ALL: AirflowCredentialsArgs = {
    "namespace": "airflow",
    "admin_username": "admin",
    "database_username": "airflow",
    "broker": True,
}


def made(**more: Any) -> Recording:
    return record(lambda: AirflowCredentials("c", {**ALL, **more}))  # type: ignore[typeddict-item]


def data(seen: Recording) -> dict[str, dict[str, str]]:
    """Content of every Secret, by its name."""
    return {secret.inputs["metadata"]["name"]: secret.inputs["stringData"] for secret in seen.of_type(SECRET)}


def test_unused_credentials_are_not_generated() -> None:
    few = data(record(lambda: AirflowCredentials("c", {"namespace": "airflow"})))
    assert few.keys() == {"airflow-fernet-key", "airflow-api-secret-key", "airflow-jwt-secret"}


def test_fernet_accepts_every_generated_key() -> None:
    keys = [
        key
        for generation in (2, 4, 6)
        for key in data(made(rotation={"fernet": generation}))["airflow-fernet-key"]["fernet-key"].split(",")
    ]
    assert len(set(keys)) == 6
    for key in keys:
        token = Fernet(key).encrypt(b"connection")
        assert Fernet(key).decrypt(token) == b"connection"


def test_a_new_fernet_key_precedes_the_one_it_replaces_and_older_ones_are_left_out() -> None:
    first, second, third = (
        data(made(rotation={"fernet": generation}))["airflow-fernet-key"]["fernet-key"] for generation in (1, 2, 3)
    )
    assert "," not in first
    assert second.split(",")[1] == first
    assert third.split(",")[1] == second.split(",")[0]
    assert len(third.split(",")) == 2
    old = Fernet(first).encrypt(b"row")
    assert MultiFernet([Fernet(key) for key in second.split(",")]).decrypt(old) == b"row"


@pytest.mark.parametrize("generation", [1, 4])
def test_the_newest_generation_is_the_one_in_use(generation: int) -> None:
    seen = made(rotation={"jwt": generation})
    assert [r.name for r in seen.of_type(PASSWORD) if "jwt" in r.name] == [
        f"c-jwt-secret-{number}" for number in range(1, generation + 1)
    ]
    newest = generated_outputs(PASSWORD, f"c-jwt-secret-{generation}", {"length": 64})["result"]
    assert data(seen)["airflow-jwt-secret"] == {"jwt-secret": newest}


def test_passwords_are_long_enough_and_need_no_encoding_in_a_url() -> None:
    lengths = {r.name: (r.inputs["length"], r.inputs["special"]) for r in made().of_type(PASSWORD)}
    assert all(special is False for _, special in lengths.values())
    assert lengths["c-jwt-secret-1"][0] >= 64, "HS512"
    assert min(length for length, _ in lengths.values()) >= 24


def test_the_broker_url_contains_the_password_of_redis() -> None:
    content = data(made())
    password = content["airflow-redis-password"]["password"]
    assert content["airflow-broker-url"]["connection"] == f"redis://:{password}@airflow-redis:6379/0"


def test_the_database_secret_has_the_type_that_cloudnativepg_requires() -> None:
    types = {secret.inputs["metadata"]["name"]: secret.inputs["type"] for secret in made().of_type(SECRET)}
    assert types.pop("airflow-database") == "kubernetes.io/basic-auth"
    assert set(types.values()) == {"Opaque"}


def test_every_secret_has_a_digest_of_its_content_only() -> None:
    component = "airflow:index:AirflowCredentials"
    one, same, other = (made(**more).outputs_of(component)["digests"] for more in ({}, {}, {"rotation": {"jwt": 2}}))
    assert one == same
    assert one.keys() == data(made()).keys()
    assert {name for name in one if one[name] != other[name]} == {"airflow-jwt-secret"}
    assert all(re.fullmatch(r"[0-9a-f]{16}", digest) for digest in one.values())
