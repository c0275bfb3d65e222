"""Lines of a known_hosts file: whether they hold a key for a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Pure.

ssh ignores a line that it cannot read, and then refuses the host. So it is enough that one line is right.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

_MARKERS = ("@cert-authority", "@revoked")
_KEY_TYPE = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.-]+", re.ASCII)
_FINGERPRINT = re.compile(r"\b(SHA256:[\w+/]{20,}|(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2})\b", re.ASCII)


@dataclass(frozen=True)
class _Line:
    marker: str
    hosts: str
    key: str
    """Algorithm and Base64, as ssh compares them."""


def refusal(text: str, host: str, port: int | None = None) -> str | None:
    """The reason why ssh would refuse a host with these lines, as the rest of a sentence; None if one holds a key of the host.

    Args:
        text: Content of a known_hosts file.
        host: Host name in lowercase.
        port: Port of ssh; None and 22 are the same.
    """
    # For another port ssh looks for `[host]:port` first, then for the host alone (OpenSSH, sshconnect.c, check_host_key).
    names = [host] if port in (None, 22) else [f"[{host}]:{port}", host]
    form = f"a line is `{names[0]} ssh-ed25519 AAAA...`"
    lines = list(_lines(text))
    named = [line for line in lines if any(_matches(line.hosts, name) for name in names)]
    revoked = {line.key for line in named if line.marker == "@revoked"}
    usable = [line for line in named if line.marker != "@revoked" and line.key not in revoked]
    if any(_is_whole(line.key) for line in usable):
        return None
    if usable:
        return f"the key for {names[0]} is incomplete or of a kind that ssh no longer accepts; {form}"
    if revoked:
        return f"every key for {names[0]} is marked @revoked; {form}"
    if _FINGERPRINT.search(text):
        return f"a fingerprint is not a key; {form}"
    if not lines and any(_KEY_TYPE.fullmatch(word) for word in text.split()):
        return f"no line is for {names[0]}: a key without its host; {form}"
    return f"no line is for {names[0]}; {form}"


def _lines(text: str) -> Iterator[_Line]:
    for raw in text.splitlines():
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if marker and marker not in _MARKERS:
            continue
        if len(words) >= 3 and _KEY_TYPE.fullmatch(words[1]):
            yield _Line(marker, words[0], f"{words[1]} {words[2]}")


def _matches(hosts: str, name: str) -> bool:
    """Whether the first field of a line matches a name: patterns with `*`, `?` and `!`, or one hash."""
    if hosts.startswith("|1|"):
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in hosts[3:].split("|"))
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)
    found = False
    for pattern in hosts.lower().split(","):
        # fnmatch reads [ as a class of characters; ssh does not.
        if fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_whole(key: str) -> bool:
    try:
        load_ssh_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
