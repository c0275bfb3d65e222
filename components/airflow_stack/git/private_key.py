"""Check and repair of private keys for the DAG repository, before any change.

Pure. No message repeats any part of a key. `airflow-stack doctor` asks the git host whether it accepts the key.
"""

import base64
import binascii
import re
from warnings import catch_warnings

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY)-----(?P<body>.*?)-----END (?P=kind)-----", re.DOTALL)
_ESCAPED = re.compile(r"\\+(?:r\\+n|[nr])")
_ENCODINGS = 3  # times that Base64 is decoded: a Secret's own, a tool's, and a person's
_PUBLIC = re.compile(r"^(ssh-|ecdsa-sha2-|sk-)\S+ AAAA|BEGIN ([A-Z0-9 ]+ )?PUBLIC KEY|BEGIN CERTIFICATE", re.MULTILINE)
_OPENSSH = "OPENSSH PRIVATE KEY"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")  # RFC 5656: nistp256, nistp384 and nistp521 in ssh
_RSA_BITS = 2048  # the minimum of NIST SP 800-131A
_NEW = "create a new key with `ssh-keygen -t ed25519 -N '' -f <key>` and add <key>.pub to the repository"
_WHOLE = "use the whole file"


class UnusableKeyError(ValueError):
    """A key that cannot work, with the reason and the fix."""

    def __init__(self, reason: str, way_out: str) -> None:
        self.reason, self.way_out = reason, way_out
        super().__init__(f"{reason}; {way_out}")


def usable(text: str) -> str:
    """The private SSH key in the form that git-sync needs: lines that ssh reads, and a final line break.

    Raises:
        UnusableKeyError: ssh or every git host would refuse the key.
    """
    kind, key = _block(text)
    match private := _loaded(kind, key):
        case rsa.RSAPrivateKey() if private.key_size < _RSA_BITS:
            raise UnusableKeyError(f"is an RSA key of {private.key_size} bits, too weak for git hosts",
                                   "create one of 3072 bits or more, or better an ed25519 key: `ssh-keygen -t ed25519 -N '' -f <key>`")  # fmt: skip
        case rsa.RSAPrivateKey():
            return key
        case ed25519.Ed25519PrivateKey() if kind == _OPENSSH:
            return key
        case ed25519.Ed25519PrivateKey():
            raise UnusableKeyError("is an ed25519 key in PKCS#8, which ssh reads only from OpenSSH 9.6 on",
                                   "convert it with OpenSSH 9.6 or newer: `ssh-keygen -p -N '' -f <key>`")  # fmt: skip
        case ec.EllipticCurvePrivateKey() if private.curve.name in _CURVES:
            return key
        case dsa.DSAPrivateKey():
            raise UnusableKeyError("is a DSA key, which git hosts and ssh no longer accept", _NEW)
    raise UnusableKeyError("is a kind of private key that ssh does not accept", _NEW)


def usable_for_github_app(text: str) -> str:
    """The private key of a GitHub App in the form that git-sync needs: RSA in PEM (golang-jwt, `ParseRSAPrivateKeyFromPEM`).

    Raises:
        UnusableKeyError: git-sync could not sign with the key.
    """
    kind, key = _block(text)
    private = _loaded(kind, key)
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < _RSA_BITS or kind == _OPENSSH:
        raise UnusableKeyError(
            f"is not a GitHub App's private key: RSA of {_RSA_BITS} bits or more in PEM",
            "generate one on the App's page, General > Private keys, and use the downloaded .pem file",
        )
    return key


def _block(text: str) -> tuple[str, str]:
    """Kind and text of the only private key in the text; Base64 of the whole text is decoded, and lost line ends are restored."""
    plain = _lines(text)
    for _ in range(_ENCODINGS):
        if "----" in plain or not (inner := _lines(_decoded(plain))):
            break
        plain = inner
    if found := _BLOCK.search(plain):
        return found["kind"], _in_lines(found["kind"], found["body"])
    if plain.startswith("PuTTY-User-Key-File"):
        raise UnusableKeyError(
            "is a key in PuTTY's format", "convert it: `puttygen <key>.ppk -O private-openssh -o <key>`"
        )
    if _PUBLIC.search(plain):
        raise UnusableKeyError("is a public key or a certificate", "use the private key: the file without .pub")
    if "PRIVATE KEY-----" in plain:
        raise UnusableKeyError("is an incomplete private key", _WHOLE)
    raise UnusableKeyError("is not a private key", f"use a key in OpenSSH's format or PEM, or {_NEW}")


def _in_lines(kind: str, body: str) -> str:
    """The key with its lines: a body on one line is split as ssh-keygen and openssl split it, at 70 and 64 characters."""
    begin, body, end = f"-----BEGIN {kind}-----\n", body.strip(), f"\n-----END {kind}-----\n"
    if "\n" not in body or (
        " " in body and ":" not in body
    ):  # a colon: the headers of an encrypted key, which `_loaded` refuses
        whole, width = "".join(body.split()), 70 if kind == _OPENSSH else 64
        body = "\n".join(whole[at : at + width] for at in range(0, len(whole), width))
    return f"{begin}{body}{end}"


def _lines(text: str) -> str:
    """The text in lines without blanks around them: ends of Windows and Macs, as JSON and .env files escape them, and quotes."""
    text = _ESCAPED.sub("\n", text.removeprefix("\ufeff").replace("\r", "\n")).strip().strip("'\"")
    return "\n".join(stripped for line in text.splitlines() if (stripped := line.strip()))


def _decoded(text: str) -> str:
    try:
        joined = "".join(text.split())
        content = base64.b64decode(joined + "=" * (-len(joined) % 4), validate=True)
        is_utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff") or content[1:2] == b"\0"
        return content.decode("utf-16" if is_utf_16 else "utf-8")
    except (binascii.Error, ValueError):
        return ""


def _loaded(kind: str, key: str) -> object:
    encrypted = UnusableKeyError(
        "has a passphrase, which git-sync cannot enter",
        "remove it from a copy of the key: `ssh-keygen -p -N '' -f <key>`",
    )
    if "4,ENCRYPTED" in key:  # RFC 1421, Proc-Type
        raise encrypted
    load = load_ssh_private_key if kind == _OPENSSH else load_pem_private_key
    try:
        with catch_warnings(action="ignore"):  # of DSA's deprecation: this module refuses DSA itself
            return load(key.encode(), None)
    except TypeError:  # `cryptography` reports a missing password in this way
        raise encrypted from None
    except UnsupportedAlgorithm:
        raise UnusableKeyError("is a kind of private key that ssh or git hosts no longer accept", _NEW) from None
    except ValueError:
        raise UnusableKeyError("is a damaged private key", _WHOLE) from None
