"""Property values: marks, differences and redaction."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.property_values import (
    UNKNOWN,
    changes,
    dotted,
    has_unknown,
    plain,
    redacted,
    secret,
    with_secrets_of,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2}, {"a": "UPDATE"}),
        ({}, {"a": {"b": 1}}, {"a": "ADD"}),
        ({"a": [1, 2]}, {"a": [1]}, {"a[1]": "DELETE"}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}, 3]}, {"a[0].b": "UPDATE", "a[1]": "ADD"}),
        ({"m": {"x.y/z": 1}}, {"m": {"x.y/z": 2}}, {'m["x.y/z"]': "UPDATE"}),
        ({"a": {"b": 1}}, {"a": UNKNOWN}, {"a": "UPDATE"}),
        ({"a": 1}, {"a": True}, {"a": "UPDATE"}),
        ({"a": None}, {}, {"a": "DELETE"}),
    ],
)
def test_a_difference_has_each_changed_path_in_the_notation_of_the_engine(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]
) -> None:
    assert {dotted(path): kind for path, kind in changes(old, new)} == expected


@given(json_values)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert list(changes(value, value)) == []


@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_secret_marks_can_be_removed_and_restored(value: dict[str, Any]) -> None:
    marked = {key: secret(item) for key, item in value.items()}
    assert plain(marked) == value
    assert with_secrets_of(value, marked) == marked


def test_secrets_of_the_program_are_marked_and_a_list_as_a_whole() -> None:
    given = {"env": [{"name": "A", "value": secret("a")}], "plain": {"a": 1, "b": secret(2)}}
    live = {**plain(given), "status": {}}
    marked = with_secrets_of(live, given)
    assert marked["env"] == secret(live["env"]), "the cluster may reorder the items"
    assert marked["plain"] == given["plain"]
    assert plain(marked) == live


def test_an_unknown_value_is_found_at_any_depth() -> None:
    assert has_unknown({"a": [{"b": secret(UNKNOWN)}]})
    assert not has_unknown({"a": [{"b": secret("known")}]})


def test_secrets_in_a_message_are_redacted_in_plain_and_in_base64() -> None:
    request = {"news": {"data": secret({"key": "hunter2!"}), "name": "visible"}}
    encoded = base64.b64encode(b"hunter2!").decode()
    text = redacted(f"visible: hunter2! is {encoded}", request)
    assert text == "visible: [secret] is [secret]"


def test_an_input_of_a_release_is_not_redacted_unless_it_is_secret_itself() -> None:
    state = {"__inputs": secret({"namespace": "airflow", "values": {"key": secret("hunter2!")}})}
    assert redacted("airflow hunter2!", state) == "airflow [secret]"
