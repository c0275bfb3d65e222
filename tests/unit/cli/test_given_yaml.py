"""YAML that users write is read strictly: each key once, in bounded size, and every error is one message with the line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.cli import given_yaml
from airflow_stack.errors import UserError

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is given twice, first in line 1"),
        ("a:\n  - {b: 1, b: 2}\n", "line 2: the key 'b' is given twice"),
        (BOMB, "line 6: its aliases stand for more than 100000 values"),
        ("a: &a\n  b: *a\n", "line 1: an anchor contains itself"),
        ("a: " + "[" * 100_000, "more than 100 levels deep"),
        ("a: " + "{b: " * 100_000, "more than 100 levels deep"),
        ("- " * 100_000, "more than 100 levels deep"),
        ("a: [", "is not YAML"),
        ("a: b: c", "line 1 is not YAML"),
        ("a: *b", "line 1 is not YAML"),
        ("a: !!python/object:os.system {}", "line 1 is not YAML"),
        ("a: 1\n---\nb: 2\n", "line 2 is not YAML"),
        ("a: !!timestamp 2026-99-99", "is not YAML"),
        ("a: \x00", "is not YAML"),
        ("a: " + "9" * 5000, "is not YAML"),
    ],
    ids=lambda text: text[:20],
)
def test_yaml_that_cannot_be_meant_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=r"^the file") as refused:
        given_yaml.load(text, "the file")
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}\n", {"a": {"b": 1}, "c": {"b": 2}}),
        ("1: a\n'1': b\n", {1: "a", "1": "b"}),
    ],
)
def test_other_yaml_is_read(text: str, content: object) -> None:
    assert given_yaml.load(text, "the file") == content


@given(text=st.text() | st.text(st.sampled_from("a: \n-[]{}&*!|>'\"#?,")))
def test_any_text_is_read_or_refused_with_a_message(text: str) -> None:
    try:
        given_yaml.load(text, "the file")
    except UserError as error:
        assert str(error).startswith("the file")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    files = {"large": b"a" * (2**20 + 1), "binary": b"\xff\xfe\x00", "missing": None}
    for name, content in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name):
            given_yaml.document(tmp_path / name)
    with pytest.raises(UserError, match="is a folder"):
        given_yaml.document(tmp_path)
