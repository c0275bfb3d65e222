"""The search for secrets finds them in every notation, without false positives."""

import base64
import gzip
import json
from urllib.parse import quote

import pytest

from tests.support.canaries import leaks

SECRET = "s3cret/värde+to keep?>~"
PLAIN = "an 8kB state with a digest 1f7d1dfe3d58e2c5 and a name airflow-fernet-key"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}@host".encode()).decode(),
        base64.b64encode(f"u:{SECRET}".encode()).decode(),
        quote(SECRET, ""),
        json.dumps(SECRET),
        json.dumps({"inner": json.dumps(SECRET)}),
        base64.b64encode(gzip.compress(f"values: {SECRET}".encode(), mtime=0)).decode(),
        base64.b64encode(base64.b64encode(gzip.compress(SECRET.encode(), mtime=0))).decode(),
    ],
)
def test_a_secret_is_found_in_every_notation(written: str) -> None:
    assert leaks({SECRET, "another one"}, f"{PLAIN} {written} {PLAIN}") == {SECRET}


def test_the_bytes_of_a_fernet_key_are_found_too() -> None:
    raw = bytes(range(200, 232))
    key = base64.urlsafe_b64encode(raw).decode()
    assert leaks({key}, f"id: {base64.b64encode(raw).decode()}") == {key}
    assert leaks({key}, raw.hex()) == {key}


def test_absent_secrets_are_not_found() -> None:
    assert leaks({SECRET}, PLAIN) == set()
