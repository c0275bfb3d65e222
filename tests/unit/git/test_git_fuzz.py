"""Arbitrary URLs, refs, host keys and private keys are taken or refused with a message; what is taken works, and no message shows a token.

`make fuzz` runs ten thousand of each.
"""

import re

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from hypothesis import event, given
from hypothesis import strategies as st

from airflow_stack.choices import GitRefKind
from airflow_stack.git.host_keys import refusal
from airflow_stack.git.hosts import deploy_key_page, kind_of, other_form
from airflow_stack.git.private_key import UnusableKeyError, usable
from airflow_stack.git.ref_name import checked
from airflow_stack.git.url import GitUrl
from airflow_stack.settings.problem import Problem
from tests.support.cases import KEY
from tests.support.hostile_strategies import CANARY, git_urls, known_hosts, mangled_keys, refs


@given(url=git_urls | st.text(max_size=60))
def test_a_url_is_one_that_git_clones_or_is_refused_without_its_token(url: str) -> None:
    try:
        parsed = GitUrl.parse(url)
    except ValueError as error:
        event("refused")
        assert CANARY not in f"{error}{Problem('dags.repository', str(error), value=url).value}"
        if right := re.search(r"write (?:it as|the repository's:) (\S+?)(?:,|$)", str(error)):
            try:
                GitUrl.parse(right[1])  # the advice can be followed, in steps
            except ValueError as next_:
                assert str(next_) != str(error)
        return
    event("taken")
    assert CANARY not in url
    assert not re.search(r"[\s?#]", url)
    assert "@" not in url or parsed.is_ssh
    assert GitUrl.parse(other_form(parsed)).is_ssh != parsed.is_ssh or parsed.host.startswith("ssh.")
    assert deploy_key_page(parsed, kind_of(parsed))


@given(name=refs | st.text(max_size=20), kind=st.sampled_from([GitRefKind.BRANCH, GitRefKind.TAG]))
def test_a_ref_is_a_short_name_or_refused(name: str, kind: GitRefKind) -> None:
    try:
        short = checked(name, kind)
    except ValueError as error:
        assert str(error)
        return
    assert checked(short, kind) == short
    assert not re.search(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|//|@\{|^/|/$|\.$|\.lock(/|$)|(^|/)\.|^-", short)


@given(text=known_hosts | st.text(max_size=60), port=st.sampled_from([None, 22, 2222]))
def test_host_keys_name_the_host_or_are_refused_with_an_example(text: str, port: int | None) -> None:
    reason = refusal(text, "git.example.com", port)
    event("refused" if reason else "taken")
    if reason:
        assert reason.endswith("AAAA...`")
    else:
        assert re.search(r"\*|git\.example\.com|\|1\|", text)


@given(text=mangled_keys)
def test_a_key_that_is_whole_is_repaired_whatever_tools_it_went_through(text: str) -> None:
    try:
        repaired = usable(text)
    except UnusableKeyError as error:
        event("refused")
        assert len(str(error)) < 300
        return
    event("repaired")
    assert _secret(repaired) == _secret(KEY)


@given(text=mangled_keys, cut=st.integers(1, 200))
def test_a_key_that_was_cut_off_is_never_taken_as_another(text: str, cut: int) -> None:
    try:
        repaired = usable(text[:-cut])
    except UnusableKeyError as error:
        assert not [word for word in text.split() if len(word) > 24 and word in str(error)]
        return
    assert _secret(repaired) == _secret(KEY)


def _secret(key: str) -> bytes:
    load = load_ssh_private_key if "OPENSSH" in key else load_pem_private_key
    loaded = load(key.encode(), None)
    return loaded.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
