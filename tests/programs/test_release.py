"""`make release`: a rehearsal builds artifacts that work, and names everything that prevents a release."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.cases import ROOT
from tools.release import PINNED, build, problems, try_wheel, urls, version

FILES = ("pyproject.toml", "CHANGELOG.md", "components/airflow_stack/schema.json", *PINNED)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The files that name the version, and the states of the version."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tools" / "released" / version()).mkdir(parents=True)
    return tmp_path


def test_the_project_can_be_released_as_it_is() -> None:
    assert list(problems(None)) == []


def test_a_tag_needs_its_own_version_and_a_section_of_the_changelog(tree: Path) -> None:
    changelog = tree / "CHANGELOG.md"
    found = list(problems("v9.9.9", tree))
    assert found[0].startswith(f"the tag is v9.9.9, the version {version()}")
    assert found[1].startswith(f"CHANGELOG.md has no section {version()}")
    changelog.write_text(changelog.read_text().replace("## Unreleased", f"## {version()} - 2026-12-01"))
    assert list(problems(f"v{version()}", tree)) == []
    shutil.rmtree(tree / "tools")
    assert list(problems(f"v{version()}", tree)) == [f"tools/released/{version()} is missing; run `make released`"]


def test_every_place_of_the_version_is_compared(tree: Path) -> None:
    project = tree / "pyproject.toml"
    project.write_text(project.read_text().replace(f'version = "{version()}"', 'version = "7.0.0"', 1))
    assert [found.split(" has ")[0] for found in problems(None, tree)] == list(FILES[2:])


def test_a_release_names_the_addresses_of_the_repository_that_builds_it() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text() + urls("https://github.com/acme/stack"))["project"]
    assert table["urls"]["Changelog"] == "https://github.com/acme/stack/blob/main/CHANGELOG.md"
    assert urls("") == ""


def test_the_built_wheel_works_in_a_clean_environment(tmp_path: Path) -> None:
    wheel, sdist = build(tmp_path)
    assert (wheel.suffix, sdist.suffix) == (".whl", ".gz")
    assert try_wheel(wheel, sys.executable).endswith("packages")
