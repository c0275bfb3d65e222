"""Hooks of the documentation site (`mkdocs.yml`): the overview from README.md, the table of versions, links out of `docs/`."""

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from airflow_stack.names import PROJECT
from tools.links import ROOT
from tools.markdown import anchor
from tools.reference_page import versions

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def indented(markdown: str) -> str:
    """The text with the content of list items indented by four spaces, as Python-Markdown asks, and a blank line before each."""
    lines: list[str] = []
    width, fenced = 0, False
    for line in markdown.splitlines():
        item = re.match(r"(?:[-*]|\d+\.) +", line)
        if item and not fenced:
            lines += [""] * bool(lines and lines[-1])
            width = len(item[0])
        elif line and not line.startswith(" "):
            width, fenced = 0, fenced ^ line.startswith("```")
        lines.append(" " * (4 - width) + line if width and line.startswith(" " * width) else line)
    return "\n".join(lines)


def slug(text: str, separator: str) -> str:
    """Anchor of a heading, as on GitHub."""
    return anchor(text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    overview = (ROOT / "README.md").read_text()
    # Markdown in HTML is text to MkDocs.
    overview = re.sub(r"<details><summary>.*?</summary>|</details>", "", overview)
    files.append(File.generated(config, "index.md", content=overview))
    files.append(File.generated(config, "versions.md", content="# Tested versions\n\n" + "\n".join(versions())))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: Any) -> str:  # noqa: ANN401  hooks of MkDocs
    """Lead links out of `docs/` to the repository. Without its address, they become plain text."""
    here = "" if page.file.src_uri == "index.md" else posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def moved(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        if re.match(r"\w+:|#", target):
            return link[0]
        path, hash_, heading = target.partition("#")
        path = posixpath.normpath(posixpath.join(here, path))
        if path == "README.md":
            path = "docs/index.md"
        if (path.startswith("docs/") and (ROOT / path).is_file()) or path == "docs/index.md":
            start = posixpath.dirname(page.file.src_uri) or "."
            return f"{picture}[{text}]({posixpath.relpath(path.removeprefix('docs/'), start)}{hash_}{heading})"
        return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{path}{hash_}{heading})" if config.repo_url else text

    parts = _CODE.split(indented(markdown))
    return "".join(part if part.lstrip().startswith("```") else _LINK.sub(moved, part) for part in parts)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name the repository, if CI or the reader names its address. Pages without a place in the navigation come last."""
    placed = (ROOT / "mkdocs.yml").read_text()
    pages = sorted(str(file.relative_to(config.docs_dir)) for file in Path(config.docs_dir).rglob("*.md"))
    if others := [page for page in pages if page not in placed]:
        config.nav.append({"More": others})
    config.repo_url, config.repo_name = os.environ.get("REPOSITORY_URL", ""), PROJECT
    return config
