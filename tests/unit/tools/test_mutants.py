"""Mutants: each fault is the one intended, texts for people stay, and a sample can be drawn again."""

import ast
from collections import Counter

import pytest

from tools.mutants import ROOMS, faults, places, sample

FAULTS = {
    "a == b": ["(a != b)"],
    "1 < b": ["(1 <= b)", "2"],
    "a and not b": ["(a or not b)", "(b)"],
    "a | b": ["(a)"],
    "c = a.get(b, {})": ["(a.get(b))"],
    "a = Field(ge=low, le=high)": ["(Field(ge=low))"],
    "{'key': a, **b}": ["({**b})", "({'key': a})", "'key-mutant'"],
    "a if b else True": ["(not (b))", "False"],
    "[a for a in b if a]": ["(not (a))"],
    "a[b] = c": ["pass"],
    "def f():\n    yield a": ["pass"],
    "def f():\n    return a": ["return None"],
    "'what is wrong'": [],
    "'''Docstring.'''": [],
    "f'{a == b}'": [],
    "a: list[int | None] = b": [],
}


@pytest.mark.parametrize("code", FAULTS)
def test_the_faults_of_a_piece_of_code(code: str) -> None:
    assert [text for place in places(ast.parse(code)) for _, _, text in faults(place)] == FAULTS[code]


def test_a_sample_has_as_many_of_each_room_and_a_seed_gives_the_same_again() -> None:
    chosen = sample(30, seed=7)
    assert Counter(mutant.room for mutant in chosen) == dict.fromkeys(ROOMS, 5)
    assert chosen == sample(30, seed=7) != sample(30, seed=8)


def test_a_mutant_differs_from_the_file_where_it_says() -> None:
    for mutant in sample(30, seed=7):
        ast.parse(mutant.source)
        assert mutant.after in mutant.source
