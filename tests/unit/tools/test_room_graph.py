"""The imports behind the picture of the rooms: all are found, each with the right module."""

from itertools import pairwise
from pathlib import Path

import pytest

from tools.room_graph import LAYERS, against_layers, arrows, between_rooms, cycle, page, read

FILES = {
    "__init__.py": "from .top import made",
    "top.py": '"""Makes it. And more."""\nfrom house import ground\nfrom house.room import inner as other\n',
    "ground.py": '"""What is\nbelow, v1.2 too.\n\nMore."""\n',
    "room/__init__.py": '"""A room."""\nthing = 1\n',
    "room/inner.py": "def later():\n    from house.room import thing\n    import house.room.deep.well\n",
    "room/deep/__init__.py": "",
    "room/deep/well.py": (
        "import typing, json, houses.ground\nfrom house.ground import value\n"
        "if typing.TYPE_CHECKING:\n    from ...top import made\n    from .. import inner\n    from . import bucket\n"
    ),
    "room/deep/bucket.py": "",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "house"


def test_imports_are_found_at_the_top_in_functions_and_under_type_checking(house: Path) -> None:
    assert {name: set(module.imports) for name, module in read(house).items()} == {
        "top": {"ground", "room.inner"},
        "ground": set(),
        "room": set(),
        "room.inner": {"room", "room.deep.well"},
        "room.deep": set(),
        "room.deep.well": {"ground", "top", "room.inner", "room.deep.bucket"},
        "room.deep.bucket": set(),
    }


def test_a_module_is_described_by_the_first_sentence_of_its_docstring(house: Path) -> None:
    modules = read(house)
    assert modules["top"].purpose == "Makes it."
    assert modules["ground"].purpose == "What is below, v1.2 too."


def test_a_cycle_is_named_in_the_order_of_its_imports(house: Path) -> None:
    ring = cycle(arrows(read(house)))
    assert ring[0] == ring[-1]
    assert set(pairwise(ring)) <= arrows(read(house))
    assert cycle({("a", "b"), ("b", "c"), ("a", "c")}) == []


def test_rooms_are_sub_packages_and_single_modules(house: Path) -> None:
    assert between_rooms(arrows(read(house))) == {
        ("top", "ground"),
        ("top", "room"),
        ("room", "ground"),
        ("room", "top"),
    }


def test_an_import_may_go_down_or_stay_in_its_room() -> None:
    down, within = ("cli.main", "choices"), ("inputs.program", "inputs.validation")
    up, across = ("choices", "settings.models"), ("parts.namespace", "inputs.program")
    assert against_layers({down, within, up, across}) == {up, across}


def test_the_page_shows_every_room_once_and_no_arrow_that_others_make_superfluous() -> None:
    picture, table = page().split("```mermaid")[1].split("```")
    for name in (name for layer in LAYERS for name in layer):
        assert picture.count(f'\n  {name}["<b>{name}') == 1
        assert table.count(f"| [{name}") == 1
    assert "cli --> airflow" in picture
    assert "cli --> choices" not in picture
