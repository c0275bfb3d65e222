"""Host keys are accepted where ssh would find a key for the host, and refused with an example elsewhere."""

import base64
import hashlib
import hmac

import pytest

from airflow_stack.git.host_keys import refusal
from airflow_stack.git.known_hosts import PUBLISHED
from tests.support.cases import problems, settings

HOST = "git.example.com"
KEY = PUBLISHED["github.com"].keys[0]
OTHER = PUBLISHED["gitlab.com"].keys[0]
URL = f"git@{HOST}:data/dags.git"


def hashed(name: str) -> str:
    """A host as `ssh-keygen -H` writes it."""
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


TAKEN: dict[str, tuple[str, int | None]] = {
    "a line": (f"{HOST} {KEY}", None),
    "port 22": (f"{HOST} {KEY}", 22),
    "another case": (f"Git.Example.com {KEY}", None),
    "several hosts": (f"a.example.com,{HOST},192.0.2.1 {KEY}", None),
    "a comment": (f"# {HOST}:22 SSH-2.0-OpenSSH\n\n{HOST} {KEY} me@there", None),
    "a wildcard": (f"*.example.com {KEY}", None),
    "a question mark": (f"gi?.example.com {KEY}", None),
    "another host first": (f"a.example.com {OTHER}\r\n{HOST} {KEY}", None),
    "a broken line first": (f"nonsense\n{HOST} {KEY[:-8]}\n{HOST} {KEY}", None),
    "a hash": (f"{hashed(HOST)} {KEY}", None),
    "an authority": (f"@cert-authority *.example.com {KEY}", None),
    "a port": (f"[{HOST}]:7999 {KEY}", 7999),
    "a hash of a port": (f"{hashed(f'[{HOST}]:7999')} {KEY}", 7999),
    "a host without the port": (f"{HOST} {KEY}", 7999),
    "tabs": (f"{HOST}\t{KEY}", None),
    "another key revoked": (f"@revoked {HOST} {OTHER}\n{HOST} {KEY}", None),
    **{algorithm.split()[0]: (f"{HOST} {algorithm}", None) for algorithm in PUBLISHED["github.com"].keys},
}
REFUSED: dict[str, tuple[str, int | None]] = {
    "a key without its host": (KEY, None),
    "a fingerprint": ("SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s", None),
    "an old fingerprint": (f"{HOST} MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", None),
    "another host": (f"git.example.org {KEY}", None),
    "a key that was cut off": (f"{HOST} {KEY[:-8]}", None),
    "a key of another kind": (f"{HOST} ssh-rsa {KEY.split()[1]}", None),
    "a private key": ("-----BEGIN OPENSSH PRIVATE KEY-----", None),
    "another port": (f"[{HOST}]:7999 {KEY}", None),
    "port 22 in brackets, which ssh never looks for": (f"[{HOST}]:22 {KEY}", None),
    "a port with a colon alone": (f"{HOST}:7999 {KEY}", 7999),
    "an exception": (f"*,!{HOST} {KEY}", None),
    "a hash of another host": (f"{hashed('git.example.org')} {KEY}", None),
    "a broken hash": (f"|1|abc {KEY}", None),
    "a revoked key": (f"@revoked {HOST} {KEY}\n{HOST} {KEY}", None),
    "an unknown marker": (f"@trusted {HOST} {KEY}", None),
    "a line that is a comment": (f"#{HOST} {KEY}", None),
}


def ids(cases: dict[str, tuple[str, int | None]]) -> list[str]:
    return list(cases)


@pytest.mark.parametrize(("text", "port"), TAKEN.values(), ids=ids(TAKEN))
def test_lines_with_a_key_for_the_host_are_taken(text: str, port: int | None) -> None:
    assert refusal(text, HOST, port) is None


@pytest.mark.parametrize(("text", "port"), REFUSED.values(), ids=ids(REFUSED))
def test_lines_without_a_key_for_the_host_are_refused_with_an_example(text: str, port: int | None) -> None:
    reason = refusal(text, HOST, port)
    assert reason is not None
    name = f"[{HOST}]:{port}" if port else HOST
    assert reason.endswith(f"a line is `{name} ssh-ed25519 AAAA...`")


def test_the_setting_is_checked_for_the_repository_and_for_more_repositories() -> None:
    settings(dags={"repository": URL, "knownHosts": TAKEN["a line"][0]})
    (problem,) = problems({"dags": {"repository": URL, "knownHosts": KEY}}).problems
    assert problem.path == "dags.knownHosts"
    assert "a key without its host" in problem.reason
    more = {"a": {"repository": "git@git.example.org:a/b.git"}}
    dags = {"repository": URL, "delivery": "gitBundle", "knownHosts": f"{HOST} {KEY}", "moreRepositories": more}
    (problem,) = problems({"dags": dags}).problems
    assert "no line is for git.example.org" in problem.reason
