"""Documents are in plain English, and their links and paths lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from airflow_stack.cli import main
from tests.support.cases import ROOT, problems
from tools import links

LONGEST = 25
"""Words in a sentence."""
AVOIDED = re.compile(
    r"\b(fares?|mend(s|ed|ing)?|told|anew|nobody|whoever|in words|h[eo]lds? to|asked for|stands? for|comes? along"
    r"|for (it|they|there|then) (is|are|has|have|had|was|were|would|may|can)|what else|such as do)\b",
    re.IGNORECASE,
)
GENERATED = [ROOT / "docs" / "reference.md", ROOT / "docs" / "architecture.md"]
PROSE = [
    *ROOT.glob("*.md"),
    *(ROOT / folder / "README.md" for folder in ("examples", "sandbox/chart", "template")),
    *(file for file in ROOT.glob("docs/**/*.md") if file not in GENERATED),
]
COMMENTED = [
    *(ROOT / name for name in ("Makefile", "Pulumi.dev.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml")),
    *(ROOT / name for name in (".gitlab-ci.yml", ".gitlab/stacks.yml", "docs/reference-examples.yaml")),
    *(ROOT / name for name in ("template/.gitlab-ci.yml", "template/Pulumi.staging.yaml", "template/Pulumi.prod.yaml")),
    *ROOT.glob(".github/**/*.yml"),
    *ROOT.glob("template/.github/**/*.yml"),
    *ROOT.glob("examples/*/*.*"),
]
each_document = pytest.mark.parametrize("file", PROSE, ids=lambda file: str(file.relative_to(ROOT)))


def without_code(text: str) -> str:
    """The text without code blocks and HTML; a code span or a URL is one word."""
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]+`", "code", text)
    text = re.sub(r"<!--.*?-->|</?\w[^>]*>", "", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def sentences(text: str) -> Iterator[str]:
    """Every sentence outside of headings and tables. A list item and a paragraph end one too."""
    lines = [line for line in without_code(text).splitlines() if not line.lstrip().startswith(("|", "#"))]
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines)):
        item = re.sub(r"^\s*(?:[-*]|\d+\.) ", "", block)
        yield from re.split(r"(?<=[.!?])[*\")]*\s+", " ".join(item.split()))


@each_document
def test_no_sentence_is_longer_than_a_reader_who_skims_takes_in(file: Path) -> None:
    long = [sentence for sentence in sentences(file.read_text()) if len(sentence.split()) > LONGEST]
    assert long == []


@each_document
def test_documents_avoid_unusual_words(file: Path) -> None:
    assert [match[0] for match in AVOIDED.finditer(without_code(file.read_text()))] == []


@pytest.mark.parametrize("file", COMMENTED, ids=lambda file: str(file.relative_to(ROOT)))
def test_comments_avoid_unusual_words(file: Path) -> None:
    comments = re.findall(r"(?:^|\s)(?:#+|//) (.*)", file.read_text())
    assert [match[0] for comment in comments for match in AVOIDED.finditer(comment)] == []


@pytest.mark.parametrize("file", [*PROSE, *GENERATED], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(file: Path) -> None:
    assert links.lost(file) == []


@each_document
def test_every_path_in_a_document_is_that_of_a_file(file: Path) -> None:
    folders = "components|dags|docs|examples|policies|sandbox|schemas|tests|tools"
    paths = re.findall(rf"`((?:{folders})/[\w./*-]*)`", file.read_text())
    assert [path for path in paths if not any(ROOT.glob(path.rstrip("/")))] == []


@each_document
def test_every_make_target_in_a_document_exists(file: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:^|`)make ([a-z-]+)", file.read_text(), re.MULTILINE)
    assert set(named) <= {*targets, "help"}


@each_document
def test_every_command_and_option_in_a_document_exists(file: Path) -> None:
    for line in re.findall(r"(?:^|`|\$ )(airflow-stack [^`\n#|;]*)", file.read_text(), re.MULTILINE):
        command: Any = typer.main.get_command(main.app)
        words = line.split()[1:]
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {name for param in command.params for name in param.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("-")} <= options, line


def test_the_readme_shows_the_real_message_for_wrong_settings() -> None:
    wrong = {"dags": {"repository": "git@github.com:acme/dags.git", "brnch": "main"}, "executor": "Kubernetes"}
    message = str(problems(wrong)).replace("stack 'test'", "stack 'dev'").replace("--stack test", "--stack dev")
    assert f"error: {message.strip()}\n```" in (ROOT / "README.md").read_text()
