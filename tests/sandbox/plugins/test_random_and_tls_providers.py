"""Values that the stand-ins for random and tls generate."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    load_ssh_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.property_values import UNKNOWN, Properties, is_secret, plain, secret
from sandbox.plugins.protocol import InvalidInputError, PluginError, Request, ResourceType
from sandbox.plugins.random_provider import PROVIDER as RANDOM
from sandbox.plugins.tls_provider import PROVIDER as TLS

SERVED = {token.rsplit(":", 1)[1]: resource for token, resource in {**RANDOM.resources, **TLS.resources}.items()}


def served(type_: str) -> ResourceType:
    return SERVED[type_]


def created(type_: str, **inputs: Any) -> tuple[str, Properties]:
    request = Request(inputs=inputs)
    assert served(type_).check(request) == inputs
    return served(type_).create(request)


def error(type_: str, **inputs: Any) -> str:
    with pytest.raises(InvalidInputError) as refused:
        served(type_).check(Request(inputs=inputs))
    return str(refused.value)


@given(st.integers(1, 60))
def test_a_password_without_special_characters_has_its_length_and_none_of_them(length: int) -> None:
    text = plain(created("RandomPassword", length=length, special=False)[1]["result"])
    assert len(text) == length
    assert text.isalnum()


def test_a_password_has_special_characters_by_default() -> None:
    assert not plain(created("RandomPassword", length=500)[1]["result"]).isalnum()


def test_generated_values_are_secret_except_the_id_of_bytes_as_in_the_official_plugin() -> None:
    id_, password = created("RandomPassword", length=20)
    assert is_secret(password["result"])
    assert id_ == "none"
    id_, some_bytes = created("RandomBytes", length=20)
    assert some_bytes["base64"] == secret(id_)
    assert is_secret(some_bytes["hex"])


def test_the_state_of_a_password_has_all_inputs_with_their_defaults() -> None:
    shown = created("RandomPassword", length=20, special=False)[1]
    expected = {"length": 20, "special": False, "lower": True, "numeric": True, "minUpper": 0, "id": "none"}
    assert expected.items() <= shown.items()


def test_bytes_are_the_same_in_both_notations() -> None:
    some = plain(created("RandomBytes", length=32)[1])
    assert base64.b64decode(some["base64"]).hex() == some["hex"]


@pytest.mark.parametrize(
    ("type_", "imported", "expected"),
    [
        ("RandomPassword", "hunter2!", {"length": 8, "result": "hunter2!"}),
        ("RandomBytes", "AAEC", {"length": 3, "hex": "000102"}),
    ],
)
def test_an_import_takes_the_value_as_id(type_: str, imported: str, expected: Properties) -> None:
    found = served(type_).read(Request(imported))
    assert found
    assert expected.items() <= plain(found[2]).items()


@pytest.mark.parametrize("type_", ["RandomPassword", "PrivateKey"])
def test_a_refresh_returns_the_state(type_: str) -> None:
    state = {"length": 3, "result": secret("abc")}
    found = served(type_).read(Request("none", {"length": 3}, outputs=state))
    assert found == ("none", {"length": 3}, state)


@pytest.mark.parametrize(
    ("type_", "generated"), [("RandomPassword", "result"), ("RandomBytes", "hex"), ("PrivateKey", "privateKeyPem")]
)
def test_a_preview_generates_nothing(type_: str, generated: str) -> None:
    id_, outputs = served(type_).create(Request(inputs={"length": 3}, preview=True))
    assert id_ == ""
    assert outputs[generated] == secret(UNKNOWN)


def test_an_input_with_its_default_value_is_no_change() -> None:
    request = Request(inputs={"length": 8}, old_inputs={"length": 8, "lower": True, "special": True})
    assert not served("RandomPassword").diff(request).paths
    changed = served("RandomPassword").diff(Request(inputs={"length": 9}, old_inputs={"length": 8}))
    assert changed.replaces == ["length"]


def test_invalid_inputs_are_refused_with_the_allowed_ones() -> None:
    assert "Attribute length value must be at least 1, got: 0" in error("RandomPassword", length=0)
    minimum = error("RandomPassword", length=3, minUpper=4)
    assert minimum.endswith("does not implement minUpper. It accepts: length, special")
    assert 'must be one of: ["RSA" "ECDSA" "ED25519"], got: "DSA"' in error("PrivateKey", algorithm="DSA")
    assert error("PrivateKey", algorithm="RSA").endswith("does not implement RSA. It accepts: ED25519")


def test_a_key_is_the_same_in_all_notations_with_a_trailing_newline() -> None:
    _, marked = created("PrivateKey", algorithm="ED25519")
    private = {"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"}
    assert {key for key, value in marked.items() if is_secret(value)} == private
    outputs = plain(marked)
    public = load_ssh_public_key(outputs["publicKeyOpenssh"].encode())
    assert load_pem_public_key(outputs["publicKeyPem"].encode()) == public
    assert load_ssh_private_key(outputs["privateKeyOpenssh"].encode(), None).public_key() == public
    assert load_pem_private_key(outputs["privateKeyPem"].encode(), None).public_key() == public
    assert all(outputs[key].endswith("\n") for key in (*private, "publicKeyOpenssh", "publicKeyPem"))


def test_a_key_cannot_be_imported() -> None:
    with pytest.raises(PluginError, match="cannot import"):
        served("PrivateKey").read(Request("x"))
