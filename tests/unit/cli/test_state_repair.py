"""The repaired state after an interrupted update."""

import pytest

from airflow_stack.cli.pulumi_state import RELEASE, State, StateResource
from airflow_stack.cli.recover.state_repair import Presence, pending_operations, repaired
from tests.support.pulumi_states import a_release, a_secret, a_state, resource


def known_after(state: State, presence: Presence = Presence.PULUMI) -> list[StateResource]:
    after = repaired(state, lambda _: presence)
    assert not pending_operations(after)
    return list(after["deployment"]["resources"])


def test_an_existing_object_with_a_pending_creation_is_adopted_as_unfinished() -> None:
    noted = a_secret(parent="urn:parent")
    state = a_state(a_release(id="airflow/airflow"), creating=noted)
    *before, adopted = known_after(state)
    assert before == [a_release(id="airflow/airflow")]
    assert (adopted["id"], adopted["parent"]) == ("airflow/airflow-jwt-secret", "urn:parent")
    assert adopted["initErrors"], "or the next `up` would not wait for it"
    assert adopted["outputs"]["__inputs"] == noted["inputs"], "still encrypted, and what the provider compares with"
    assert len(pending_operations(state)) == 1, "the state that was given is not touched"


@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.FOREIGN])
def test_a_missing_or_foreign_object_is_not_adopted(presence: Presence) -> None:
    assert known_after(a_state(creating=a_secret()), presence) == []


def test_resources_without_an_object_and_releases_are_created_again() -> None:
    password = resource("random:index/randomPassword:RandomPassword", "airflow-admin-password-1")
    assert known_after(a_state(creating=password)) == []
    assert known_after(a_state(creating=a_release())) == []


def test_a_first_state_has_no_resources() -> None:
    assert known_after({"version": 3, "deployment": {"metadata": {}}}) == []


def test_an_interrupted_update_is_applied_again_even_if_the_setting_is_reverted() -> None:
    bytes_ = resource("random:index/randomPassword:RandomPassword", "airflow-fernet-1", id="none")
    after = known_after(a_state(a_secret(id="a"), bytes_, a_secret(id="old", delete=True), updating=a_secret()))
    assert [bool(each.get("initErrors")) for each in after] == [True, False, False]


def test_a_replacement_takes_the_place_of_the_deleted_object() -> None:
    old = a_secret(id="airflow/airflow-jwt-secret", pendingReplacement=True)
    first, last = known_after(a_state(old, a_release(id="r"), creating=a_secret()))
    assert first["initErrors"]
    assert "pendingReplacement" not in first
    assert last["type"] == RELEASE, "what depends on it stays behind it"


def test_a_replacement_with_another_name_leaves_the_old_object_for_deletion() -> None:
    first, last = known_after(a_state(a_secret(id="elsewhere/airflow-jwt-secret"), creating=a_secret()))
    assert (first["id"], last["id"], last["delete"]) == (
        "airflow/airflow-jwt-secret",
        "elsewhere/airflow-jwt-secret",
        True,
    )


def test_an_object_in_the_state_is_unchanged() -> None:
    known = a_secret(id="airflow/airflow-jwt-secret", outputs={"a": 1})
    assert known_after(a_state(known, creating=a_secret())) == [known]
