"""Golden files hold the words of messages: one file per test module, in the folder `golden` beside it.

`make golden` writes them. A test run only reads them: a new, a changed and an unused text each fail it.
"""

import re
from collections.abc import Generator
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber import AmberSnapshotExtension

from tests.support.cases import ROOT

Golden = SnapshotAssertion
_TMP_PATH = re.compile(r"/[^\s'\"]*/pytest-of-[^/]+/pytest-\d+(/popen-gw\d+)?/[^/\s'\"]+")


class TextFile(AmberSnapshotExtension):
    """Keeps each text as a user sees it, without quotes and without the paths of this machine."""

    file_extension = "txt"

    def serialize(self, data: Any, **_: Any) -> str:
        """The text; `tmp_path` and the repository become `<tmp>` and `<repository>`."""
        return _TMP_PATH.sub("<tmp>", str(data)).replace(str(ROOT), "<repository>").strip("\n")


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> Golden:
    """The golden text of the running test: `assert text == golden`, or `golden(name="second text")` for more than one."""
    return snapshot.use_extension(TextFile)


@pytest.hookimpl(wrapper=True)
def pytest_assertrepr_compare(right: object) -> Generator[None, list[list[str]], list[list[str]]]:
    """Name the command that accepts new words."""
    explanations = yield
    if isinstance(right, Golden):
        explanations[0].insert(1, "`make golden` writes the golden files; review their diff")
    return explanations
