"""The Fernet key of an existing installation: generation 1, until two newer ones are in use."""

import base64
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pulumi import RunError

from airflow_stack.cli.recording import record
from airflow_stack.credentials import usable_fernet_keys
from airflow_stack.git.private_key import UnusableKeyError
from airflow_stack.inputs.validation import load
from airflow_stack.inputs.wording import SettingsError, in_stack_file
from airflow_stack.parts.generated_credentials import AirflowCredentials
from tests.support.cases import SSH, problems
from tests.support.golden import Golden

CANARY = "canary-5e0c"


def fernet(**args: Any) -> tuple[str, set[str]]:
    seen = record(lambda: AirflowCredentials("c", {"namespace": "airflow", **args}))  # type: ignore[typeddict-item]
    (secret,) = (
        r for r in seen.of_type("kubernetes:core/v1:Secret") if r.inputs["metadata"]["name"] == "airflow-fernet-key"
    )
    made = {r.name for r in seen.of_type("random:index/randomPassword:RandomPassword") if "fernet" in r.name}
    return secret.inputs["stringData"]["fernet-key"], made


def test_an_existing_fernet_key_is_generation_1_and_follows_the_next() -> None:
    old = Fernet.generate_key().decode()
    assert fernet(fernet_key=f" {old}\n", rotation={"fernet_given": True}) == (old, set())
    both, made = fernet(fernet_key=old, rotation={"fernet_given": True, "fernet": 2})
    assert made == {"c-fernet-key-2"}
    assert both.split(",")[1] == old
    third, made = fernet(rotation={"fernet_given": True, "fernet": 3})
    assert made == {"c-fernet-key-2", "c-fernet-key-3"}
    assert third.split(",")[1] == both.split(",")[0]


@pytest.mark.parametrize("generation", [1, 2])
def test_an_existing_fernet_key_removed_too_early_is_reported_and_not_replaced(generation: int, golden: Golden) -> None:
    old, rotation = Fernet.generate_key().decode(), {"fernet": generation, "fernetGiven": True}
    load("test", {"dags": SSH, "rotation": rotation, "fernetKey": old}, {"fernetKey"})
    with pytest.raises(SettingsError) as missed:
        load("test", {"dags": SSH, "rotation": rotation}, set())
    (problem,) = missed.value.problems
    assert problem.path == "fernetKey"
    (problem,) = problems({"dags": SSH, "rotation": {"fernet": generation}, "fernetKey": old}).problems
    assert in_stack_file(problem) == golden
    for alone in ({"fernet_key": old}, {"rotation": {"fernet": generation, "fernet_given": True}}):
        with pytest.raises(RunError, match=r"rotation\.fernet_given"):
            fernet(**alone)


def test_an_existing_fernet_key_may_go_once_two_newer_ones_are_in_use(golden: Golden) -> None:
    third = {"dags": SSH, "rotation": {"fernet": 3, "fernetGiven": True}}
    load("test", third, set())
    (problem,) = problems({**third, "fernetKey": Fernet.generate_key().decode()}).problems
    assert in_stack_file(problem) == golden


def test_an_invalid_fernet_key_is_refused_and_not_shown(golden: Golden) -> None:
    several = ",".join(Fernet.generate_key().decode() for _ in range(2))
    assert usable_fernet_keys(several) == several
    for wrong in (CANARY, "", several + ",", base64.b64encode(CANARY.encode()).decode()):
        with pytest.raises(UnusableKeyError) as refused:
            usable_fernet_keys(wrong)
        assert f"{refused.value.reason}; fix: {refused.value.way_out}" == golden(name="each")
        assert CANARY not in str(refused.value)
