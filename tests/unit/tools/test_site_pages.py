"""The lists of the documentation site are those that GitHub shows."""

import pytest


def test_the_content_of_a_list_item_is_indented_by_four_spaces_and_code_stays() -> None:
    pages = pytest.importorskip("tools.site_pages", reason="mkdocs is not installed: make site")
    text = "text\n1. first\n   ```sh\n   run\n   ```\n2. second\n\n```\n- code\n  more\n```"
    expected = "text\n\n1. first\n    ```sh\n    run\n    ```\n\n2. second\n\n```\n- code\n  more\n```"
    assert pages.indented(text) == expected
