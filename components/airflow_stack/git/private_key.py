"""The private keys that a user gives for the DAG repository: checked before anything is touched, and repaired where that is safe.

Pure, and silent about the keys: no message repeats a part of one. It does not ask the git host whether it knows the key;
`airflow-stack doctor` does.
"""

import base64
import binascii
import re
from warnings import catch_warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY)-----\n.*?-----END (?P=kind)-----", re.DOTALL)
_PUBLIC = re.compile(r"^(ssh-|ecdsa-sha2-|sk-)\S+ AAAA|BEGIN ([A-Z0-9 ]+ )?PUBLIC KEY|BEGIN CERTIFICATE", re.MULTILINE)
_OPENSSH = "OPENSSH PRIVATE KEY"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # RFC 5656: what ssh calls nistp256, nistp384 and nistp521
_RSA_BITS = 2048  # the least that NIST SP 800-131A allows
_NEW = "make a new key with `ssh-keygen -t ed25519 -N '' -f <key>` and add <key>.pub to the repository"

_WHOLE = "take the whole file"


class UnusableKeyError(ValueError):
    """A key that cannot work, why, and what to do about it."""

    def __init__(self, reason: str, way_out: str) -> None:
        self.reason, self.way_out = reason, way_out
        super().__init__(f"{reason}; {way_out}")


def usable(text: str) -> str:
    """The private SSH key as git-sync must get it: lines that ssh reads, the last one ended.

    Raises:
        UnusableKeyError: ssh, or every git host, would refuse it.
    """
    kind, key = _block(text)
    match private := _loaded(kind, key):
        case rsa.RSAPrivateKey() if private.key_size < _RSA_BITS:
            raise UnusableKeyError(f"is an RSA key of {private.key_size} bits, too weak for git hosts",
                                   "make one of 3072 bits or more, or better an ed25519 key: `ssh-keygen -t ed25519 -N '' -f <key>`")  # fmt: skip
        case rsa.RSAPrivateKey():
            return key
        case ed25519.Ed25519PrivateKey() if kind == _OPENSSH:
            return key
        case ed25519.Ed25519PrivateKey():
            raise UnusableKeyError("is an ed25519 key as PKCS#8, which ssh reads only from OpenSSH 9.6 on",
                                   "rewrite it with that or a newer one: `ssh-keygen -p -N '' -f <key>`")  # fmt: skip
        case ec.EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            return key
        case dsa.DSAPrivateKey():
            raise UnusableKeyError("is a DSA key, which git hosts and ssh no longer take", _NEW)
    raise UnusableKeyError("is a private key of a kind that ssh does not take", _NEW)


def usable_for_github_app(text: str) -> str:
    """The private key of a GitHub App as git-sync must get it: RSA in PEM (golang-jwt, `ParseRSAPrivateKeyFromPEM`).

    Raises:
        UnusableKeyError: git-sync could not sign with it.
    """
    kind, key = _block(text)
    private = _loaded(kind, key)
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < _RSA_BITS or kind == _OPENSSH:
        raise UnusableKeyError(
            f"is not the private key of a GitHub App, which is RSA of {_RSA_BITS} bits or more in PEM",
            "generate one on the App's page, General > Private keys, and take the .pem file that it downloads",
        )
    return key


def _block(text: str) -> tuple[str, str]:
    """Kind and text of the one private key in what was given, Base64 of the whole undone."""
    given = _lines(text)
    plain = given if "----" in given else _lines(_decoded(given)) or given
    if found := _BLOCK.search(plain):
        return found["kind"], found[0] + "\n"
    if plain.startswith("PuTTY-User-Key-File"):
        raise UnusableKeyError(
            "is a key in PuTTY's format", "convert it: `puttygen <key>.ppk -O private-openssh -o <key>`"
        )
    if _PUBLIC.search(plain):
        raise UnusableKeyError("is a public key or a certificate", "take the private key, the file without .pub")
    if "PRIVATE KEY-----" in plain:
        raise UnusableKeyError("is a private key that was cut off", _WHOLE)
    raise UnusableKeyError("is no private key", f"give one in OpenSSH's format or PEM, or {_NEW}")


def _lines(text: str) -> str:
    lines = text.removeprefix("\ufeff").replace("\r", "\n").strip().splitlines()
    return "\n".join(stripped for line in lines if (stripped := line.strip()))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _loaded(kind: str, key: str) -> object:
    encrypted = UnusableKeyError(
        "has a passphrase, and nobody is there to type it",
        "take it off a copy of the key: `ssh-keygen -p -N '' -f <key>`",
    )
    if "Proc-Type: 4,ENCRYPTED" in key:
        raise encrypted
    load = load_ssh_private_key if kind == _OPENSSH else load_pem_private_key
    try:
        with catch_warnings(action="ignore"):  # that DSA is to go: we say so ourselves
            return load(key.encode(), None)
    except TypeError:  # how `cryptography` says that a password is missing
        raise encrypted from None
    except UnsupportedAlgorithm:
        raise UnusableKeyError("is a private key of a kind that ssh or git hosts no longer take", _NEW) from None
    except ValueError:
        raise UnusableKeyError("is a private key that is damaged", _WHOLE) from None
