"""Private keys are repaired if that is safe, and refused with a message if they cannot work. No message repeats a key."""

import base64
import warnings
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from airflow_stack.cli import placeholder_secrets
from airflow_stack.credentials import SECRETS
from airflow_stack.git.private_key import UnusableKeyError, usable, usable_for_github_app
from airflow_stack.inputs.wording import fix_in_stack_file
from tests.support.cases import HTTPS, SSH, Config, problems, settings
from tests.support.golden import Golden

OPENSSH, PEM, PKCS8 = PrivateFormat.OpenSSH, PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8
Key = (
    ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
)


def text(key: Key, form: PrivateFormat, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def public(encoding: Encoding, form: PublicFormat) -> str:
    return ED25519.public_key().public_bytes(encoding, form).decode()


def with_passphrase() -> str:
    """An encrypted key in OpenSSH's format, with the parts that are readable without the passphrase (OpenSSH, PROTOCOL.key)."""

    def field(content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + content

    own = field(b"ssh-ed25519") + field(b"p" * 32)
    body = b"openssh-key-v1\0" + field(b"aes256-ctr") + field(b"bcrypt") + field(field(b"s" * 16) + b"\0\0\0\x10")
    body += b"\0\0\0\x01" + field(own) + field(b"x" * 160)
    return (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.encodebytes(body).decode()}-----END OPENSSH PRIVATE KEY-----\n"
    )


ED25519, EC = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
GOOD = text(ED25519, OPENSSH)
RSA_PEM = placeholder_secrets.placeholder("githubAppPrivateKey")
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose, and DSA too
with warnings.catch_warnings(action="ignore"):
    DSA_KEY = dsa.generate_private_key(1024)  # noqa: S505
    DSA_OPENSSH = text(DSA_KEY, OPENSSH)
PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 2\n"


@pytest.mark.parametrize(
    "key",
    [GOOD, text(EC, OPENSSH), text(EC, PEM), text(EC, PKCS8), RSA_PEM],
    ids=["ed25519", "ECDSA", "ECDSA in PEM", "ECDSA in PKCS#8", "RSA in PEM"],
)
def test_a_key_that_ssh_reads_is_unchanged(key: str) -> None:
    assert usable(key) == key


REPAIRED: dict[str, Callable[[str], str]] = {
    "without its last newline, as Pulumi's command line stores it": str.rstrip,
    "with too many": lambda key: f"\n{key}\n\n",
    "from Windows": lambda key: key.replace("\n", "\r\n"),
    "from Windows, with a byte order mark": lambda key: "\ufeff" + key.replace("\n", "\r\n"),
    "from an old Mac": lambda key: key.replace("\n", "\r"),
    "indented, as in YAML": lambda key: "".join(f"    {line}\n" for line in key.splitlines()),
    "with words around it": lambda key: f"# the deploy key\n{key}\nssh-ed25519 AAAA me",
    "as Base64, the seed's way": lambda key: base64.b64encode(key.encode()).decode(),
    "as Base64 in lines": lambda key: base64.encodebytes(key.encode()).decode(),
    "as Base64 of one from Windows": lambda key: base64.b64encode(key.replace("\n", "\r\n").encode()).decode() + "\n",
}


@pytest.mark.parametrize("how", REPAIRED)
@pytest.mark.parametrize("key", [GOOD, text(EC, PEM)], ids=["OpenSSH", "PEM"])
def test_common_damage_to_a_key_is_repaired(how: str, key: str) -> None:
    assert usable(REPAIRED[how](key)) == key


REFUSED = {
    "a public key": public(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "a public key as PEM": public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "a public key as RFC 4716": "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----",
    "a public key as Base64": base64.b64encode(b"ssh-ed25519 AAAAC3Nza me").decode(),
    "a certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    "a passphrase": with_passphrase(),
    "a passphrase, PKCS#8": text(EC, PKCS8, b"secret"),
    "a passphrase, PEM": text(EC, PEM, b"secret"),
    "weak RSA": text(WEAK, OPENSSH),
    "weak RSA in PEM": text(WEAK, PEM),
    "DSA": DSA_OPENSSH,
    "DSA in PEM": text(DSA_KEY, PEM),
    "PuTTY": PUTTY,
    "PuTTY as Base64": base64.b64encode(PUTTY.encode()).decode(),
    "ed25519 in PKCS#8, which ssh reads since 9.6": text(ED25519, PKCS8),
    "ed448": text(ed448.Ed448PrivateKey.generate(), PKCS8),
    "another curve": text(ec.generate_private_key(ec.SECP256K1()), PEM),
    "the first line alone": GOOD.splitlines()[0],
    "the half": GOOD[: len(GOOD) // 2],
    "a hole in it": GOOD[:90] + GOOD[140:],
    "the end of another": GOOD.replace("END OPENSSH", "END RSA"),
    "the name of a file": "~/.ssh/id_ed25519",
    "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_key_is_refused_with_the_fix_and_never_repeated(name: str, golden: Golden) -> None:
    key = REFUSED[name]
    with pytest.raises(UnusableKeyError) as refused:
        usable(key)
    shown = str(refused.value)
    assert shown == golden
    assert not [part for part in key.split() if len(part) > 24 and part in shown]
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("key", [RSA_PEM, RSA_PEM.replace("\n", "\r\n").rstrip()], ids=["as downloaded", "Windows"])
def test_the_key_of_a_github_app_is_rsa_in_pem(key: str) -> None:
    assert usable_for_github_app(key) == RSA_PEM


@pytest.mark.parametrize(
    "key", [GOOD, text(EC, PEM), text(WEAK, PEM), text(WEAK, OPENSSH)], ids=["ed25519", "ECDSA", "weak", "OpenSSH"]
)
def test_other_keys_are_refused_for_a_github_app(key: str, golden: Golden) -> None:
    with pytest.raises(UnusableKeyError) as refused:
        usable_for_github_app(key)
    assert str(refused.value) == golden


APP: Config = {**HTTPS, "githubApp": {"clientId": "Iv1.abc", "installationId": 1}}


@pytest.mark.parametrize(("secret", "dags"), [("gitSshKey", SSH), ("githubAppPrivateKey", APP)])
def test_a_wrong_key_of_a_stack_is_one_setting_to_correct(secret: str, dags: Config) -> None:
    wrong = REFUSED["a public key"]
    (problem,) = problems({"dags": dags, secret: wrong}).problems
    assert problem.path == secret
    assert problem.value is None
    assert SECRETS[secret].command in fix_in_stack_file(problem)
    assert wrong.split()[1] not in str(problem)


def test_an_encrypted_key_is_not_checked() -> None:
    assert settings(dags=SSH, gitSshKey={"secure": "v1:abc"}).dags.authentication == "sshKey"
