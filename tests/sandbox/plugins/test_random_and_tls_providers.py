"""The values that the stand-ins for random and tls make."""

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
    subject = Request(inputs=inputs)
    assert served(type_).check(subject) == inputs
    return served(type_).create(subject)


def refusal(type_: str, **inputs: Any) -> str:
    with pytest.raises(InvalidInputError) as refused:
        served(type_).check(Request(inputs=inputs))
    return str(refused.value)


@given(st.integers(1, 60))
def test_a_password_without_special_signs_has_its_length_and_none_of_them(length: int) -> None:
    text = plain(created("RandomPassword", length=length, special=False)[1]["result"])
    assert len(text) == length
    assert text.isalnum()


def test_a_password_has_special_signs_unless_they_are_declined() -> None:
    assert not plain(created("RandomPassword", length=500)[1]["result"]).isalnum()


def test_what_is_made_is_secret_but_for_the_id_of_bytes_that_the_official_plugin_shows_too() -> None:
    id_, password = created("RandomPassword", length=20)
    assert is_secret(password["result"])
    assert id_ == "none"
    id_, some_bytes = created("RandomBytes", length=20)
    assert some_bytes["base64"] == secret(id_)
    assert is_secret(some_bytes["hex"])


def test_the_state_of_a_password_has_every_input_with_its_default() -> None:
    shown = created("RandomPassword", length=20, special=False)[1]
    expected = {"length": 20, "special": False, "lower": True, "numeric": True, "minUpper": 0, "id": "none"}
    assert expected.items() <= shown.items()


def test_bytes_are_the_same_in_every_notation() -> None:
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
    ("type_", "drawn"), [("RandomPassword", "result"), ("RandomBytes", "hex"), ("PrivateKey", "privateKeyPem")]
)
def test_a_preview_draws_nothing(type_: str, drawn: str) -> None:
    id_, outputs = served(type_).create(Request(inputs={"length": 3}, preview=True))
    assert id_ == ""
    assert outputs[drawn] == secret(UNKNOWN)


def test_an_input_that_is_given_with_its_default_is_no_change() -> None:
    subject = Request(inputs={"length": 8}, old_inputs={"length": 8, "lower": True, "special": True})
    assert not served("RandomPassword").diff(subject).paths
    changed = served("RandomPassword").diff(Request(inputs={"length": 9}, old_inputs={"length": 8}))
    assert changed.replaces == ["length"]


def test_wrong_inputs_are_refused_with_what_is_allowed() -> None:
    assert "Attribute length value must be at least 1, got: 0" in refusal("RandomPassword", length=0)
    assert refusal("RandomPassword", length=3, minUpper=4).endswith("takes only length, special, not minUpper")
    assert 'must be one of: ["RSA" "ECDSA" "ED25519"], got: "DSA"' in refusal("PrivateKey", algorithm="DSA")
    assert refusal("PrivateKey", algorithm="RSA").endswith("makes only ED25519 keys, not RSA")


def test_a_key_is_the_same_in_every_notation_with_its_last_newline() -> None:
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
