"""The documentation site has every page, and its lists are those that GitHub shows."""

import re

import pytest

from tests.support.cases import ROOT


def test_every_page_has_a_place_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().split("\nnav:\n")[1]
    pages = [str(file.relative_to(ROOT / "docs")) for file in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not re.search(rf"\b{re.escape(page)}$", navigation, re.MULTILINE)] == []


def test_the_content_of_a_list_item_is_indented_by_four_spaces_and_code_stays() -> None:
    pages = pytest.importorskip("tools.site_pages", reason="mkdocs is not installed: make site")
    text = "text\n1. first\n   ```sh\n   run\n   ```\n2. second\n\n```\n- code\n  more\n```"
    expected = "text\n\n1. first\n    ```sh\n    run\n    ```\n\n2. second\n\n```\n- code\n  more\n```"
    assert pages.indented(text) == expected
