"""The values that the stand-ins for random and tls make."""

import base64
import string
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key, load_ssh_public_key
from hypothesis import given
from hypothesis import strategies as st

from sandbox.plugins.protocol import InvalidInputError, PluginError, Resource, Subject
from sandbox.plugins.random import PROVIDER as RANDOM
from sandbox.plugins.tls import PROVIDER as TLS
from sandbox.plugins.wire import Properties, is_secret, plain, secret


def served(type_: str) -> Resource:
    kind = type_[0].lower() + type_[1:]
    name = "tls" if type_ == "PrivateKey" else "random"
    resource = {"tls": TLS, "random": RANDOM}[name].resource(f"{name}:index/{kind}:{type_}")
    assert resource
    return resource


def created(type_: str, **inputs: Any) -> tuple[str, Properties]:
    subject = Subject(type_, "name", inputs=inputs)
    assert served(type_).check(subject) == inputs
    return served(type_).create(subject)


def refusal(type_: str, **inputs: Any) -> str:
    with pytest.raises(InvalidInputError) as refused:
        served(type_).check(Subject(type_, "name", inputs=inputs))
    return str(refused.value)


@given(st.integers(8, 60), st.integers(0, 4), st.integers(0, 4))
def test_a_password_has_its_length_its_minimums_and_no_sign_that_is_not_allowed(
    length: int, numbers: int, specials: int
) -> None:
    allowed = {"upper": False, "overrideSpecial": "-_"}
    _, outputs = created("RandomPassword", length=length, minNumeric=numbers, minSpecial=specials, **allowed)
    text = plain(outputs["result"])
    assert len(text) == length
    assert sum(sign in string.digits for sign in text) >= numbers
    assert sum(sign in "-_" for sign in text) >= specials
    assert set(text) <= set(string.ascii_lowercase + string.digits + "-_")


def test_a_password_without_special_signs_has_none() -> None:
    assert plain(created("RandomPassword", length=500, special=False)[1]["result"]).isalnum()


def test_only_what_is_secret_is_marked_and_no_id_gives_it_away() -> None:
    id_, password = created("RandomPassword", length=20)
    assert is_secret(password["result"])
    assert id_ == "none"
    _, some_bytes = created("RandomBytes", length=20)
    assert is_secret(some_bytes["base64"])
    assert is_secret(some_bytes["hex"])
    id_, text = created("RandomString", length=20)
    assert text["result"] == id_


def test_bytes_are_the_same_in_every_notation() -> None:
    some = plain(created("RandomBytes", length=32)[1])
    assert base64.b64decode(some["base64"]).hex() == some["hex"]
    id_, named = created("RandomId", byteLength=4, prefix="x-")
    assert named["b64Url"] == f"x-{id_}"
    assert named["dec"] == f"x-{int(named['hex'].removeprefix('x-'), 16)}"


@pytest.mark.parametrize(
    ("type_", "imported", "expected"),
    [
        ("RandomPassword", "hunter2!", {"length": 8, "result": "hunter2!"}),
        ("RandomBytes", "AAEC", {"length": 3, "hex": "000102"}),
        ("RandomId", "x-,AAEC", {"byteLength": 3, "prefix": "x-", "hex": "x-000102", "dec": "x-258"}),
    ],
)
def test_an_import_takes_the_value_as_id(type_: str, imported: str, expected: Properties) -> None:
    found = served(type_).read(Subject(type_, "name", id=imported))
    assert found
    assert expected.items() <= plain(found[2]).items()


def test_a_refresh_returns_the_state() -> None:
    state = {"length": 3, "result": secret("abc")}
    found = served("RandomPassword").read(Subject("", "name", "none", {"length": 3}, outputs=state))
    assert found == ("none", {"length": 3}, state)


def test_a_preview_draws_nothing() -> None:
    subject = Subject("", "name", inputs={"length": 3}, preview=True)
    assert served("RandomPassword").create(subject) == ("", {"length": 3})


def test_wrong_inputs_are_refused_with_what_is_allowed() -> None:
    assert refusal("RandomPassword", length=0) == "length must be at least 1, got 0"
    assert refusal("RandomPassword", length=3, minUpper=4) == "length must be at least 4, the minimums' sum"
    nothing = dict.fromkeys(("lower", "upper", "numeric", "special"), False)
    assert "one of lower, upper, numeric, special must be true" in refusal("RandomString", length=3, **nothing)
    assert refusal("PrivateKey", algorithm="DSA").startswith("algorithm must be one of ECDSA, ED25519, RSA")


@pytest.mark.parametrize("inputs", [{"algorithm": "ED25519"}, {"algorithm": "ECDSA", "ecdsaCurve": "P256"}])
def test_a_key_is_the_same_in_every_notation_with_its_last_newline(inputs: dict[str, str]) -> None:
    _, marked = created("PrivateKey", **inputs)
    private = ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8")
    assert {key for key, value in marked.items() if is_secret(value)} == set(private)
    outputs = plain(marked)
    public = load_ssh_public_key(outputs["publicKeyOpenssh"].encode())
    assert load_ssh_private_key(outputs["privateKeyOpenssh"].encode(), None).public_key() == public
    assert load_pem_private_key(outputs["privateKeyPem"].encode(), None).public_key() == public
    assert all(outputs[key].endswith("\n") for key in (*private, "publicKeyOpenssh", "publicKeyPem"))
    assert outputs["publicKeyFingerprintSha256"].startswith("SHA256:")


def test_a_key_that_openssh_does_not_know_has_no_openssh_notation() -> None:
    assert created("PrivateKey", algorithm="ECDSA")[1]["publicKeyOpenssh"] == ""


def test_a_key_cannot_be_imported() -> None:
    with pytest.raises(PluginError, match="cannot be imported"):
        served("PrivateKey").read(Subject("", "name", id="x"))
