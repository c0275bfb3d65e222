"""Finds secrets in a text, in any notation."""

import base64
import binascii
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""In characters. Shorter texts occur by chance."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")


def notations(secret: str) -> set[str]:
    """Notations of the secret in a text, also as a part of a longer Base64 text."""
    raws = {secret.encode(), *_decoded(secret)}
    found = set()
    for raw in raws:
        found |= {raw.hex(), raw.hex().upper(), *_inside_base64(raw)}
        if (text := raw.decode(errors="ignore")).encode() == raw:
            found |= {
                text,
                quote(text, ""),
                quote_plus(text),
                json.dumps(text)[1:-1],
                json.dumps(json.dumps(text))[3:-3],
            }
    return {each for each in found if len(each) >= SHORTEST}


def _decoded(text: str) -> Iterator[bytes]:
    """Decoded Base64: a Fernet key is secret in other notations too."""
    for altchars in (b"+/", b"-_"):
        try:
            raw = base64.b64decode(text, altchars, validate=True)
        except (binascii.Error, ValueError):
            continue
        if len(raw) >= SHORTEST:
            yield raw


def _inside_base64(raw: bytes) -> Iterator[str]:
    """Base64 characters that depend only on the bytes, for each position in a longer text."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        # The first characters contain bits of preceding bytes, the last one bits of following bytes.
        inner = encoded[(0, 2, 3)[before] : -1].decode()
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def unpacked(text: str) -> str:
    """The text, followed by the content of compressed parts."""
    found = [text]
    for packed in _BASE64.findall(text):
        raw = packed.encode()
        for _ in range(2):  # Helm encodes its records in addition to Kubernetes
            try:
                raw = base64.b64decode(raw + b"=" * (-len(raw) % 4), b"-_" if b"-" in raw or b"_" in raw else b"+/")
            except (binascii.Error, ValueError):
                break
            if raw.startswith(b"\x1f\x8b"):
                with suppress(OSError, EOFError, zlib.error):
                    found.append(gzip.decompress(raw).decode(errors="replace"))
                break
    return "\n".join(found)


def leaks(secrets: set[str], text: str) -> set[str]:
    """Secrets that the text contains."""
    whole = unpacked(text)
    return {secret for secret in secrets if any(each in whole for each in notations(secret))}
