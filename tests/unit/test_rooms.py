"""The structure of the package: imports between rooms point down, and no modules import each other in a cycle.

The layers are `LAYERS` in `tools/room_graph.py`; `docs/architecture.md` has the picture.
"""

import ast

import pytest

from tools.room_graph import LAYERS, PACKAGE, against_layers, arrows, between_rooms, cycle, read, room

MODULES = read()
IMPORTS = arrows(MODULES)
ROOMS = between_rooms(IMPORTS)


def test_every_room_has_one_place_in_the_layers() -> None:
    placed = [name for layer in LAYERS for name in layer]
    assert sorted(placed) == sorted({room(name) for name in MODULES}), "LAYERS in tools/room_graph.py"


def test_no_import_points_up() -> None:
    assert against_layers(IMPORTS) == set()


def test_no_modules_import_each_other_in_a_cycle() -> None:
    assert cycle(IMPORTS) == []


def test_parts_and_inputs_do_not_import_each_other() -> None:
    assert ("parts", "inputs") not in ROOMS
    assert ("inputs", "parts") not in ROOMS


def test_parts_take_typed_arguments_and_import_no_settings() -> None:
    assert ("parts", "settings") not in ROOMS


@pytest.mark.parametrize("name", ["git", "policies"])
def test_git_and_policies_do_not_depend_on_settings(name: str) -> None:
    reached, ahead = {name}, [name]
    while ahead:
        place = ahead.pop()
        new = {other for one, other in ROOMS if one == place} - reached
        reached |= new
        ahead += new
    assert not reached & {"settings", "arguments", "chart", "parts", "inputs"}


def test_the_package_imports_nothing_else_of_the_repository() -> None:
    others = {"components", "policies", "sandbox", "tests", "tools"}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & others, file
