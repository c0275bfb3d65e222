"""Where the stand-ins do less than the official plugins, they say so; and where the official ones wait for ever, they say why."""

import pytest

from tests.engine.contract import Program

ONLY_STAND_INS = pytest.mark.parametrize("plugins", ["stand-ins"], indirect=True)


@ONLY_STAND_INS
def test_an_unknown_type_and_an_input_that_is_not_honoured_are_refused(program: Program) -> None:
    refused = program.preview({"pet": ["random:index/randomPet:RandomPet", {}]})
    assert not refused.ok
    assert "stand-in for the random plugin" in refused.output
    assert "random:index/randomPassword:RandomPassword" in refused.output
    refused = program.preview({"key": ["tls:index/privateKey:PrivateKey", {"algorithm": "RSA"}]})
    assert "makes only ED25519 keys, not RSA" in refused.output
