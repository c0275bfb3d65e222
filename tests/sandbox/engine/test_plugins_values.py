"""Random values and keys: behaviour shared by stand-ins and official plugins (docs/plugins.md)."""

import base64

from tests.support.plugin_contract import CANARY, Program, Resources

PASSWORD = "random:index/randomPassword:RandomPassword"
BYTES = "random:index/randomBytes:RandomBytes"
KEY = "tls:index/privateKey:PrivateKey"


def test_generated_values_are_kept_in_the_state_and_replaced_when_an_input_changes(program: Program) -> None:
    resources: Resources = {
        "password": [PASSWORD, {"length": 20}],
        "bytes": [BYTES, {"length": 32}],
        "key": [KEY, {"algorithm": "ED25519"}],
    }
    assert program.up(resources).changes == {"create": 4}
    assert program.unchanged()
    first = program.state("bytes")["id"]
    for name, output in (("password", "result"), ("bytes", "base64"), ("key", "privateKeyOpenssh")):
        assert "ciphertext" in program.state(name)["outputs"][output]

    resources["bytes"][1]["length"] = 16
    resources["old"] = [PASSWORD, {"length": len(CANARY)}, {"import_": CANARY}]
    preview = program.preview(resources)
    assert "~ length: 32 => 16" in preview.output
    assert "hex   : [secret]" in preview.output
    assert program.up(resources).changes == {"same": 3, "replace": 1, "import": 1}
    assert program.state("bytes")["id"] != first
    assert "ciphertext" in program.state("old")["outputs"]["result"]
    assert program.unchanged()
    assert program.stack.destroy().changes == {"delete": 5}


def test_a_state_has_all_inputs_with_defaults_and_an_id_that_is_no_secret(program: Program) -> None:
    resources: Resources = {
        "password": [PASSWORD, {"length": 20, "special": False}],
        "bytes": [BYTES, {"length": 3}],
        "key": [KEY, {"algorithm": "ED25519"}],
    }
    assert program.up(resources).ok
    state = program.state("password")
    assert state["id"] == "none"
    assert state["inputs"] == {"length": 20, "special": False}
    assert {"lower": True, "number": True, "numeric": True, "upper": True}.items() <= state["outputs"].items()
    assert {"minLower": 0, "special": False, "id": "none"}.items() <= state["outputs"].items()
    assert len(base64.b64decode(program.state("bytes")["id"])) == 3, "the bytes themselves: an id cannot be secret"
    outputs = program.state("key")["outputs"]
    assert outputs["id"] == program.state("key")["id"]
    assert outputs["publicKeyOpenssh"].startswith("ssh-ed25519 ")
    assert outputs["publicKeyFingerprintSha256"].startswith("SHA256:")
    assert "BEGIN PUBLIC KEY" in outputs["publicKeyPem"]
    for private in ("privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"):
        assert "ciphertext" in outputs[private]


def test_a_wrong_input_is_refused_with_the_allowed_values(program: Program) -> None:
    refused = program.preview({"password": [PASSWORD, {"length": 0}]})
    assert not refused.ok
    assert "must be at least 1, got: 0. Examine values at 'password.length'." in refused.output
    refused = program.preview({"key": [KEY, {"algorithm": "DSA"}]})
    assert 'must be one of: ["RSA" "ECDSA" "ED25519"], got: "DSA"' in refused.output
