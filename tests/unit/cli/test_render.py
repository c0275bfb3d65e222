"""`render` prints YAML that people read and Kubernetes reads as the same objects."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_stack.cli.render.render import as_yaml

MANIFEST = {
    "metadata": {"name": "a"},
    "apiVersion": "apps/v1",
    "spec": {"replicas": 2.0, "share": 0.5, "ports": [{"port": 8080.0}], "enabled": True},
    "kind": "Deployment",
}


def test_the_kind_comes_first_and_whole_numbers_are_integers() -> None:
    text = as_yaml([MANIFEST])
    assert text.startswith("kind: Deployment\napiVersion: apps/v1\nmetadata:\n")
    assert "replicas: 2\n" in text
    assert "- port: 8080\n" in text
    assert "share: 0.5\n" in text
    assert "enabled: true\n" in text


@pytest.mark.parametrize("text", ["a = 1\nb = \n", "\n---\na: 1", "  a\nb\n\n", "#!/bin/sh\n\techo\n"])
def test_a_text_of_several_lines_is_a_block(text: str) -> None:
    shown = as_yaml([{"kind": "ConfigMap", "data": {"file": text}, "list": [text, [text]]}])
    assert shown.count("|") == 3
    assert "\\n" not in shown
    assert yaml.safe_load(shown) == {"kind": "ConfigMap", "data": {"file": text}, "list": [text, [text]]}


texts = st.text() | st.text(st.sampled_from("ab:#-|>'\"{}[]&*!%\n\t \r\x85\u2028y"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(spec=values)
def test_any_manifest_is_read_back_as_it_was(spec: Any) -> None:
    manifest = {"kind": "X", "spec": spec}
    assert yaml.safe_load(as_yaml([manifest])) == manifest
